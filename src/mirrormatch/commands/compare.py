"""`mirrormatch compare`: paired differences between two runs or agents, and whether they could be chance."""

from argparse import Namespace

from mirrormatch.commands.core.parser import Parser, add_json, add_seed


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("a", metavar="BEFORE", help="before: a run folder or an agent")
    parser.add_argument("b", metavar="AFTER", help="after; differences are this one less the first")
    add_seed(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Compares and prints."""
    raise NotImplementedError
