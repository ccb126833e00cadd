"""Grades a given answer. The text is matched against a grammar and never evaluated."""

import re
from fractions import Fraction
from typing import Final

MAX_GIVEN_CHARS: Final = 64  # no right answer is longer, and longer numbers only cost time

_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12}|/\d{1,12})?")
_LATEX = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}")
_SPACED_SIGN = re.compile(r"\s*([/+-])\s*")
_LATEX_FRACTION = re.compile(r"([+-]?)\\d?frac\{([+-]?\d+)\}\{(\d+)\}")


def grade_answer(answer: str, given: str) -> bool:
    """Whether the given text is equal to the right answer.

    Case, spaces, a leading `+`, a trailing `.`, `$` and LaTeX around a word or a fraction don't count; numbers are
    compared exactly (0.5 is 1/2; 0.33 isn't 1/3).

    Args:
        answer: the right answer.
        given: the text to grade.
    """
    if len(given) > MAX_GIVEN_CHARS:
        return False
    expected, found = _normalise(answer), _normalise(given)
    if _NUMBER.fullmatch(expected):
        return _parse_number(found) == _parse_number(expected)
    return found == expected


def _normalise(text: str) -> str:
    text = text.replace("\N{MINUS SIGN}", "-").strip().removesuffix(".").strip("$ ")
    text = _LATEX_FRACTION.sub(r"\1\2/\3", _LATEX.sub(r"\1", text))
    text = _SPACED_SIGN.sub(r"\1", " ".join(text.split()).casefold())
    return text.removesuffix(".").removeprefix("+")


def _parse_number(text: str) -> Fraction | None:
    if not text.isascii() or not _NUMBER.fullmatch(text):
        return None
    try:
        return Fraction(text)
    except ZeroDivisionError:
        return None
