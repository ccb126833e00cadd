"""The form of an arithmetic expression that uses each of some numbers at most once, as a regular expression."""

import functools

MAX_ORDERED = 4  # numbers whose orders are listed
_BEFORE, _INSIDE, _AFTER = range(3)  # places relative to the group in parentheses
_NUM_CACHED = 256  # puzzles whose form is kept


@functools.lru_cache(_NUM_CACHED)
def expression_form(numbers: tuple[int, ...]) -> str:
    """Every order of some of the numbers, with at most one group in parentheses, which is no divisor: it may be zero.

    Of many numbers there are too many orders: their form is a text of digits and signs.
    """
    if len(numbers) > MAX_ORDERED:
        return r"[0-9(][0-9()+*/ \-]{0,58}"
    return rf"{_operand_form(numbers, _BEFORE)}|\({_operand_form(numbers, _INSIDE)}"


def _operand_form(left: tuple[int, ...], place: int) -> str:
    """One of the numbers that are left, and what may follow it; `place` is relative to the group."""
    options = []
    for number in dict.fromkeys(left):
        rest = list(left)
        rest.remove(number)
        options.append(f"{number}{_rest_form(tuple(rest), place)}")
    return f"({'|'.join(options)})"


def _rest_form(left: tuple[int, ...], place: int) -> str:
    more = [rf" [+*/\-] {_operand_form(left, place)}"] if left else []
    if place == _INSIDE:
        more.append(rf"\){_rest_form(left, _AFTER)}")
        return f"({'|'.join(more)})"
    if place == _BEFORE and left:
        more.append(rf" [+*\-] \({_operand_form(left, _INSIDE)}")
    return f"({'|'.join(more)})?" if more else ""
