"""Makes text of unknown origin safe to show.

A model's reply, a file's content and a person's typing may hold terminal escapes, direction marks or half a character.
"""

import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
# C0 but tab and newline, DEL and C1, soft hyphen, zero-width and direction marks, line separators, lone surrogates, and
# the tag characters, with which text is hidden from people but not from a model.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters, which neither JSON readers nor tokenizers accept


def printable(text: str) -> str:
    """Removes terminal escapes, control characters and invisible marks; newlines and tabs stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def one_line(text: str, limit: int) -> str:
    """Puts the printable text on one line, cut to `limit` characters with an ellipsis."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def replace_surrogates(text: str) -> str:
    """Replaces each lone surrogate by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)
