"""`mirrormatch eval transfer`: accuracy on reasoning problems outside the games."""

from argparse import Namespace

from mirrormatch.commands.core.parser import SPEC_HELP, Parser, add_json, add_seed, at_least

NUM_PROBLEMS = 200  # per benchmark: an interval of about +-7 points


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    parser.add_argument(
        "--benchmark",
        action="append",
        default=[],
        metavar="NAME",
        dest="benchmarks",
        help="only this one; may be repeated (mirrormatch list benchmarks)",
    )
    parser.add_argument(
        "--problems",
        type=at_least(1),
        default=NUM_PROBLEMS,
        metavar="N",
        help=f"problems of each benchmark (default {NUM_PROBLEMS})",
    )
    add_seed(parser, "of the problems and of the sampled answers (default 0)")
    add_json(parser)


def run(options: Namespace) -> int:
    """Measures and prints."""
    raise NotImplementedError
