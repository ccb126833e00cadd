r"""The regular expression that holds an answer to what a game allows: a move, with the text around it.

Only literals, classes, groups, `|`, `?` and `{m,n}` are used: llguidance, vLLM and Python read them alike, and
llama.cpp's grammars have their counterparts.

>>> answer_regex("[", list_choices(("a", "b.")), "]")
'\\[(a|b\\.)\\]'
"""

from collections.abc import Sequence

_SPECIAL = frozenset("\\^$.*+?()[]{}|-/")
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def answer_regex(opening: str, form: str, closing: str) -> str:
    """Matches a text that matches `form`, between two literal texts."""
    return f"{_escape(opening)}({form}){_escape(closing)}"


def list_choices(choices: Sequence[str]) -> str:
    """Matches one of the texts."""
    return "|".join(map(_escape, choices))


def _escape(text: str) -> str:
    return "".join(f"\\{c}" if c in _SPECIAL else _NAMED.get(c, c) for c in text)
