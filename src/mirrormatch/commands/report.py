"""`mirrormatch report`: a run's curves, tables and sample episodes as one self-contained HTML page."""

from argparse import Namespace
from pathlib import Path

from mirrormatch.commands.core.parser import Parser


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder")


def run(options: Namespace) -> int:
    """Writes report.html into the run folder and prints its path."""
    raise NotImplementedError
