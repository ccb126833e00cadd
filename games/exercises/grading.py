r"""Grades a given answer. The text is matched against a grammar and never evaluated.

Own rules instead of math-verify's: the answers here are integers, fractions and single words, for which its parser of
whole expressions (sympy, antlr) accepts too much: `6*2` isn't the answer 12 to a question that asks for a product.
"""

import re
from fractions import Fraction
from typing import Final

from mirrormatch.text import strip_latex

MAX_GIVEN_CHARS: Final = 64  # no right answer is longer, and longer numbers only cost time

_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,12}|/\d{1,12})?|\.\d{1,12})")
_MIXED = re.compile(r"([+-]?)(\d{1,12}) (\d{1,12}/\d{1,12})")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([+-]?\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))")
_MARKUP = re.compile(r"\\(?:displaystyle|left|right)\b|\\[()\[\]]")
_SPACED_SIGN = re.compile(r"\s*([/+-])\s*")
_VARIABLE = re.compile(r"[a-z][a-z_ ]{0,20}\s?=\s?")  # "x =", "the total ="
_UNIT = re.compile(r"(?<=\d) ?(?!x)([a-z]+(?: [a-z]+)?)")
_NO_UNITS = frozenset(  # words that make another value of the number before them, or a sentence
    "and billion but dozen e half hundred if in is million minus more less nd no not of or percent plus quarter rd st "
    "ten th thirds thousand times to was".split()
)
_WRAPPING = "\"'“”‘’«»*`$€£ "  # quotation marks, Markdown, the signs of mathematics and money
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def grade_answer(answer: str, given: str) -> bool:
    r"""Whether the given text is equal to the right answer.

    Case, spaces, quotation marks, brackets, Markdown, LaTeX around a word or a number, a variable before `=`, a unit
    and a currency don't count: `x = 1,200`, `\(\tfrac12\)`, `12 points`, `**Ann**`. Numbers are compared exactly (0.5
    is 1/2; 0.33 isn't 1/3).

    Args:
        answer: the right answer.
        given: the text to grade.
    """
    if len(given) > MAX_GIVEN_CHARS:
        return False
    expected, found = _normalise(answer), _normalise(given)
    number = _parse_number(expected)
    return found == expected if number is None else _parse_number(found) == number


def _normalise(text: str) -> str:
    """The text in lower case, without markup."""
    text = _FRACTION.sub(_spell_fraction, text.replace("\N{MINUS SIGN}", "-").replace("{,}", ",").replace("\\,", ""))
    text = _MARKUP.sub("", strip_latex(text))
    text = _SPACED_SIGN.sub(r"\1", " ".join(text.split()).casefold())
    return _strip_wrapping(_VARIABLE.sub("", _strip_wrapping(text), count=1))


def _spell_fraction(found: re.Match[str]) -> str:
    above, below = found[1] or found[2], found[3] or found[4]
    gap = " " if found.string[: found.start()].rstrip()[-1:].isdigit() else ""  # 1\frac{1}{2} is a mixed number
    return f"{gap}{above}/{below}"


def _strip_wrapping(text: str) -> str:
    """Removes quotation marks, Markdown, brackets around the whole text and a full stop."""
    while True:
        inner = text.strip(_WRAPPING).removesuffix(".").strip(_WRAPPING)
        if inner[:1] in _BRACKETS and inner[-1:] == _BRACKETS[inner[0]]:
            inner = inner[1:-1]
        if inner == text:
            return text
        text = inner


def _parse_number(text: str) -> Fraction | None:
    """The value of a number with or without a unit; None for any other text."""
    unit = _UNIT.search(text)
    if unit and unit.end() == len(text) and not _NO_UNITS & set(unit[1].split()):
        text = text[: unit.start()]
    if not text.isascii():
        return None
    if mixed := _MIXED.fullmatch(text):
        part = _parse_number(mixed[3])
        return None if part is None else (int(mixed[2]) + part) * (-1 if mixed[1] == "-" else 1)
    text = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return Fraction(text.removesuffix("."))
    except ZeroDivisionError:
        return None
