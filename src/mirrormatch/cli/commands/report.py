"""`mirrormatch report`: what a run did and learned, as one HTML file that needs nothing else."""

from argparse import Namespace

from mirrormatch.cli.runs import write_report
from mirrormatch.training.run_folder import RunFolder


def run(options: Namespace) -> int:
    """Writes the report and prints where."""
    print(write_report(RunFolder(options.run), options.out))
    return 0
