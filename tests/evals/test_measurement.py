"""A measurement keeps what its figures are made of, and two of them are compared part by part."""

import asyncio
import io
import json
from statistics import fmean
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console
from tests.agents.engines.openai.faulty_server import MODEL, FaultyServer

from mirrormatch import agents
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Agent, Decision, Reply
from mirrormatch.cli.terminal.tables import comparison_table
from mirrormatch.errors import UserError
from mirrormatch.evals import benchmarks
from mirrormatch.evals.comparison import compare_measurements, comparison_rows
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent
from mirrormatch.evals.statistics import Score, exact
from mirrormatch.evals.wording import format_change, format_interval, format_value, judge_change, score_label
from mirrormatch.seeds import derive

PLAN = Plan(
    games=("kuhn_poker", "tictactoe"), episodes=20, exploitability=("kuhn_poker",), transfer=("arithmetic",), items=4
)
SEED = 5


class Stumbling:
    """Plays like `random`, but its first reply to every decision is no move."""

    spec = "stumbling"
    max_retries: int | None = 1

    async def act(self, decision: Decision) -> Reply:
        return Reply(answer="hm", text="hm") if decision.problem is None else await RandomAgent().act(decision)


class Solver(Stumbling):
    """Knows the answers to the first problems."""

    spec = "solver"

    def __init__(self, known: int) -> None:
        items = benchmarks.get("arithmetic").items(derive(SEED, "problems"), PLAN.items)
        self._answers = {item.question: item.answer for item in items[:known]}

    async def ask(self, text: str, seed: int) -> Reply:
        return Reply(answer=self._answers.get(text, "none of these"), text="")


def measured(agent: Agent, plan: Plan = PLAN, seed: int = SEED) -> Measurement:
    return asyncio.run(measure_agent(agent, plan, seed))


@pytest.fixture(scope="module")
def by_random() -> Measurement:
    return measured(agents.get("random"))


@pytest.fixture(scope="module")
def by_optimal() -> Measurement:
    return measured(agents.get("optimal"))


def values(measurement: Measurement) -> dict[str, float]:
    found = {score.name: score.value for score in measurement.scores}
    assert len(found) == len(measurement.scores), "two scores of one name"
    return found


def test_every_game_is_played_against_every_opponent(by_random: Measurement) -> None:
    assert [score.name for score in by_random.scores] == [
        "legal/kuhn_poker",
        "win/kuhn_poker/random", "mean_return/kuhn_poker/random",
        "win/kuhn_poker/optimal", "mean_return/kuhn_poker/optimal",
        "legal/tictactoe",
        "win/tictactoe/random", "mean_return/tictactoe/random",
        "win/tictactoe/optimal", "mean_return/tictactoe/optimal",
        "exploitability/kuhn_poker", "legal_mass/kuhn_poker", "legal_mass_min/kuhn_poker", "floor/kuhn_poker",
    ]  # fmt: skip


def test_the_parts_of_a_figure_have_it_as_their_mean() -> None:
    found = measured(Stumbling())
    assert {sample.name: fmean(sample.values) for sample in found.samples} == pytest.approx(
        {name: value for name, value in values(found).items() if name.split("/")[0] in ("legal", "win", "mean_return")}
    )


def test_replies_that_are_no_moves_are_counted_over_all_replies() -> None:
    found = measured(Stumbling())  # every move takes it two replies
    assert (values(found)["legal/kuhn_poker"], values(found)["legal/tictactoe"]) == (0.5, 0.5)


def test_an_agent_against_its_like_is_a_match_with_two_seats(by_random: Measurement) -> None:
    (score,) = [s for s in by_random.scores if s.name == "mean_return/kuhn_poker/random"]
    assert score.n == 20  # and not 40, as if it sat in both


def test_what_an_agent_cannot_do_is_left_out() -> None:
    found = measured(Stumbling())
    assert found.policies == ()
    assert found.transfer is None
    assert not {"exploitability/kuhn_poker", "accuracy/overall"} & values(found).keys()


def test_a_server_that_keeps_its_tokens_is_measured_in_all_but_its_policy() -> None:
    with FaultyServer() as server:
        agent = agents.get(f"openai:{MODEL}@{server.url}")
        plan = Plan(games=("kuhn_poker",), episodes=2, exploitability=("kuhn_poker",), transfer=("logic",), items=2)
        found = asyncio.run(measure_agent(agent, plan, 0))
    assert found.policies == () and found.transfer is not None


def test_who_can_be_asked_problems_is_asked_them() -> None:
    assert values(measured(Solver(known=6)))["accuracy/overall"] == 6 / 8


@pytest.mark.parametrize("wrong", [{"games": ("kuhn_pokr",)}, {"opponents": ("rndom",), "games": ("kuhn_poker",)}])
def test_an_unknown_name_in_a_plan_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="did you mean"):
        measured(RandomAgent(), Plan(**wrong))


