"""TextArena's environments, under the names that it registers: `textarena/TicTacToe-v0`.

Each name has the variants `-raw` (no wrappers) and `-train` (other observations), which can be played too. textarena
is imported on first use.
"""

import functools
from difflib import get_close_matches
from typing import Any

from mirrormatch.errors import UnknownName, UserError
from mirrormatch.games.bridges.textarena.facts import FACTS, find_reason
from mirrormatch.games.bridges.textarena.game import TextArenaGame
from mirrormatch.games.bridges.textarena.run import import_library, load_environment
from mirrormatch.games.game import Game
from mirrormatch.text import one_line

_VARIANTS = ("-raw", "-train")
_NUM_NEAR = 8  # near names that the error for an unknown one lists
_REASON_CHARS = 120


class TextArena:
    """The environments of textarena that run without a network, each as a game."""

    name = "textarena"
    extra = "games"

    def names(self) -> list[str]:
        """The environments that can be played, with every difficulty, without the variants `-raw` and `-train`."""
        return sorted(name for name, spec in list_registered().items() if find_reason(find_folder(spec)) is None)

    def unavailable(self) -> dict[str, str]:
        """The environments that can't be played, with the reason."""
        reasons = {name: find_reason(find_folder(spec)) for name, spec in list_registered().items()}
        return {name: reason for name, reason in sorted(reasons.items()) if reason is not None}

    def get(self, name: str) -> Game[Any, Any]:
        """The environment of that name; `players` and `turns` may be set: `"LiarsDice-v0:players=3"`."""
        own_name, colon, given = name.partition(":")
        spec = import_library().envs.registration.ENV_REGISTRY.get(own_name)
        if spec is None:
            names = list(list_registered())
            near = get_close_matches(own_name, names, n=_NUM_NEAR, cutoff=0.3) or names[:_NUM_NEAR]
            raise UnknownName("game of textarena", own_name, near, "mirrormatch list games --library textarena")
        reason = find_reason(find_folder(spec))
        if reason is not None:
            raise UserError(f"textarena's {own_name!r} can't be played here: it {reason}")
        try:
            load_environment(spec.entry_point)
        except (ImportError, SyntaxError, AttributeError) as problem:
            reason = one_line(str(problem), _REASON_CHARS)
            raise UserError(f"textarena's {own_name!r} can't be loaded: {reason}") from problem
        game = TextArenaGame(spec, FACTS[find_folder(spec)])
        return game.with_settings(given) if colon else game


@functools.cache
def list_registered() -> dict[str, Any]:
    """Name -> entry of TextArena's registry, without the variants `-raw` and `-train`."""
    everything = import_library().envs.registration.ENV_REGISTRY
    return {
        name: spec
        for name, spec in everything.items()
        if not name.endswith(_VARIANTS) or name.removesuffix("-raw").removesuffix("-train") not in everything
    }


def find_folder(spec: Any) -> str:
    """The folder of the environment's class: `"KuhnPoker"`."""
    return str(spec.entry_point.split(".")[2])


BRIDGE = TextArena()
