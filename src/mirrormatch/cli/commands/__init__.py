"""One file per command of the command line. Heavy imports stand inside the functions that need them."""
