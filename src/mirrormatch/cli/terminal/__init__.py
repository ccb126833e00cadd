"""What the commands print: tables, progress bars and the play screen."""
