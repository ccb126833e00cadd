"""Measures how a reader's processor time grows with the length of a text, to find regular expressions that backtrack.

A regular expression bomb is a text like `"1111111111x"`: its beginning can be split in many ways, and its end fits none
of them. The lengths rise by a quarter at most, which finds exponential growth before a call takes minutes.
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

MAX_GROWTH = 4.0  # times the processor time, at twice the length: that of quadratic growth
TOLERANCE = 1.25  # times MAX_GROWTH, as time is measured on machines that do other work
FLOOR_S = 0.005  # a shorter time is never judged
NUM_RUNS = 5  # measurements of a suspected time; the least one counts
MAX_UNITS = 2_048
LENGTHS = (
    1,
    2,
    3,
    4,
    6,
    *(base * quarter // 4 for base in (8 << k for k in range(8)) for quarter in (4, 5, 6, 7)),
    MAX_UNITS,
)
COMMON = (
    "1",
    "1 ",
    "a",
    "a ",
    " ",
    "\n",
    ",",
    ", ",
    "and ",
    "player ",
    "-",
    "+",
    ".",
    "(",
    ")",
    "[",
    "]",
    "'",
    "*",
    "|",
)
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_WORD, _NUMBER = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")


class Bomb(NamedTuple):
    """A text that a reader needs too long for: `prefix`, then `num_units` times `unit`, then `end`.

    Attributes:
        prefix: the text's beginning.
        unit: the repeated part.
        num_units: number of repetitions.
        end: the text's end.
        half_s: processor time at half as many repetitions, in seconds.
        whole_s: processor time of the text, in seconds.
    """

    prefix: str
    unit: str
    num_units: int
    end: str
    half_s: float
    whole_s: float


def find_bomb(read: Callable[[str], object], prefix: str, unit: str) -> Bomb | None:
    """Returns the shortest text for which twice the length takes more than `MAX_GROWTH` times as long, or None."""
    taken_s: dict[int, float] = {}
    for num in LENGTHS:
        taken_s[num] = _measure(read, prefix, unit, num, 1)
        half_s = taken_s.get(num // 2)
        if half_s is None or not _is_excessive(half_s, taken_s[num]):
            continue
        whole_s = min(_measure(read, prefix, unit, num, tail) for tail in range(2, NUM_RUNS + 2))
        half_s = min(_measure(read, prefix, unit, num // 2, tail) for tail in range(2, NUM_RUNS + 2))
        if _is_excessive(half_s, whole_s):
            return Bomb(prefix, unit, num, _choose_end(unit), half_s, whole_s)
    return None


def list_units(spelling: str) -> Iterator[tuple[str, str]]:
    """Yields pairs of a prefix and a unit: each token of a spelling, alone and with a space, after what precedes it."""
    for token in _TOKEN.finditer(spelling):
        for prefix in dict.fromkeys(("", spelling[: token.start()])):
            yield prefix, token[0]
            yield prefix, f"{token[0]} "
    yield "", spelling
    yield "", f"{spelling} "


def reduce_to_form(spelling: str) -> str:
    """The form of a spelling, in which all words and all numbers are equal: `"2 wood and 1 gold"` is `"0 a a 0 a"`."""
    return _NUMBER.sub("0", _WORD.sub("a", spelling))


def _choose_end(unit: str) -> str:
    """An end that doesn't continue a row of the unit: a letter, or a sign behind units with letters."""
    return "=" if any(c.isalpha() for c in unit) else "x"


def _is_excessive(half_s: float, whole_s: float) -> bool:
    return whole_s > FLOOR_S and whole_s > MAX_GROWTH * TOLERANCE * half_s


def _measure(read: Callable[[str], object], prefix: str, unit: str, num: int, tail: int) -> float:
    """The processor time of one reading; each `tail` makes another text, as readers may cache their results."""
    text = prefix + unit * num + _choose_end(unit) * tail
    start = time.process_time()
    read(text)
    return time.process_time() - start
