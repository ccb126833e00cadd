"""Agents with known figures, and measurements of them under one small plan."""

import asyncio

from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Agent, Decision, Reply
from mirrormatch.evals import benchmarks
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent

PLAN = Plan(
    games=("kuhn_poker", "tictactoe"), episodes=20, exploitability=("kuhn_poker",), transfer=("arithmetic",), items=4
)
SEED = 5


class Stumbling:
    """Plays like `random`, but its first reply to every decision holds no move."""

    spec = "stumbling"

    def __init__(self, max_retries: int | None = 1) -> None:
        self.max_retries = max_retries

    async def act(self, decision: Decision) -> Reply:
        return Reply(answer="hm", text="hm") if decision.problem is None else await RandomAgent().act(decision)


class Solver(Stumbling):
    """Answers the first problems right."""

    spec = "solver"

    def __init__(self, known: int) -> None:
        super().__init__()
        items = benchmarks.get("arithmetic").items(SEED, PLAN.items)
        self._answers = {item.question: item.answer for item in items[:known]}

    async def ask(self, text: str, seed: int) -> Reply:
        return Reply(answer=self._answers.get(text, "none of these"), text="")


def measure(agent: Agent, plan: Plan = PLAN, seed: int = SEED) -> Measurement:
    return asyncio.run(measure_agent(agent, plan, seed))


def values_by_name(measurement: Measurement) -> dict[str, float]:
    found = {score.name: score.value for score in measurement.scores if score.value is not None}
    assert len(found) == len(measurement.scores), "two scores of one name"
    return found
