"""The games: `get` returns one, `names` lists them. Each file in a family's folder (`games/board/` ...) is one game.

A name can include settings, `liars_dice:players=4`, or refer to another library, `openspiel/chess`.
"""

import functools
from typing import Any

from mirrormatch.errors import UnknownName, UserError
from mirrormatch.games import bridges
from mirrormatch.games.game import Game, outcomes
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.theory.playouts import playouts
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation, Problem, ProblemKind
from mirrormatch.registry import Registry

__all__ = [
    "CHANCE", "OVER", "Action", "Game", "GameSettings", "Info", "Observation", "Problem", "ProblemKind",
    "bridges", "get", "names", "outcomes", "playouts", "registry", "setting",
]  # fmt: skip

FAMILIES = ("board", "cards", "matrix", "puzzles", "talk")

registry: Registry[Game[Any, Any]] = Registry("game", "GAME", *(f"{__name__}.{family}" for family in FAMILIES))
names = registry.names


@functools.lru_cache(maxsize=256)
def get(name: str) -> Game[Any, Any]:
    """Returns the game of that name.

    Args:
        name: `"kuhn_poker"`, `"liars_dice:players=4"` or `"openspiel/chess"`.

    Raises:
        UnknownName: there is no such game (a `LookupError` that suggests the nearest name).
        UserError: the game has no such setting, or another library's game can't be played.
    """
    library, slash, theirs = name.partition("/")
    if library in bridges.names() and not theirs:
        raise UserError(
            f"{library!r} is a library of games: {library}/NAME (mirrormatch list games --library {library})"
        )
    if name.endswith(".py"):
        raise UserError(
            f"{name!r} is a file: mirrormatch check game {name}; games are played by name, from a folder of games/"
        )
    if slash:
        return bridges.get(library).get(theirs)
    own_name, colon, given = name.partition(":")
    if own_name not in names() and (found := _find_in_libraries(own_name)):
        raise UnknownName("game", own_name, names(), "mirrormatch list games", near=found)
    game = registry.get(own_name)
    return game.with_settings(given) if colon else game


def _find_in_libraries(name: str) -> str:
    """The full name of another library's game with this name, in any spelling of capitals; empty if none has one."""
    for library in bridges.names():
        try:
            theirs = bridges.get(library).names()
        except UserError:  # the library isn't installed
            continue
        for known in theirs:
            if known.casefold() == name.casefold():
                return f"{library}/{known}"
    return ""
