"""The table of games behind `mirrormatch list games`, and what narrows it."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeAlias, get_args

from mirrormatch.commands.core.parser import Parser, at_least, one_of
from mirrormatch.errors import UserError
from mirrormatch.games.core.game import Game
from mirrormatch.games.core.records import Kind
from mirrormatch.text import one_line

Item: TypeAlias = dict[str, Any]

_YES_NO = ("yes", "no")
_SOLVERS = ("exact", "rules", "none")
_SHORTEST = 5  # characters of the last column, on a terminal that is too narrow
COLUMNS = ("name", "players", "kind", "hidden", "chance", "open_text", "solver", "source")


def add_filters(parser: Parser) -> None:
    """The options that narrow the list of games."""
    only = parser.add_argument_group("only games")
    parser.note_flags("--library", "--players", "--kind", "--hidden", "--chance", "--open-text", "--solver")
    only.add_argument("--library", metavar="NAME", help="of another library: openspiel | textarena")
    only.add_argument("--players", metavar="N", type=at_least(1), help="for so many players")
    kinds = get_args(Kind)
    only.add_argument(
        "--kind", dest="interests", metavar="KIND", type=one_of("kind", kinds), help=f"of a kind: {' | '.join(kinds)}"
    )
    for name, what in (("hidden", "with hidden information"), ("chance", "of chance"), ("open-text", "of free text")):
        only.add_argument(f"--{name}", metavar="yes|no", type=one_of("answer", _YES_NO), help=f"{what}, or without")
    only.add_argument(
        "--solver", metavar="SOLVER", type=one_of("solver", _SOLVERS), help=f"with a solver: {' | '.join(_SOLVERS)}"
    )


def is_filtered(options: Namespace) -> bool:
    """Whether any of the options is given."""
    return any(getattr(options, name) is not None for name in ("library", *_CHECKS))


def items(options: Namespace) -> list[Item]:
    """The games that fit, as they are printed."""
    return [_item(game) for game in _games(options.library) if all(_fits(game, options))]


def rows(items: Sequence[Item], width: int) -> list[Item]:
    """The items as a table shows them, each on one line if the width allows: the last column is cut to what is left."""
    shown = [_row(item) for item in items]
    taken = sum(max(len(c), *(len(str(r[c])) for r in shown)) + 2 for c in COLUMNS[:-1]) if shown else 0
    left = max(width - taken, _SHORTEST)
    return [r | {COLUMNS[-1]: one_line(r[COLUMNS[-1]], left)} for r in shown]


def _row(item: Item) -> Item:
    """Players as a range where a setting changes them."""
    players = item["settings"].get("players")
    return {c: item[c] for c in COLUMNS} | ({"players": players["allowed"].replace(" to ", "-")} if players else {})


def _games(library: str | None) -> Iterator[Game[Any, Any]]:
    from mirrormatch import games

    if library is None:
        yield from map(games.get, games.names())
        return
    bridge = games.bridges.get(library)
    for name in bridge.names():
        try:
            yield games.get(f"{library}/{name}")
        except UserError:
            continue  # listed by the library, and refused when it is loaded


def _item(game: Game[Any, Any]) -> Item:
    info = game.info
    return {
        "name": info.name,
        "players": len(info.roles),
        "kind": info.kind,
        "hidden": info.hidden,
        "chance": info.random,
        "open_text": info.open_text,
        "solver": info.solver,
        "source": info.source,
        "settings": game.settings.described(),
    }


def _players(game: Game[Any, Any]) -> set[int]:
    """For how many players the game can be played."""
    varied = [f.metadata["allowed"] for f in fields(game.settings) if f.name == "players"]
    return {len(game.info.roles), *(n for values in varied for n in values)}


def _fits(game: Game[Any, Any], options: Namespace) -> Iterator[bool]:
    for name, check in _CHECKS.items():
        wanted = getattr(options, name)
        yield wanted is None or check(game, wanted)


_CHECKS: dict[str, Callable[[Game[Any, Any], Any], bool]] = {
    "players": lambda game, wanted: wanted in _players(game),
    "interests": lambda game, wanted: game.info.kind == wanted,
    "hidden": lambda game, wanted: game.info.hidden == (wanted == "yes"),
    "chance": lambda game, wanted: game.info.random == (wanted == "yes"),
    "open_text": lambda game, wanted: game.info.open_text == (wanted == "yes"),
    "solver": lambda game, wanted: (game.info.solver or "none") == wanted,
}
