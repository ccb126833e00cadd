"""The games of OpenSpiel: `openspiel/leduc_poker`, with parameters `openspiel/leduc_poker:players=3`.

Playable are those with text, chance that can be listed, and players; `unavailable` lists the others with the reason.
"""

import functools
import importlib
import logging
import math
from pathlib import Path
from typing import Any, Final

from mirrormatch.errors import UnknownName, UserError, did_you_mean
from mirrormatch.games.bridges.openspiel.game import SpielGame, choose_source
from mirrormatch.sandbox import GuardedChild

MAX_PARAMETERS_CHARS: Final = 4_000
BEGIN_LIMIT_S: Final = 30.0  # wall-clock limit for the first state of a game of unusual size
_PROBE = Path(__file__).with_name("_probe.py")
_USUAL_GROWTH, _USUAL_NUMBER = 2, 4  # a parameter of up to twice its default, or up to 4, makes no game too large
_LIST = "mirrormatch list games --library openspiel"
# Reasons that a game's type doesn't show.
_KNOWN_REASONS = {
    "chat_game": "needs a language model of its own",
    "crossword": "needs files with puzzles and words",
    "efg_game": "needs a file: openspiel/efg_game(filename=PATH)",
    "morpion_solitaire": "crashes when its states are copied (OpenSpiel 2.0.2)",
    "nfg_game": "needs a file: openspiel/nfg_game(filename=PATH)",
    "repeated_poker": "needs parameters: openspiel/repeated_poker(...)",
}


class OpenSpiel:
    """The bridge. Parameters follow a colon, or are in brackets as OpenSpiel writes them."""

    name = "openspiel"
    extra = "games"

    def names(self) -> list[str]:
        unavailable = self.unavailable()
        return [name for name in _list_types() if name not in unavailable]

    def unavailable(self) -> dict[str, str]:
        reasons = {
            name: _KNOWN_REASONS.get(name) or _find_reason(kind, as_it_is=True) for name, kind in _list_types().items()
        }
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def get(self, name: str) -> SpielGame:
        short, given = _split_name(name)
        types = _list_types()
        if short not in types:
            raise UnknownName("game of OpenSpiel", short, self.names(), _LIST)
        if not given and short in (unavailable := self.unavailable()):
            raise UserError(f"openspiel/{short} can't be played: {unavailable[short]}")
        _check_parameters(short, given, types[short])
        if _may_be_large(given, types[short]):
            _check_size(name, f"{short}({given})")
        try:
            loaded = _import_library().load_game(f"{short}({given})" if given else short)
        except (_import_library().SpielError, MemoryError) as problem:
            raise UserError(_refusal_message(name, " ".join(str(problem).split()) or "out of memory")) from problem
        if reason := _find_reason(loaded.get_type()) or _find_loaded_reason(loaded):
            raise UserError(f"openspiel/{name} can't be played: {reason}")
        at_once = loaded.get_type().dynamics.name == "SIMULTANEOUS"
        serial = _import_library().convert_to_turn_based(loaded) if at_once else loaded
        return SpielGame(_join_name(short, given), loaded, serial)


@functools.cache
def _import_library() -> Any:
    """Imports OpenSpiel, with the games that are written in Python.

    Raises:
        UserError: it isn't installed.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)  # it logs the files that some games would need
    try:
        pyspiel = importlib.import_module("pyspiel")
        importlib.import_module("open_spiel.python.games")
    except ImportError as problem:
        raise UserError("OpenSpiel is not installed: pip install 'mirrormatch[games]'") from problem
    return pyspiel


def _list_types() -> dict[str, Any]:
    """The type of every registered game by its name, sorted; includes games that a program has registered itself."""
    return dict(sorted((kind.short_name, kind) for kind in _import_library().registered_games()))


def _find_reason(kind: Any, as_it_is: bool = False) -> str | None:
    """The reason why games of this type can't be played; None where they can.

    Args:
        kind: OpenSpiel's `GameType`.
        as_it_is: whether the game is played without parameters.
    """
    if kind.dynamics.name == "MEAN_FIELD":
        return "a crowd plays it, not players (mean-field game)"
    if as_it_is and not kind.default_loadable:
        return f"needs parameters: openspiel/{kind.short_name}(...)"
    if kind.chance_mode.name == "SAMPLED_STOCHASTIC":
        return "draws its chance inside, where no seed of ours reaches"
    texts = kind.provides_observation_string or kind.provides_information_state_string
    return None if texts else "has no text for one player alone"


def _find_loaded_reason(loaded: Any) -> str | None:
    """The reason why a loaded game can't be played; None where it can."""
    low, high = loaded.min_utility(), loaded.max_utility()
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return f"its returns have no bounds ({low:g} to {high:g})"
    return None if choose_source(loaded) else "has no text for one player alone"


