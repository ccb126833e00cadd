"""How a figure is called and written in tables: labels from score names, numbers with the digits that they deserve.

A score's name is `FIGURE/SUBJECT` or `FIGURE/SUBJECT/OPPONENT`: `legal/tictactoe`, `win/kuhn_poker/random`.
"""

from typing import Final, NamedTuple

from mirrormatch.evals.statistics import Score
from mirrormatch.games import bridges

PROBLEMS: Final = "problems"  # the section of everything outside the games
_LABELS: Final = {
    "legal": "legal replies",
    "win": "wins",
    "mean_return": "mean return",
    "legal_mass": "mass on legal answers",
    "legal_mass_min": "least such mass",
    "floor": "exploitability floor",
    "no_answer": "no answer",
    "grading_failed": "grading failed",
}
_PROBLEM_FIGURES: Final = ("accuracy", "majority", "no_answer", "truncated", "grading_failed")
_DIGITS: Final = {"return": 2}  # by unit; a mean of games is noisier than what is computed


class Label(NamedTuple):
    """Where a figure stands in a table and what it is called there."""

    section: str
    text: str


def score_label(name: str) -> Label:
    """The label of a score: `win/tictactoe/random` is `wins vs random` in the section `tictactoe`."""
    figure, _, subject = name.partition("/")
    subject, _, opponent = subject.partition("/")
    if subject in bridges.names():  # `openspiel/chess` is one game
        theirs, _, opponent = opponent.partition("/")
        subject = f"{subject}/{theirs}"
    called = _LABELS.get(figure, figure.replace("_", " "))
    if figure in _PROBLEM_FIGURES:
        plain = subject.replace("_", " ")
        return Label(PROBLEMS, _accuracy(plain) if figure == "accuracy" else f"{called}, {plain}")
    return Label(subject, f"{called} vs {opponent}" if opponent else called)


def _accuracy(task: str) -> str:
    """In its section, a task's accuracy needs no other name than the task's."""
    return "overall accuracy" if task == "overall" else task


def is_share(score: Score) -> bool:
    """Whether the figure lies between 0 and 1 and is written in per cent."""
    return score.unit.startswith("share of ") or score.unit == "probability"


def format_value(score: Score) -> str:
    """The value alone: `61.0 %`, `-0.25`."""
    return f"{_number(score, score.value)}{' %' if is_share(score) else ''}"


def format_interval(score: Score, plus: bool = False) -> str:
    """The interval without its unit: `[54.0, 68.0]`."""
    return f"[{_number(score, score.low, plus)}, {_number(score, score.high, plus)}]"


def format_change(change: Score) -> str:
    """A difference, of shares in percentage points: `+7.0 [+1.2, +12.8]`."""
    return f"{_number(change, change.value, plus=True)} {format_interval(change, plus=True)}"


def format_percent(probability: float) -> str:
    """A probability alone, where nobody needs its digits: `61 %`."""
    return f"{100 * probability:.0f} %"


def judge_change(change: Score) -> str:
    """What a difference says: `better`, `worse`, or `differs` where no direction is good.

    Nothing if its interval holds 0, or if it is so small that it is written as 0.
    """
    if change.low <= 0 <= change.high or not any(digit in _number(change, change.value) for digit in "123456789"):
        return ""
    if change.better is None:
        return "differs"
    return "better" if (change.value > 0) == (change.better == "higher") else "worse"


def _number(score: Score, value: float, plus: bool = False) -> str:
    sign = "+" if plus else ""
    shown, digits = (100 * value, 1) if is_share(score) else (value, _DIGITS.get(score.unit, 3))
    return f"{round(shown, digits) + 0.0:{sign}.{digits}f}"  # adding 0 makes -0 a 0
