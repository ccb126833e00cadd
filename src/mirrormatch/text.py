"""Makes text of unknown origin safe to show.

A model's reply, a file's content and a person's typing may hold terminal escapes, direction marks or half a character.
"""

import re
import unicodedata

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
# C0 but tab and newline, DEL and C1, soft hyphen, zero-width and direction marks, line separators, lone surrogates, and
# the tag characters, with which text is hidden from people but not from a model.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# Format characters, everything that Unicode calls ignorable, and the blank braille pattern. The variation selector
# of an emoji stays; any other one could carry a hidden byte.
_INVISIBLE = re.compile(
    "[\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<![\u2190-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff])\ufe0f"
)
_LATEX_COMMANDS = (
    "text|textbf|textit|textmd|textnormal|textrm|textsc|textsf|texttt|textup|mathbb|mathbf|mathit|mathrm|mathsf|mathtt|"
    "boldsymbol|emph|underline|mbox|hbox|fbox|boxed|operatorname"
)
_LATEX_TEXT = re.compile(rf"\\(?:{_LATEX_COMMANDS})\s*\{{([^{{}}]*)\}}")
_LATEX_ESCAPES = re.compile(r"\\([_$%&#])")
_LATEX_SPACES = re.compile(r"\\(?:[ ,;:]|quad\b|qquad\b)|\\!")
_LATEX_ARROWS = re.compile(r"\\(?:to|rightarrow|longrightarrow)\b")
_LATEX_DEPTH = 8  # of nested commands that are removed
_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters, which neither JSON readers nor tokenizers accept


def printable(text: str) -> str:
    """Removes terminal escapes, control characters and invisible marks; newlines and tabs stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def one_line(text: str, limit: int) -> str:
    """Puts the printable text on one line, cut to `limit` characters with an ellipsis."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def cut_text(text: str, limit: int) -> str:
    """Cuts the text after `limit` characters, with the number of those left out."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def strip_invisible(text: str) -> str:
    """Removes characters that people don't see and models read; joined emoji fall apart into the joined ones."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def has_visible(text: str) -> bool:
    """Whether the text has a letter, a digit or a symbol such as an emoji, not only spaces, marks and punctuation."""
    return any(c.isalnum() or unicodedata.category(c) == "So" for c in strip_invisible(text))


def replace_surrogates(text: str) -> str:
    """Replaces each lone surrogate by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def strip_latex(text: str) -> str:
    r"""Removes the LaTeX around text: `\text{stag}` becomes `stag`, `\_` an underscore and `\to` an arrow."""
    if "\\" not in text:
        return text
    for _ in range(_LATEX_DEPTH):
        text, num_found = _LATEX_TEXT.subn(r"\1", text)
        if not num_found:
            break
    text = _LATEX_ARROWS.sub("->", _LATEX_ESCAPES.sub(r"\1", text))
    return _LATEX_SPACES.sub(lambda found: "" if found[0] == "\\!" else " ", text)