def _split_name(name: str) -> tuple[str, str]:
    """Splits a name, written either way, into the game's name and its parameters, as `k=v,k=v`."""
    short, bracket, given = name.partition("(")
    if bracket:
        if ":" not in short:
            return short, given.removesuffix(")")
    short, _, given = name.partition(":")
    return short, given


def _join_name(short: str, given: str) -> str:
    """The name that gets the same game again: without brackets, which a shell interprets, unless a value has some."""
    if not given:
        return short
    return f"{short}({given})" if "(" in given else f"{short}:{given}"


def _check_parameters(short: str, given: str, kind: Any) -> None:
    """Refuses the parameters that OpenSpiel would refuse, in one line and before it writes to the terminal."""
    known = dict(kind.parameter_specification)
    if "(" in given:
        return  # a game within a game: OpenSpiel parses it
    for part in filter(None, given.split(",")):
        key, equals, value = part.partition("=")
        if key not in known:
            there = f"there are: {', '.join(sorted(known))}" if known else "it has none"
            raise UserError(f"openspiel/{short} has no parameter {key!r}{did_you_mean(key, known)}; {there}")
        if not equals or not _is_like(value, known[key]):
            raise UserError(f"openspiel/{short} takes {key}=VALUE like {key}={known[key]}, not {part!r}")
        if key == "players" and not kind.min_num_players <= int(value) <= kind.max_num_players:
            raise UserError(f"openspiel/{short} is for {kind.min_num_players} to {kind.max_num_players} players")


def _may_be_large(given: str, kind: Any) -> bool:
    """Whether a parameter is far above its default, a text, or a game within the game."""
    if "(" in given:
        return True
    known = dict(kind.parameter_specification)
    for key, _, value in (part.partition("=") for part in filter(None, given.split(","))):
        default = known[key]
        if isinstance(default, bool | float):
            continue
        if not isinstance(default, int) or abs(int(value)) > max(_USUAL_GROWTH * abs(default), _USUAL_NUMBER):
            return True
    return False


def _check_size(name: str, spelled: str) -> None:
    """Makes the game's first state in a child process with limits.

    Raises:
        UserError: it takes too much memory or time, or OpenSpiel refuses it.
    """
    if len(spelled) > MAX_PARAMETERS_CHARS:
        raise UserError(
            f"an OpenSpiel game's name has {len(spelled)} characters, at most {MAX_PARAMETERS_CHARS} are read"
        )
    with GuardedChild(_PROBE, [], BEGIN_LIMIT_S) as child:
        reply = child.request(spelled)
    if not isinstance(reply, list):
        raise UserError(
            _refusal_message(name, f"its first state takes too much memory, or more than {BEGIN_LIMIT_S:g} s")
        )
    if reply[0] is not None:
        raise UserError(_refusal_message(name, str(reply[0])))


def _refusal_message(name: str, reason: str) -> str:
    return f"OpenSpiel can't load {name!r}: {reason}"


def _is_like(value: str, default: object) -> bool:
    """Whether the value has the type of the default."""
    if isinstance(default, bool):
        return value in ("true", "false", "True", "False")
    try:
        if isinstance(default, int):
            int(value)
        elif isinstance(default, float):
            float(value)
    except ValueError:
        return False
    return True


BRIDGE = OpenSpiel()
