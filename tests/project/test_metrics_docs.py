"""Every metric that is logged or reported has its row in docs/metrics.md, and every row has its metric."""

import asyncio
import functools
import re
import runpy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.paths import ROOT

from mirrormatch import agents, games, play
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.scripted import ScriptedEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import find_model
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Reply
from mirrormatch.config_file import parse_settings
from mirrormatch.evals.measurement import Plan, measure_agent
from mirrormatch.prompts import get
from mirrormatch.training import metrics, objectives, rewards
from mirrormatch.training.alarm_settings import AlarmName
from mirrormatch.training.alarms import RULES
from mirrormatch.training.config import RunConfig
from mirrormatch.training.learner import Update
from mirrormatch.training.metric_catalogue import CATALOGUE, find_metric
from mirrormatch.training.pipeline import make_terms
from mirrormatch.training.trl_trainer import TrlLearner
from mirrormatch.training.types import Sample, Step, Trajectory

DOCS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
MEASURED = DOCS.partition("## Measured")[2]
ON_A_GPU = {"gpu_peak_gb"}


def logged_names() -> Iterator[str]:
    """The names of a step's figures of play, credit, learning and time, from a real update with every objective."""
    engine = ScriptedEngine(lambda prompt, seed: "<think>x</think>\\boxed{check}")
    agent = LLMAgent("scripted", engine, get("boxed"), Sampling(), max_retries=0)
    episodes = [asyncio.run(play(games.get("kuhn_poker"), [agent, agent], seed)) for seed in range(2)]
    yield from metrics.measure_play(episodes, {"kuhn_poker/first": 0.0, "all": 0.0})
    steps = (Step((1,), (2,), (-0.5,)),)
    seat = Trajectory(0, "kuhn_poker", 0, "first", "main", "main", ("main",), 0, 0, 0, "win", None, steps)
    yield from metrics.measure_credit([seat], [(1.0,)], [])
    yield from (f"reward/{name}" for name in rewards.names())
    learned = measure_update()
    yield from learned
    yield from (f"solver/{name}" for name in learned)
    yield from metrics.measure_time(1.0, 1.0, 0.1, [seat], learned)


@functools.cache
def measure_update() -> metrics.Metrics:
    """The figures of a real update with every objective."""
    model = str(find_model("nano"))
    values = {
        "model": "nano",
        "play": {"games": ["kuhn_poker"], "max_tokens": 2},
        "learn": {"steps": 1},
        "objective": {name: {} for name in objectives.names()},
    }
    config = parse_settings(values, RunConfig, "test")
    with tempfile.TemporaryDirectory() as folder:
        learner = TrlLearner(config, model, Path(folder))
        sample = Sample((5, 6, 7), (0, 1, 1), (0.0, -1.0, -2.0), (0.0, 1.0, 1.0), game="kuhn_poker")
        return learner.update("main", [Update([sample], 1)], make_terms(config))


class Answerer(RandomAgent):
    """Plays like `random` and answers every problem with 0."""

    async def ask(self, text: str, seed: int) -> Reply:
        return Reply(answer="0", text="0")


@functools.cache
def measurement_names() -> frozenset[str]:
    plan = Plan(
        games=("kuhn_poker",), episodes=2, exploitability=("kuhn_poker",), transfer=("arithmetic", "logic"), items=1
    )
    return frozenset(generalize(score.name) for score in asyncio.run(measure_agent(Answerer(), plan, 0)).scores)


def generalize(name: str) -> str:
    """Replaces games, opponents, tasks and kinds in the name of a score by the placeholders of the page."""
    figure, *rest = name.split("/")
    if rest == ["overall"]:
        return name
    if figure in ("accuracy", "majority"):
        return f"{figure}/{'TASK' if rest[0][-1].isdigit() else 'KIND'}"
    return f"{figure}/GAME" if len(rest) == 1 else f"{figure}/GAME/OPPONENT"


def measured_rows() -> set[str]:
    """Names in the first column of the tables about measurements."""
    cells = re.findall(r"^\| (`[^|]+`) \|", MEASURED, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_logged_metric_is_in_the_catalogue() -> None:
    assert [name for name in logged_names() if find_metric(name) is None] == []


def test_everything_in_the_catalogue_is_logged() -> None:
    found = {find_metric(name) for name in logged_names()}
    assert {metric.patterns for metric in CATALOGUE if metric not in found} == {(name,) for name in ON_A_GPU}


@pytest.mark.parametrize("name", ["retrun/kuhn_poker/0", "return/kuhn_poker", "solver/illegal", "kl/", "/kl", ""])
def test_an_unknown_name_has_no_row(name: str) -> None:
    assert find_metric(name) is None


def test_a_games_name_may_hold_a_slash() -> None:
    found = find_metric("illegal/openspiel/leduc_poker:players=3/0")
    assert found is not None and found.patterns == ("illegal", "illegal/GAME/PART")


def test_the_tables_are_those_of_the_catalogue_and_the_alarms() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "generate" / "metrics.py"))
    assert script["replace_tables"](DOCS) == DOCS, "make docs"


def test_every_alarm_has_one_rule() -> None:
    assert [rule.name for rule in RULES] == list(AlarmName)


def test_every_measured_figure_has_its_row_and_every_row_its_figure() -> None:
    assert measured_rows() == measurement_names()


def test_the_figures_that_the_page_quotes_are_right() -> None:
    uniform = asyncio.run(measure_agent(agents.get("random"), Plan(exploitability=("kuhn_poker",)), 0)).scores[0]
    assert f"Uniform play in Kuhn poker: {uniform.value:.4f}." in DOCS
