"""One seed is one set of deals, thoughts and problems, in every command."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import Cli
from tests.evals.measured_agents import PLAN, SEED, Solver, measure

from mirrormatch import agents, games
from mirrormatch.cli import main
from mirrormatch.evals import benchmarks
from mirrormatch.evals.arena import run_match
from mirrormatch.evals.exploitability import measure_exploitability
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.transfer import run_transfer
from mirrormatch.training.run_folder import RunFolder

FEW = ("--episodes", "6", "--seed", "5")
CONFIG = """
model = "nano"
seed = 5
[play]
games = ["kuhn_poker"]
episodes = 2
max_tokens = 8
[learn]
steps = 1
[measure]
games = ["kuhn_poker"]
episodes = 6
transfer = ["logic"]
items = 2
"""


def test_a_measurement_asks_the_problems_of_eval_transfer() -> None:
    agent = Solver(known=3)
    alone = asyncio.run(run_transfer(agent, [benchmarks.get("arithmetic")], PLAN.items, SEED))
    assert measure(agent).transfer == alone


def test_a_measurement_reads_the_policy_of_eval_exploitability() -> None:
    agent = agents.get("random")
    alone = asyncio.run(measure_exploitability(agent, games.get("kuhn_poker"), PLAN.thoughts, SEED))
    assert measure(agent).policies == (alone,)


def test_a_measurement_plays_the_deals_of_a_match() -> None:
    agent = agents.get("random")
    match = asyncio.run(run_match(games.get("kuhn_poker"), [agent, agents.get("optimal")], PLAN.episodes, SEED))
    named = {score.name: score for score in measure(agent).scores}
    for figure in ("win", "mean_return"):
        alone = getattr(match.scores.agents[0], figure)
        assert named[f"{figure}/kuhn_poker/optimal"] == alone.model_copy(
            update={"name": f"{figure}/kuhn_poker/optimal"}
        )


def test_eval_games_plays_the_deals_of_a_match(cli: Cli) -> None:
    shown = cli.json("eval", "games", "optimal", "--games", "kuhn_poker", *FEW)
    (against_random,) = [m for m in shown["matches"] if m["agents"][-1]["spec"] == "random"]
    assert against_random == cli.json("match", "kuhn_poker", "optimal", "random", *FEW)


@pytest.mark.slow
def test_a_run_is_measured_on_the_deals_and_problems_of_its_seed(tmp_path: Path) -> None:
    (config := tmp_path / "run.toml").write_text(CONFIG, encoding="utf-8")
    assert main(["train", str(config), "--out", str(tmp_path / "run")]) == 0
    path = RunFolder(tmp_path / "run").measurement_path("before")
    before = Measurement.model_validate_json(path.read_text(encoding="utf-8"))
    items: list[Any] = benchmarks.get("logic").items(5, 2)
    assert before.seed == 5 and before.transfer is not None
    assert [result.id for result in before.transfer.results] == [item.id for item in items]
