"""Every metric that is logged or reported has its row in docs/metrics.md, and every row has its metric."""

import asyncio
import functools
import re
import tempfile
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
from mirrormatch.training.alarms import Alarms
from mirrormatch.training.config import AlarmSettings, RunConfig
from mirrormatch.training.learner import Update
from mirrormatch.training.pipeline import make_terms
from mirrormatch.training.trl_trainer import TrlLearner
from mirrormatch.training.types import Sample, Step, Trajectory

DOCS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
WORST = {"illegal": 1.0, "truncated": 0.0, "repeated": 1.0, "entropy": 0.0}  # rings every alarm
TIMES = {"time/play_s", "time/learn_s", "time/play_share", "tokens_per_s"}  # the trainer's own, in trainer.py


def documented_names() -> set[str]:
    """Names in the first column of every table."""
    cells = re.findall(r"^\| (`[^|]+`) \|", DOCS, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def generalize(name: str) -> str:
    """Replaces games, roles and opponents in a name by the placeholders of the page."""
    figure, *rest = name.split("/")
    if figure in ("time", "alarm") or rest in ([], ["overall"]):
        return name
    if figure in ("accuracy", "majority"):
        return f"{figure}/{'TASK' if rest[0][-1].isdigit() else 'KIND'}"
    if figure == "reward":
        return "reward/TERM"
    if len(rest) == 1:
        return f"{figure}/GAME"
    if figure == "baseline":
        return "baseline/GAME/PART"
    return f"{figure}/GAME/{'ROLE' if rest[1].isdigit() else 'OPPONENT'}"


def of_play() -> set[str]:
    engine = ScriptedEngine(lambda prompt, seed: "<think>x</think>\\boxed{check}")
    agent = LLMAgent("scripted", engine, get("boxed"), Sampling(), max_retries=0)
    episode = asyncio.run(play(games.get("kuhn_poker"), [agent, agent]))
    return set(metrics.measure_play([episode], {"kuhn_poker/first": 0.0}))


def of_credit() -> set[str]:
    steps = (Step((1,), (2,), (-0.5,)),)
    seat = Trajectory(0, "kuhn_poker", 0, "first", "main", "main", ("main",), 0, 0, 0, "win", None, steps)
    return set(metrics.measure_credit([seat], [(1.0,)], [])) | {f"reward/{name}" for name in rewards.names()}


@functools.cache
def of_learning() -> set[str]:
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
        sample = Sample((5, 6, 7), (0, 1, 1), (0.0, -1.0, -2.0), (0.0, 1.0, 1.0))
        return set(learner.update("main", [Update([sample], 1)], make_terms(config)))


def alarms() -> set[str]:
    watch = Alarms(AlarmSettings())
    for _ in range(9):
        watch.check({**WORST, "reply_tokens": 100.0})
    return {f"alarm/{name}" for name in watch.check({**WORST, "reply_tokens": 0.0})}


class Answerer(RandomAgent):
    """Plays like `random` and answers every problem with 0."""

    async def ask(self, text: str, seed: int) -> Reply:
        return Reply(answer="0", text="0")


def measurement_names() -> set[str]:
    plan = Plan(
        games=("kuhn_poker",), episodes=2, exploitability=("kuhn_poker",), transfer=("arithmetic", "logic"), items=1
    )
    return {score.name for score in asyncio.run(measure_agent(Answerer(), plan, 0)).scores}


@pytest.mark.parametrize("names", [of_play, of_credit, of_learning, alarms, measurement_names, lambda: TIMES])
def test_every_metric_is_documented(names: object) -> None:
    assert callable(names)
    found = {generalize(name) for name in names()}
    assert found
    assert found <= documented_names()


def test_every_row_has_its_metric() -> None:
    counted = {
        generalize(name) for name in (*of_play(), *of_credit(), *of_learning(), *alarms(), *measurement_names(), *TIMES)
    }
    assert documented_names() == counted


def test_the_figures_that_the_page_quotes_are_right() -> None:
    uniform = asyncio.run(measure_agent(agents.get("random"), Plan(exploitability=("kuhn_poker",)), 0)).scores[0]
    assert f"Uniform play in Kuhn poker: {uniform.value:.4f}." in DOCS
