"""A measurement keeps the parts of its figures."""

import asyncio
import json
from statistics import fmean
from typing import Any

import pytest
from pydantic import ValidationError
from tests.agents.engines.openai.faulty_server import MODEL, FaultyServer
from tests.evals.measured_agents import PLAN, SEED, Solver, Stumbling, measure, values_by_name

from mirrormatch import agents
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.errors import UserError
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent


def test_every_game_is_played_against_every_opponent(by_random: Measurement) -> None:
    assert [score.name for score in by_random.scores] == [
        "legal/kuhn_poker",
        "win/kuhn_poker/random", "forfeit/kuhn_poker/random", "mean_return/kuhn_poker/random",
        "win/kuhn_poker/optimal", "forfeit/kuhn_poker/optimal", "mean_return/kuhn_poker/optimal",
        "legal/tictactoe",
        "win/tictactoe/random", "forfeit/tictactoe/random", "mean_return/tictactoe/random",
        "win/tictactoe/optimal", "forfeit/tictactoe/optimal", "mean_return/tictactoe/optimal",
        "exploitability/kuhn_poker", "legal_mass/kuhn_poker", "legal_mass_min/kuhn_poker", "floor/kuhn_poker",
    ]  # fmt: skip


def test_the_parts_of_a_figure_have_it_as_their_mean() -> None:
    found = measure(Stumbling())
    assert {sample.name: fmean(sample.values) for sample in found.samples} == pytest.approx(
        {
            name: value
            for name, value in values_by_name(found).items()
            if name.split("/")[0] in ("legal", "win", "forfeit", "mean_return")
        }
    )


def test_replies_that_are_no_moves_are_counted_over_all_replies() -> None:
    found = measure(Stumbling())  # it needs two replies for every move
    assert (values_by_name(found)["legal/kuhn_poker"], values_by_name(found)["legal/tictactoe"]) == (0.5, 0.5)


def test_an_agent_against_its_like_is_a_match_with_two_seats(by_random: Measurement) -> None:
    (score,) = [s for s in by_random.scores if s.name == "mean_return/kuhn_poker/random"]
    assert score.n == 20  # not 40: it plays one of the two seats


def test_what_an_agent_cannot_do_is_left_out() -> None:
    found = measure(Stumbling())
    assert found.policies == ()
    assert found.transfer is None
    assert not {"exploitability/kuhn_poker", "accuracy/overall"} & values_by_name(found).keys()


def test_a_server_that_keeps_its_tokens_is_measured_in_all_but_its_policy() -> None:
    with FaultyServer() as server:
        agent = agents.get(f"openai:{MODEL}@{server.url}")
        plan = Plan(games=("kuhn_poker",), episodes=2, exploitability=("kuhn_poker",), transfer=("logic",), items=2)
        found = asyncio.run(measure_agent(agent, plan, 0))
    assert found.policies == () and found.transfer is not None


def test_an_agent_with_answers_is_asked_the_problems() -> None:
    assert values_by_name(measure(Solver(known=6)))["accuracy/overall"] == 6 / 8


@pytest.mark.parametrize("wrong", [{"games": ("kuhn_pokr",)}, {"opponents": ("rndom",), "games": ("kuhn_poker",)}])
def test_an_unknown_name_in_a_plan_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="did you mean"):
        measure(RandomAgent(), Plan(**wrong))


def test_progress_goes_up_to_its_end() -> None:
    seen = list[tuple[int, int]]()
    asyncio.run(measure_agent(Solver(2), PLAN, SEED, lambda done, total: seen.append((done, total))))
    assert seen == sorted(seen)
    assert seen[-1] == (500, 500)  # four matches and the problems


def test_a_measurement_survives_the_way_through_a_file() -> None:
    found = measure(Solver(known=6))
    text = found.model_dump_json()
    assert json.loads(text)["schema"] == 1
    assert Measurement.model_validate_json(text) == found
    with pytest.raises(ValidationError):
        Measurement.model_validate_json(text.replace('"schema":1', '"schema":2'))


def test_equal_seeds_measure_the_same(by_random: Measurement) -> None:
    assert measure(agents.get("random")) == by_random
