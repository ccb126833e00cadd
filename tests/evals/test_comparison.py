"""Two measurements are compared part by part."""

import io
import re
from typing import Any

import pytest
from rich.console import Console
from tests.evals.measured_agents import Solver, Stumbling, measure, values_by_name

from mirrormatch import agents
from mirrormatch.cli.terminal.tables import comparison_table
from mirrormatch.errors import UserError
from mirrormatch.evals.comparison import (
    RequestRow,
    compare_measurements,
    comparison_rows,
    describe_headline,
    describe_verdict,
    request_differences,
)
from mirrormatch.evals.measurement import Measurement, Plan
from mirrormatch.evals.statistics import Score, Unmeasured
from mirrormatch.evals.wording import judge_change


def changes_by_name(before: Measurement, after: Measurement) -> dict[str, Score]:
    return {change.score.name: change.score for change in compare_measurements(before, after)}


def test_a_change_is_after_minus_before(by_random: Measurement, by_optimal: Measurement) -> None:
    earlier, later = values_by_name(by_random), values_by_name(by_optimal)
    found = changes_by_name(by_random, by_optimal)
    assert found.keys() == earlier.keys() - {"floor/kuhn_poker"}
    assert {n: s.value for n, s in found.items()} == pytest.approx({n: later[n] - earlier[n] for n in found})
    assert all(s.low <= s.value <= s.high for s in found.values())


def test_a_change_of_a_share_over_replies_is_that_of_the_shares(by_random: Measurement) -> None:
    assert changes_by_name(measure(Stumbling()), by_random)["legal/tictactoe"].value == pytest.approx(0.5)


def test_exact_exploitability_falls_by_exactly_that_much(by_random: Measurement, by_optimal: Measurement) -> None:
    (change,) = [c for c in compare_measurements(by_random, by_optimal) if c.score.name == "exploitability/kuhn_poker"]
    assert change.score.low == change.score.value == change.score.high == pytest.approx(-11 / 24)
    assert change.p < 0.01


def test_problems_are_paired_one_by_one() -> None:
    found = changes_by_name(measure(Solver(known=2)), measure(Solver(known=6)))
    assert found["accuracy/overall"].value == 0.5
    assert found["accuracy/arithmetic_1"].n == 4


def test_nothing_changes_between_a_measurement_and_itself(by_random: Measurement) -> None:
    assert {(s.low, s.value, s.high) for s in changes_by_name(by_random, by_random).values()} == {(0.0, 0.0, 0.0)}


def test_only_what_both_have_is_compared(by_random: Measurement) -> None:
    assert "exploitability/kuhn_poker" not in changes_by_name(by_random, measure(Stumbling()))


@pytest.mark.parametrize("other", [{"seed": 6}, {"plan": Plan(games=("kuhn_poker",), episodes=20)}])
def test_other_deals_cannot_be_compared(by_random: Measurement, other: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="different plans or seeds"):
        compare_measurements(by_random, measure(agents.get("random"), **other))


# The table.


def print_comparison(before: Measurement, after: Measurement, plain: bool = False) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(comparison_table(before, after, plain))
    return console.export_text()


def test_the_table_says_what_became_better(by_random: Measurement, by_optimal: Measurement) -> None:
    shown = print_comparison(by_random, by_optimal)
    assert "exploitability            0.458    0.000  -0.458 [-0.458, -0.458]" in shown
    assert [line.split()[-1] for line in shown.splitlines() if "-0.458" in line] == ["better"]
    assert "worse" in print_comparison(by_optimal, by_random)


def test_the_table_fits_80_columns_without_cutting(by_random: Measurement, by_optimal: Measurement) -> None:
    shown = print_comparison(by_random, by_optimal)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


def test_a_plain_table_has_no_lines(by_random: Measurement, by_optimal: Measurement) -> None:
    assert "─" in print_comparison(by_random, by_optimal)
    assert "─" not in print_comparison(by_random, by_optimal, plain=True)


