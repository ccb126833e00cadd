"""Words that several kinds of exercises use."""

from typing import Final

NAMES: Final = ("Ann", "Ben", "Cat", "Dan", "Eve", "Fay", "Gus", "Hal")


def count_chips(number: int) -> str:
    """`"1 chip"`, `"2 chips"` and so on."""
    return "1 chip" if number == 1 else f"{number} chips"
