"""`mirrormatch check game`: whether a game keeps what every game must keep."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from mirrormatch.commands.core.parser import Parser, add_seed, at_least
from mirrormatch.games.core.game import Game
from mirrormatch.text import printable

NUM_GAMES = 200


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("game", metavar="NAME", help="an installed game, or a Python file (it is run): ./my_game.py")
    parser.add_argument(
        "--games",
        type=at_least(1),
        default=NUM_GAMES,
        metavar="N",
        help=f"random games to play (default {NUM_GAMES})",
    )
    add_seed(parser, "of the random games (default 0)")


def run(options: Namespace) -> int:
    """Checks, prints what was found, and returns 1 when that is something."""
    from mirrormatch.games.core.contract import check

    game = _load(options.game)
    findings = check(game, options.games, options.seed)
    for finding in findings:
        print(printable(f"{finding.rule}: {finding.message}"))
        if finding.shown_by:
            print(printable(f"  {finding.shown_by}"))
    if findings:
        print(f"{options.game}: {len(findings)} {'rule is' if len(findings) == 1 else 'rules are'} broken")
        return 1
    print(f"{options.game}: keeps the contract in {options.games} random games")
    return 0


def _load(name: str) -> Game[Any, Any]:
    from mirrormatch import games

    if name.endswith(".py") or name.startswith((".", "/", "~")):
        return games.registry.load_file(Path(name).expanduser())
    return games.get(name)
