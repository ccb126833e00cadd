"""TextArena's environments, under the names that it registers: `textarena/TicTacToe-v0`.

Beside each name there are its variants `-raw` (no wrappers) and `-train` (other observations), which can be played
too. textarena is imported when it is first asked for.
"""

import functools
from difflib import get_close_matches
from typing import Any

from mirrormatch.errors import UnknownName, UserError
from mirrormatch.games.bridges.textarena.facts import FACTS, why_not
from mirrormatch.games.bridges.textarena.game import TextArenaGame
from mirrormatch.games.bridges.textarena.run import library, loaded
from mirrormatch.games.game import Game
from mirrormatch.text import one_line

_VARIANTS = ("-raw", "-train")
_NUM_NEAR = 8  # names told with an unknown one
_REASON_CHARS = 120


class TextArena:
    """The environments of textarena that run without a network, each as a game."""

    name = "textarena"
    extra = "games"

    def names(self) -> list[str]:
        """The environments that can be played, with every difficulty, without the variants `-raw` and `-train`."""
        return sorted(name for name, spec in registered().items() if why_not(folder(spec)) is None)

    def unavailable(self) -> dict[str, str]:
        """Every other environment, with the reason."""
        reasons = {name: why_not(folder(spec)) for name, spec in registered().items()}
        return {name: reason for name, reason in sorted(reasons.items()) if reason is not None}

    def get(self, name: str) -> Game[Any, Any]:
        """The environment of that name; `players` and `turns` may be set: `"LiarsDice-v0:players=3"`."""
        own_name, colon, given = name.partition(":")
        spec = library().envs.registration.ENV_REGISTRY.get(own_name)
        if spec is None:
            names = list(registered())
            near = get_close_matches(own_name, names, n=_NUM_NEAR, cutoff=0.3) or names[:_NUM_NEAR]
            raise UnknownName("game of textarena", own_name, near, "mirrormatch list games --library textarena")
        reason = why_not(folder(spec))
        if reason is not None:
            raise UserError(f"textarena's {own_name!r} can't be played here: it {reason}")
        try:
            loaded(spec.entry_point)
        except (ImportError, SyntaxError, AttributeError) as problem:
            told = one_line(str(problem), _REASON_CHARS)
            raise UserError(f"textarena's {own_name!r} can't be loaded: {told}") from problem
        game = TextArenaGame(spec, FACTS[folder(spec)])
        return game.with_settings(given) if colon else game


@functools.cache
def registered() -> dict[str, Any]:
    """Name -> how TextArena makes it, without the variants `-raw` and `-train`."""
    everything = library().envs.registration.ENV_REGISTRY
    return {
        name: spec
        for name, spec in everything.items()
        if not name.endswith(_VARIANTS) or name.removesuffix("-raw").removesuffix("-train") not in everything
    }


def folder(spec: Any) -> str:
    """The folder of the environment's class: `"KuhnPoker"`."""
    return str(spec.entry_point.split(".")[2])


BRIDGE = TextArena()
