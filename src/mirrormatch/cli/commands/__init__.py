"""One file per command; each defines `run(options)` and is imported only when its command runs."""
