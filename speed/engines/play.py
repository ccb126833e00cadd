"""Tokens per second of self-play against those of the bare engine, fed with the same prompts all at once.

    python speed/engines/play.py nano vllm:nano

Each round plays episodes, all in flight together, and then gives every prompt that came up in them to the engine alone:
to transformers' `model.generate` in batches as large as play's, to vLLM in one go. Tokens after a row's end don't
count.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from mirrormatch import games
from mirrormatch.agents import Sampling
from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import model_agent

NUM_EPISODES = 256
NUM_ROUNDS = 5
MAX_TOKENS = 64
GAMES = ("kuhn_poker", "simple_negotiation")


def measure_play(agent: LLMAgent, game_name: str, seed: int) -> tuple[int, float, list[tuple[int, ...]]]:
    """Plays the episodes; returns the number of generated tokens, the seconds and every prompt."""
    game = games.get(game_name)

    async def all_of_them() -> list[Any]:
        jobs = (lambda k=k: play(game, [agent, agent], 1_000 * seed + k) for k in range(NUM_EPISODES))
        return await run_all(jobs, NUM_EPISODES)

    began = time.perf_counter()
    episodes = asyncio.run(all_of_them())
    seconds = time.perf_counter() - began
    replies = [t for e in episodes for t in e.turns if t.completion is not None]
    return sum(len(t.completion.token_ids) for t in replies), seconds, [t.prompt_ids for t in replies]


def measure_bare_engine(agent: LLMAgent, prompts: Sequence[tuple[int, ...]]) -> tuple[int, float]:
    """Generates for the same prompts; returns the number of tokens and the seconds of the engine alone."""
    engine: Any = agent.engine
    generate = _by_transformers if hasattr(engine, "model") else _by_engine
    began = time.perf_counter()
    num_tokens = generate(engine, prompts)
    return num_tokens, time.perf_counter() - began


def _by_transformers(engine: Any, prompts: Sequence[tuple[int, ...]]) -> int:
    return sum(_one_batch(engine, prompts[k : k + NUM_EPISODES]) for k in range(0, len(prompts), NUM_EPISODES))


def _one_batch(engine: Any, prompts: Sequence[tuple[int, ...]]) -> int:
    import torch

    length, device = max(map(len, prompts)), engine.model.device
    ids = torch.tensor([[engine.pad_id] * (length - len(row)) + list(row) for row in prompts], device=device)
    mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in prompts], device=device)
    out = engine.model.generate(ids, attention_mask=mask, max_new_tokens=MAX_TOKENS, do_sample=True, top_k=0, top_p=1.0)
    rows = out[:, length:].tolist()
    return sum(next((k + 1 for k, token in enumerate(row) if token in engine.end_ids), len(row)) for row in rows)


def _by_engine(engine: Any, prompts: Sequence[tuple[int, ...]]) -> int:
    """Sends all prompts to the engine at once, without games and parsing."""

    async def all_at_once() -> int:
        sampling = Sampling(max_tokens=MAX_TOKENS)
        completions = await asyncio.gather(*(engine.generate(ids, sampling, seed=k) for k, ids in enumerate(prompts)))
        return sum(len(completion.token_ids) for completion in completions)

    return asyncio.run(all_at_once())


def main(specs: Sequence[str]) -> None:
    """Prints one row for each engine and game."""
    print("| engine | game | play, tokens/s | bare, tokens/s | play / bare | prompt tokens read before |")
    print("|---|---|---:|---:|---:|---:|")
    for spec in specs:
        agent = model_agent(spec, RequestSettings(max_tokens=MAX_TOKENS))
        for game_name in GAMES:
            print(_row(spec, agent, game_name), flush=True)


def _row(spec: str, agent: LLMAgent, game_name: str) -> str:
    measure_play(agent, game_name, 0)  # warm
    rates = []
    before: Any = getattr(agent.engine, "usage", None)
    for k in range(1, NUM_ROUNDS + 1):
        num_tokens, seconds, prompts = measure_play(agent, game_name, k)
        num_bare, bare_s = measure_bare_engine(agent, prompts)
        rates.append((num_tokens / seconds, num_bare / bare_s))
    ratio = statistics.median(ours / theirs for ours, theirs in rates)
    ours, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
    usage: Any = getattr(agent.engine, "usage", None)
    reused = "-"
    if usage is not None and usage.prompt_tokens > before.prompt_tokens:
        share = (usage.cached_tokens - before.cached_tokens) / (usage.prompt_tokens - before.prompt_tokens)
        reused = f"{share:.0%}"
    return f"| {spec} | {game_name} | {ours:,.0f} | {theirs:,.0f} | {ratio:.2f} | {reused} |"


if __name__ == "__main__":
    main(sys.argv[1:] or ["nano"])
