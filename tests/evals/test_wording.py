"""Scores in words: labels, digits and the judgement of a change."""

from typing import Any

import pytest

from mirrormatch.evals.statistics import Score, exact
from mirrormatch.evals.wording import (
    format_change,
    format_estimate,
    format_interval,
    format_value,
    judge_change,
    score_label,
)


@pytest.mark.parametrize(
    ("name", "section", "text"),
    [
        ("win/tictactoe/random", "tictactoe", "wins vs random"),
        ("legal/tictactoe", "tictactoe", "legal replies"),
        ("legal/openspiel/chess", "openspiel/chess", "legal replies"),
        ("win/openspiel/chess/random", "openspiel/chess", "wins vs random"),
        ("exploitability/kuhn_poker", "kuhn_poker", "exploitability"),
        ("accuracy/logic_2", "problems", "logic 2"),
        ("truncated/overall", "problems", "truncated, overall"),
    ],
)
def test_a_score_has_a_place_and_a_label(name: str, section: str, text: str) -> None:
    assert score_label(name) == (section, text)


def change(low: float, value: float, high: float, better: Any = "higher", unit: str = "return") -> Score:
    return Score(name="x", value=value, low=low, high=high, n=9, unit=unit, better=better)


def test_numbers_are_written_with_what_they_deserve() -> None:
    assert format_value(exact("x", 0.61, unit="share of games", better=None)) == "61.0 %"
    assert format_value(exact("x", -0.254, unit="return", better=None)) == "-0.25"
    assert format_value(exact("x", 0.4583, unit="return per game", better=None)) == "0.458"
    assert format_value(exact("x", -0.00001, unit="return per game", better=None)) == "0.000"
    assert format_interval(change(0.1, 0.2, 0.3)) == "[0.10, 0.30]"
    assert format_change(change(-0.012, 0.05, 0.112, unit="share of games")) == "+5.0 [-1.2, +11.2]"


@pytest.mark.parametrize(
    ("found", "judgement"),
    [
        (change(0.1, 0.2, 0.3), "better"),
        (change(-0.3, -0.2, -0.1), "worse"),
        (change(0.1, 0.2, 0.3, better="lower"), "worse"),
        (change(0.1, 0.2, 0.3, better=None), "differs"),
        (change(-0.1, 0.2, 0.3), ""),
        (change(0.0, 0.2, 0.3), ""),
        (change(1e-6, 2e-6, 3e-6), ""),
    ],
)
def test_a_difference_counts_where_its_interval_leaves_out_nothing(found: Score, judgement: str) -> None:
    assert judge_change(found) == judgement


def test_an_estimate_is_its_value_and_its_interval() -> None:
    share = Score(name="win", value=0.615, low=0.544, high=0.679, n=9, unit="share of games", better="higher")
    assert format_estimate(share, digits=0) == "62 % [54, 68]"
    assert format_estimate(change(-0.001, 0.25, 0.394), plus=True, gap="\n") == "+0.25\n[+0.00, +0.39]"
