"""The records of an exercise."""

from typing import NamedTuple


class Exercise(NamedTuple):
    """One exercise.

    Attributes:
        kind: one of `KINDS`.
        level: one of `LEVELS`; each has a step, an operand or a case more than the one before.
        question: the text that has everything needed to solve it.
        thinking: a short worked solution.
        answer: an integer, a fraction in lowest terms, or one word.
    """

    kind: str
    level: int
    question: str
    thinking: str
    answer: str


class Draft(NamedTuple):
    """An exercise without its kind and level."""

    question: str
    thinking: str
    answer: str
