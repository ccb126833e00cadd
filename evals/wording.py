"""Scores in words: labels from score names, values and intervals with the digits that their noise allows.

A score's name is `FIGURE/SUBJECT` or `FIGURE/SUBJECT/OPPONENT`: `legal/tictactoe`, `win/kuhn_poker/random`.
"""

from typing import Final, Literal, NamedTuple

from mirrormatch.evals.statistics import Figure, Score
from mirrormatch.games import bridges

NOT_MEASURED: Final = "not measurable"
PROBLEMS: Final = "problems"  # the section of all figures outside the games
_LABELS: Final = {
    "legal": "legal replies",
    "win": "wins",
    "forfeit": "forfeited",
    "mean_return": "mean return",
    "legal_mass": "mass on legal answers",
    "legal_mass_min": "least such mass",
    "floor": "exploitability floor",
    "no_answer": "no answer",
    "grading_failed": "grading failed",
}
_PROBLEM_FIGURES: Final = ("accuracy", "majority", "no_answer", "truncated", "grading_failed")
_DIGITS: Final = {"return": 2}  # decimals by unit, 3 by default; a mean over games is noisier than a computed figure


class Label(NamedTuple):
    """A figure's section in a table and its name there."""

    section: str
    text: str


def score_label(name: str) -> Label:
    """The label of a score: `win/tictactoe/random` is `wins vs random` in the section `tictactoe`."""
    figure, _, subject = name.partition("/")
    subject, _, opponent = subject.partition("/")
    if subject in bridges.names():  # `openspiel/chess` is one game
        theirs, _, opponent = opponent.partition("/")
        subject = f"{subject}/{theirs}"
    words = _LABELS.get(figure, figure.replace("_", " "))
    if figure in _PROBLEM_FIGURES:
        plain = subject.replace("_", " ")
        return Label(PROBLEMS, _accuracy_label(plain) if figure == "accuracy" else f"{words}, {plain}")
    return Label(subject, f"{words} vs {opponent}" if opponent else words)


def _accuracy_label(task: str) -> str:
    """The task alone: in the section of problems it needs no further name."""
    return "overall accuracy" if task == "overall" else task


def is_share(score: Score) -> bool:
    """Whether the figure lies between 0 and 1 and is written in per cent."""
    return score.unit.startswith("share of ") or score.unit == "probability"


def format_value(score: Score, *, digits: int | None = None, plus: bool = False) -> str:
    """The value alone: `61.0 %`, `-0.25`.

    Args:
        score: the figure.
        digits: number of decimals; by default those of the unit.
        plus: write the sign of positive numbers.
    """
    return f"{_format_number(score, score.value, digits, plus)}{' %' if is_share(score) else ''}"


def format_figure(figure: Figure) -> str:
    """The value alone, or the words that there is none."""
    return format_value(figure) if isinstance(figure, Score) else NOT_MEASURED


def format_interval(score: Score, *, digits: int | None = None, plus: bool = False) -> str:
    """The interval without its unit: `[54.0, 68.0]`. Arguments as in `format_value`."""
    return f"[{_format_number(score, score.low, digits, plus)}, {_format_number(score, score.high, digits, plus)}]"


def format_estimate(score: Score, *, digits: int | None = None, plus: bool = False, gap: str = " ") -> str:
    """The value with its interval: `+0.25 [+0.11, +0.39]`, `61 % [54, 68]`.

    Args:
        score: the figure.
        digits: number of decimals; by default those of the unit.
        plus: write the sign of positive numbers.
        gap: the text between the value and the interval.
    """
    value, interval = (write(score, digits=digits, plus=plus) for write in (format_value, format_interval))
    return f"{value}{gap}{interval}"


def format_change(change: Score) -> str:
    """A difference, of shares in percentage points: `+7.0 [+1.2, +12.8]`."""
    return f"{_format_number(change, change.value, plus=True)} {format_interval(change, plus=True)}"


def format_percent(probability: float) -> str:
    """A probability without decimals: `61 %`."""
    return f"{100 * probability:.0f} %"


def judge_change(change: Score) -> Literal["", "better", "worse", "differs"]:
    """Whether a difference is `better` or `worse`, or `differs` where no direction is good.

    Empty if its interval holds 0, or if the difference is so small that it is written as 0.
    """
    if change.low <= 0 <= change.high or not any(
        digit in _format_number(change, change.value) for digit in "123456789"
    ):
        return ""
    if change.better is None:
        return "differs"
    return "better" if (change.value > 0) == (change.better == "higher") else "worse"


def _format_number(score: Score, value: float, digits: int | None = None, plus: bool = False) -> str:
    """A value in the score's unit, shares in per cent without the sign."""
    sign = "+" if plus else ""
    shown, usual = (100 * value, 1) if is_share(score) else (value, _DIGITS.get(score.unit, 3))
    digits = usual if digits is None else digits
    return f"{round(shown, digits) + 0.0:{sign}.{digits}f}"  # adding 0 makes -0 a 0
