"""The table of games of `mirrormatch list games`, and its filters."""

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from mirrormatch import games
from mirrormatch.cli.arguments import YES
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.text import one_line

Item: TypeAlias = dict[str, Any]

_MIN_SOURCE_CHARS = 12  # of a source that is cut
_GAP = 2  # between columns
SOURCE = "source"
COLUMNS = ("name", "players", "kind", "hidden", "chance", "text", "solver", SOURCE)
_DISPENSABLE = (
    SOURCE,
    "text",
    "chance",
    "hidden",
    "solver",
    "kind",
    "players",
)  # in this order, where there is no room


def is_filtered(options: Namespace) -> bool:
    """Whether any filter is given."""
    return any(getattr(options, name) is not None for name in ("library", *_CHECKS))


def list_games(options: Namespace) -> list[Item]:
    """Lists the games that match the filters."""
    return [_item(game) for game in _games(options.library) if all(_fits(game, options))]


def fit_rows(items: Sequence[Item], width: int) -> list[Item]:
    """Formats the items as one-line rows and drops the columns that don't fit.

    Args:
        items: the games, as from `list_games`.
        width: the terminal's number of columns. Names are never cut.
    """
    shown = [_format_row(item) for item in items]
    widths = {c: max(len(c), *(len(r[c]) for r in shown)) + _GAP for c in COLUMNS} if shown else {}
    columns: tuple[str, ...] = COLUMNS if shown else ()
    for column in _DISPENSABLE:
        if _width(columns, widths) > width + _GAP:
            columns = tuple(c for c in columns if c != column)
    left = width - sum(widths[c] for c in columns if c != SOURCE)
    return [{c: one_line(r[c], left) if c == SOURCE else r[c] for c in columns} for r in shown]


def _width(columns: Sequence[str], widths: Mapping[str, int]) -> int:
    return sum(min(widths[c], _MIN_SOURCE_CHARS + _GAP) if c == SOURCE else widths[c] for c in columns)


def _format_row(item: Item) -> Item:
    """Formats the cells, players as a range where a setting changes their number."""
    row = item | {"text": item["open_text"]}
    if players := item["settings"].get("players"):
        row["players"] = _shorten_range(players["allowed"])
    return {c: _format_cell(row[c]) for c in COLUMNS}


def _format_cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "-"
    return "-" if value is None else str(value)


def _shorten_range(allowed: str) -> str:
    """Shortens allowed numbers to a range: `"2-4"` for `"2 to 4"`, `"4-6"` for `"4 | 6"`."""
    numbers = re.findall("[0-9]+", allowed)
    return "-".join(dict.fromkeys((numbers[0], numbers[-1])))


def _games(library: str | None) -> Iterator[Game[Any, Any]]:
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
        "settings": game.settings.describe(),
    }


def _players(game: Game[Any, Any]) -> set[int]:
    """Every number of players that the game allows."""
    varied = [f.metadata["allowed"] for f in fields(game.settings) if f.name == "players"]
    return {len(game.info.roles), *(n for values in varied for n in values)}


def _fits(game: Game[Any, Any], options: Namespace) -> Iterator[bool]:
    for name, check in _CHECKS.items():
        wanted = getattr(options, name)
        yield wanted is None or check(game, wanted)


_CHECKS: dict[str, Callable[[Game[Any, Any], Any], bool]] = {
    "players": lambda game, wanted: wanted in _players(game),
    "interests": lambda game, wanted: game.info.kind == wanted,
    "hidden": lambda game, wanted: game.info.hidden == (wanted == YES),
    "chance": lambda game, wanted: game.info.random == (wanted == YES),
    "open_text": lambda game, wanted: game.info.open_text == (wanted == YES),
    "solver": lambda game, wanted: (game.info.solver or "none") == wanted,
}
