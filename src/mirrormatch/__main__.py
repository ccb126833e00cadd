"""Lets `python -m mirrormatch` run the command line."""

import sys

from mirrormatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
