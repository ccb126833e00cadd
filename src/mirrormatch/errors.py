"""Errors caused by a user's input, each with a message of one line.

The command line turns every `UserError` into one line on stderr and exit code 2. Any other exception is a fault of ours
and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A name, value or file from the user that can't be used."""


class UnknownName(UserError, LookupError):
    """A name that isn't registered.

    Args:
        kind: the kind of name, for example `"game"`.
        given: the name as given.
        allowed: the names that exist.
        hint: a command that lists them.
        near: a name to suggest that isn't among the listed ones.
    """

    def __init__(self, kind: str, given: str, allowed: Iterable[str], hint: str = "", near: str = "") -> None:
        names = sorted(allowed)
        self.given = given
        known = f"there are: {', '.join(names)}" + (f" ({hint})" if hint else "")
        meant = f", did you mean {near!r}?" if near else did_you_mean(given, names)
        super().__init__(f"unknown {kind} {given!r}{meant}; {known}")


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """The suggestion `", did you mean 'x'?"` with the nearest allowed name; empty if none is near."""
    near = difflib.get_close_matches(given, list(allowed), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""
