"""A game's options: `liars_dice:players=4,dice=2`.

Options are a frozen dataclass whose fields are made by `setting`. Each field lists its allowed values, from which the
one-line error for a wrong value is made. Nothing here depends on a particular game.
"""

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Self, TypeAlias

from mirrormatch.errors import UserError, did_you_mean

Value: TypeAlias = int | str | float

_MAX_LISTED = 12  # values listed in an error message; the rest are only counted


def setting(default: Value, about: str, allowed: Sequence[Value]) -> Any:
    """Makes a field of a `GameSettings` class.

    Args:
        default: the default value; its type is the setting's type.
        about: the setting's effect, in a few words.
        allowed: every allowed value, a `range` for instance.
    """
    assert default in allowed, f"{default!r} is not in {allowed!r}"
    return field(default=default, metadata={"about": about, "allowed": allowed})


@dataclass(frozen=True)
class GameSettings:
    """The settings of one game; a game without settings uses this class itself."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            assert value in f.metadata["allowed"], f"{f.name} = {value!r} is not one of {f.metadata['allowed']!r}"

    def full_name(self, game: str) -> str:
        """The game's name with every setting that differs from its default: `"liars_dice:players=4"`."""
        given = [f"{f.name}={getattr(self, f.name)}" for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{game}:{','.join(given)}" if given else game

    def read(self, text: str, game: str) -> Self:
        """Returns these settings with the changes in the text: `"players=4,dice=2"`.

        Raises:
            UserError: there is no such setting, or it doesn't take that value.
        """
        known = {f.name: f for f in fields(self)}
        if not known:
            raise UserError(f"game {game!r} has no settings, {text!r} was given")
        changed: dict[str, Value] = {}
        for part in text.split(","):
            name, equals, value = (word.strip() for word in part.partition("="))
            if name not in known:
                there = ", ".join(f"{f.name} ({describe_allowed(f)})" for f in known.values())
                raise UserError(f"game {game!r} has no setting {name!r}{did_you_mean(name, known)}; there are: {there}")
            if not equals or name in changed:
                raise UserError(f"game {game!r} takes each setting once, as {name}=VALUE, not {part.strip()!r}")
            changed[name] = _find_value(known[name], value, game)
        return replace(self, **changed)

    def describe(self) -> dict[str, dict[str, str]]:
        """Describes each setting in words: its values, its default and its effect."""
        return {
            f.name: {"allowed": describe_allowed(f), "default": str(f.default), "about": f.metadata["about"]}
            for f in fields(self)
        }


def describe_allowed(f: "Field[Any]") -> str:
    """Describes the values that a setting takes: `"2 to 4"`."""
    values = f.metadata["allowed"]
    if isinstance(values, range) and values.step == 1 and len(values) > 1:
        return f"{values[0]} to {values[-1]}"
    shown = [str(v) for v in values[:_MAX_LISTED]]
    return " | ".join(shown) + (f" | ... ({len(values)} values)" if len(values) > _MAX_LISTED else "")


def _find_value(f: "Field[Any]", text: str, game: str) -> Value:
    """Finds the allowed value that the text spells."""
    for value in f.metadata["allowed"]:
        if text == str(value):
            found: Value = value
            return found
    near = did_you_mean(text, map(str, f.metadata["allowed"]))
    raise UserError(f"{f.name}={text!r} is not possible in {game!r}{near}; it takes {describe_allowed(f)}")
