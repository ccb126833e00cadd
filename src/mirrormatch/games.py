"""The games: `get` one, list their `names`. Each file directly in the folder `games/` is one game."""

from pathlib import Path

__path__ = [str(Path(__file__).with_suffix(""))]  # this module is the front door of the folder beside it

from typing import Any

from mirrormatch.games.core.game import Game, outcomes
from mirrormatch.games.core.records import CHANCE, OVER, Action, Info, Observation, Problem, ProblemKind
from mirrormatch.registry import Registry

__all__ = [
    "CHANCE", "OVER", "Action", "Game", "Info", "Observation", "Problem", "ProblemKind", "get", "names", "outcomes",
    "registry",
]  # fmt: skip

registry: Registry[Game[Any, Any]] = Registry("game", "mirrormatch.games", "GAME")
get = registry.get
names = registry.names