def test_progress_goes_up_to_its_end() -> None:
    seen = list[tuple[int, int]]()
    asyncio.run(measure_agent(Solver(2), PLAN, SEED, lambda done, total: seen.append((done, total))))
    assert seen == sorted(seen)
    assert seen[-1] == (500, 500)  # four matches and the problems


def test_a_measurement_survives_the_way_through_a_file() -> None:
    found = measured(Solver(known=6))
    written_out = found.model_dump_json()
    assert json.loads(written_out)["schema"] == 1
    assert Measurement.model_validate_json(written_out) == found
    with pytest.raises(ValidationError):
        Measurement.model_validate_json(written_out.replace('"schema":1', '"schema":2'))


def test_equal_seeds_measure_the_same(by_random: Measurement) -> None:
    assert measured(agents.get("random")) == by_random


# What changed.


def changes(before: Measurement, after: Measurement) -> dict[str, Score]:
    return {change.score.name: change.score for change in compare_measurements(before, after)}


def test_a_change_is_after_minus_before(by_random: Measurement, by_optimal: Measurement) -> None:
    earlier, later = values(by_random), values(by_optimal)
    found = changes(by_random, by_optimal)
    assert found.keys() == earlier.keys() - {"floor/kuhn_poker"}
    assert {n: s.value for n, s in found.items()} == pytest.approx({n: later[n] - earlier[n] for n in found})
    assert all(s.low <= s.value <= s.high for s in found.values())


def test_a_change_of_a_share_over_replies_is_that_of_the_shares(by_random: Measurement) -> None:
    assert changes(measured(Stumbling()), by_random)["legal/tictactoe"].value == pytest.approx(0.5)


def test_exact_exploitability_falls_by_exactly_that_much(by_random: Measurement, by_optimal: Measurement) -> None:
    (change,) = [c for c in compare_measurements(by_random, by_optimal) if c.score.name == "exploitability/kuhn_poker"]
    assert change.score.low == change.score.value == change.score.high == pytest.approx(-11 / 24)
    assert change.p < 0.01


def test_problems_are_paired_one_by_one() -> None:
    found = changes(measured(Solver(known=2)), measured(Solver(known=6)))
    assert found["accuracy/overall"].value == 0.5
    assert found["accuracy/arithmetic_1"].n == 4


def test_nothing_changes_between_a_measurement_and_itself(by_random: Measurement) -> None:
    assert {(s.low, s.value, s.high) for s in changes(by_random, by_random).values()} == {(0.0, 0.0, 0.0)}


def test_only_what_both_have_is_compared(by_random: Measurement) -> None:
    assert "exploitability/kuhn_poker" not in changes(by_random, measured(Stumbling()))


@pytest.mark.parametrize("other", [{"seed": 6}, {"plan": Plan(games=("kuhn_poker",), episodes=20)}])
def test_other_deals_cannot_be_compared(by_random: Measurement, other: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="different plans or seeds"):
        compare_measurements(by_random, measured(agents.get("random"), **other))


# The table.


def printed(before: Measurement, after: Measurement, plain: bool = False) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(comparison_table(before, after, plain))
    return console.export_text()


def test_the_table_says_what_became_better(by_random: Measurement, by_optimal: Measurement) -> None:
    shown = printed(by_random, by_optimal)
    assert "exploitability            0.458    0.000  -0.458 [-0.458, -0.458]" in shown
    assert [line.split()[-1] for line in shown.splitlines() if "-0.458" in line] == ["better"]
    assert "worse" in printed(by_optimal, by_random)


def test_the_table_fits_80_columns_without_cutting(by_random: Measurement, by_optimal: Measurement) -> None:
    shown = printed(by_random, by_optimal)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown


def test_a_plain_table_has_no_lines(by_random: Measurement, by_optimal: Measurement) -> None:
    assert "─" in printed(by_random, by_optimal)
    assert "─" not in printed(by_random, by_optimal, plain=True)


def test_what_only_one_of_the_two_has_is_shown_beside_a_gap(by_random: Measurement) -> None:
    shown = comparison_rows(by_random, measured(Solver(known=6)))
    (overall,) = [row for row in shown if row.label.text == "overall accuracy"]
    assert overall.before is None and overall.after is not None and overall.change is None


def test_tasks_and_the_overall_accuracy_are_shown_and_kinds_are_not() -> None:
    found = measured(Solver(known=6))
    problems = [row.label.text for row in comparison_rows(found, found) if row.label.section == "problems"]
    assert problems == ["arithmetic 1", "arithmetic 2", "overall accuracy", "no answer, overall"]


# Words.


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
    ("found", "told"),
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
def test_a_difference_counts_where_its_interval_leaves_out_nothing(found: Score, told: str) -> None:
    assert judge_change(found) == told