def test_what_only_one_of_the_two_has_is_shown_beside_a_gap(by_random: Measurement) -> None:
    shown = comparison_rows(by_random, measure(Solver(known=6)))
    (overall,) = [row for row in shown if row.label.text == "overall accuracy"]
    assert overall.before is None and overall.after is not None and overall.change is None


def test_tasks_and_the_overall_accuracy_are_shown_and_kinds_are_not() -> None:
    found = measure(Solver(known=6))
    problems = [row.label.text for row in comparison_rows(found, found) if row.label.section == "problems"]
    assert problems == ["arithmetic 1", "arithmetic 2", "overall accuracy", "no answer, overall"]


def test_forfeits_are_shown_under_the_win_rate_where_there_are_any(by_random: Measurement) -> None:
    forfeiting = measure(Stumbling(max_retries=0))
    labels = [row.label.text for row in comparison_rows(by_random, forfeiting) if row.label.section == "kuhn_poker"]
    assert labels[labels.index("wins vs random") + 1] == "forfeited vs random"
    assert "forfeited vs random" not in [row.label.text for row in comparison_rows(by_random, by_random)]


def test_a_figure_that_is_not_measurable_is_shown_as_such(by_random: Measurement) -> None:
    mute = Unmeasured(name="exploitability/kuhn_poker", unit="return per game", better="lower", reason="none is legal")
    scores = tuple(mute if s.name == mute.name else s for s in by_random.scores)
    policies = tuple(p.model_copy(update={"exploitability": mute}) for p in by_random.policies)
    after = by_random.model_copy(update={"scores": scores, "policies": policies})
    assert Measurement.model_validate_json(after.model_dump_json()) == after
    (row,) = [r for r in comparison_rows(by_random, after) if r.label.text == "exploitability"]
    assert row.after == mute and row.change is None
    assert "not measurable" in print_comparison(by_random, after)


def test_a_comparison_ends_in_its_headline_and_a_sentence(by_random: Measurement, by_optimal: Measurement) -> None:
    rows = comparison_rows(by_random, by_optimal)
    assert describe_headline(rows) == "kuhn_poker: exploitability 0.458 -> 0.000, -0.458 [-0.458, -0.458]"
    num_paired = sum(row.change is not None for row in rows)
    num_better = sum(row.change is not None and judge_change(row.change.score) == "better" for row in rows)
    assert num_better > 1
    assert describe_verdict(rows) == f"{num_better} of {num_paired} figures got better and 0 got worse."


def test_the_verdict_names_what_got_worse_and_what_is_not_measurable(
    by_random: Measurement, by_optimal: Measurement
) -> None:
    assert "got worse: mean return vs random in kuhn_poker" in describe_verdict(comparison_rows(by_optimal, by_random))
    same = comparison_rows(by_random, by_random)
    assert re.fullmatch(r"No clear difference in any of \d+ figures\.", describe_verdict(same))
    mute = Unmeasured(name="exploitability/kuhn_poker", unit="return per game", better="lower", reason="none is legal")
    unread = [row._replace(after=mute, change=None) if row.label.text == "exploitability" else row for row in same]
    assert describe_verdict(unread).endswith("Not measurable: exploitability in kuhn_poker.")
    assert describe_verdict([]) == "Nothing can be compared: the two measurements share no figure."
    assert describe_headline([]) == ""


@pytest.mark.parametrize("width", [60, 40])
def test_a_narrow_terminal_gets_whole_figures(by_random: Measurement, by_optimal: Measurement, width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(comparison_table(by_random, by_optimal, width=width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "0.458 -> 0.000, -0.458 [-0.458, -0.458], better" in " ".join(text.split()) and "…" not in text


def test_settings_under_which_two_models_were_asked_differently_are_named(by_random: Measurement) -> None:
    short, long = (
        by_random.model_copy(update={"request": {"prompt": "boxed", "max_tokens": tokens}}) for tokens in ("48", "256")
    )
    assert request_differences(short, long) == [RequestRow("max_tokens", "48", "256")]
    assert request_differences(short, short) == []
    assert request_differences(short, by_random) == []  # no model, which is asked nothing
