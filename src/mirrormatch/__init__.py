"""Mirrormatch: self-play for language models.

    from mirrormatch import agents, games, play

    game = games.get("kuhn_poker")
    episode = await play(game, [agents.get("optimal"), agents.get("random")], seed=7)

Importing this costs nothing: games, agents and the rest are imported when they are first named.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirrormatch.agents.core.loop import play

__all__ = ["__version__", "play"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "play":
        from mirrormatch.agents.core.loop import play

        return play
    raise AttributeError(f"module 'mirrormatch' has no attribute {name!r}")
