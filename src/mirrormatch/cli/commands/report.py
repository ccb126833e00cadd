"""`mirrormatch report`: what a run did and learned, as one HTML file that needs nothing else."""

from argparse import Namespace
from pathlib import Path

from mirrormatch.cli.arguments import Parser


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run, finished or not")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write (default RUN/report.html)")


def run(options: Namespace) -> int:
    """Writes the report and prints where."""
    from mirrormatch.cli.runs import write_report
    from mirrormatch.training.run_folder import RunFolder

    print(write_report(RunFolder(options.run), options.out))
    return 0
