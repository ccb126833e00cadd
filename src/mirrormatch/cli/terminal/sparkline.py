"""A curve on one line of text: one block character for each value or for the mean of several."""

import itertools
import math
from collections.abc import Sequence
from statistics import fmean

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-=+*%#"  # from low to high, for terminals without the others


def draw_sparkline(values: Sequence[float], width: int, blocks: bool = True) -> str:
    """Draws values from the lowest to the highest of them; a constant is a line in the middle, or below if it is 0.

    Args:
        values: the values, in order; one that isn't finite is a gap.
        width: the greatest number of characters; more values are averaged in groups of nearly equal size.
        blocks: whether the terminal can show block characters.
    """
    shown = _resample(values, width)
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return " " * len(shown)
    low, high = min(finite), max(finite)
    return "".join(_character(value, low, high, _BLOCKS if blocks else _ASCII_BLOCKS) for value in shown)


def _resample(values: Sequence[float], width: int) -> Sequence[float]:
    """At most `width` values, each the mean of the finite ones of its group."""
    if len(values) <= width or width < 1:
        return values[: max(0, width)]
    edges = [k * len(values) // width for k in range(width + 1)]
    groups = [values[start:end] for start, end in itertools.pairwise(edges)]
    return [fmean(finite) if (finite := list(filter(math.isfinite, group))) else math.nan for group in groups]


def _character(value: float, low: float, high: float, characters: str) -> str:
    if not math.isfinite(value):
        return " "
    if high == low:
        return characters[len(characters) // 2 - 1 if low else 0]
    return characters[min(len(characters) - 1, int((value - low) / (high - low) * len(characters)))]
