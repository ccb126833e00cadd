"""Lets `python -m mirrormatch.cli` run the command line."""

import sys

from mirrormatch.cli import main

sys.exit(main())
