"""Output of the commands: tables, progress bars and the play screen."""
