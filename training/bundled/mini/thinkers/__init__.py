"""The thinkers, a file for each family of games. A file's `THINKERS` maps names of games to thinkers."""

import functools
import importlib
import pkgutil

from mirrormatch import games
from mirrormatch.training.bundled.mini.thought import Thinker


@functools.cache
def find_thinkers() -> dict[str, Thinker]:
    """Loads the thinkers of all files in this folder, by the game's name."""
    found: dict[str, Thinker] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= importlib.import_module(f"{__name__}.{module.name}").THINKERS
    return dict(sorted(found.items()))


def list_missing() -> list[str]:
    """Lists the native games without a thinker."""
    return sorted(set(games.registry.names()) - set(find_thinkers()))
