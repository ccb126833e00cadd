"""The cost of a turn beside the model: rules, prompt, encoding, parsing, records and scheduling.

The engine answers at once. Processor time is measured, which a busy machine disturbs less. The aim is 150 microseconds
a turn.
"""

import asyncio
import resource
import statistics
import time
import tracemalloc
from collections.abc import Sequence

import pytest

from mirrormatch import games, prompts
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.scripted import ScriptedEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import model_agent

NUM_EPISODES = 500
NUM_ROUNDS = 9
ANSWERS = {"kuhn_poker": ("check", "call"), "simple_negotiation": ("offer 1 wood -> 1 gold | a fair deal", "deny")}


class Instant:
    """An engine with the bundled model's tokenizer and immediate replies."""

    def __init__(self, replies: Sequence[str]) -> None:
        self._really = model_agent("nano").engine
        self._ids = [self._really.complete(f"<think>So it is.</think>\\boxed{{{reply}}}") for reply in replies]
        self._texts = [f"<think>So it is.</think>\\boxed{{{reply}}}" for reply in replies]
        self.encode, self.complete, self.end_ids = self._really.encode, self._really.complete, self._really.end_ids

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        ids, text = self._ids[seed % 2], self._texts[seed % 2]
        return Completion(token_ids=ids, logprobs=(0.0,) * len(ids), text=text, finish="stop", adapter=adapter)


def num_turns(game_name: str, first_seed: int) -> int:
    game = games.get(game_name)
    agent = LLMAgent("instant", Instant(ANSWERS[game_name]), prompts.get("boxed"), Sampling())  # type: ignore[arg-type]

    async def all_of_them() -> int:
        jobs = (lambda k=k: play(game, [agent, agent], first_seed + k) for k in range(NUM_EPISODES))
        return sum(len(episode.turns) for episode in await run_all(jobs))

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("game_name", ANSWERS)
def test_overhead(game_name: str) -> None:
    num_turns(game_name, 0)  # warm-up
    microseconds = []
    for k in range(NUM_ROUNDS):
        began = time.process_time()
        turns = num_turns(game_name, 1_000 * (k + 1))
        microseconds.append((time.process_time() - began) / turns * 1e6)
    print(f"\n{game_name}: {statistics.median(microseconds):.0f} microseconds a turn")


@pytest.mark.parametrize("num_episodes", [1_000, 10_000])
def test_many_at_once(num_episodes: int) -> None:
    """Plays with every episode in flight at once."""
    game = games.get("kuhn_poker")
    engine = ScriptedEngine(lambda prompt, seed: "\\boxed{check}" if "check" in prompt[-40:] else "\\boxed{fold}")
    agent = LLMAgent("scripted", engine, prompts.get("boxed"), Sampling())
    tracemalloc.start()
    began = time.process_time()

    async def all_of_them() -> int:
        jobs = (lambda k=k: play(game, [agent, agent], k) for k in range(num_episodes))
        return len(await run_all(jobs, limit=num_episodes))

    assert asyncio.run(all_of_them()) == num_episodes
    seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    each_ms, each_kib = seconds / num_episodes * 1e3, peak / num_episodes / 1024
    process_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{num_episodes:,} episodes at once: {each_ms:.2f} ms and {each_kib:.1f} KiB each, "
        f"{process_mib:.0f} MiB for the process"
    )
