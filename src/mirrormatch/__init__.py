"""Mirrormatch: self-play for language models.

    from mirrormatch import agents, games, play

    game = games.get("kuhn_poker")
    episode = await play(game, [agents.get("optimal"), agents.get("random")], seed=7)

Importing this package imports nothing else: games, agents and the rest are imported on first use.
"""

import os.path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirrormatch.agents.play import play

__all__ = ["__version__", "play"]
__version__ = "0.1.0"

# In a checkout the five folders are symbolic links; git writes a text file in place of a link that it can't create.
if os.path.isfile(os.path.join(os.path.dirname(__file__), "games")):
    raise ImportError(
        "this checkout has no symbolic links: run 'git config core.symlinks true', then "
        "'git checkout -- src/mirrormatch' (on Windows, switch on developer mode first)"
    )


def __getattr__(name: str) -> object:
    if name == "play":
        from mirrormatch.agents.play import play

        return play
    raise AttributeError(f"module 'mirrormatch' has no attribute {name!r}")
