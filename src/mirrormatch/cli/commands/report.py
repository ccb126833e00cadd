"""`mirrormatch report`: a run's settings, curves and samples as one self-contained HTML file."""

from argparse import Namespace

from mirrormatch.cli.runs import write_report
from mirrormatch.training.run_folder import RunFolder


def run(options: Namespace) -> int:
    """Writes the report and prints its path."""
    print(write_report(RunFolder(options.run), options.out))
    return 0
