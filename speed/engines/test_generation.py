"""Tokens per second of the transformers engine against one big `model.generate` on the same prompts, in one run.

Both sample until each row ends; padding that `generate` writes after a row's end doesn't count. Medians of alternating
rounds.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import Sequence

import pytest
import torch

from mirrormatch import games, prompts
from mirrormatch.agents import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.spec import model_agent

NUM_PROMPTS = 128
NUM_ROUNDS = 9
MAX_TOKENS = 64
MODEL = os.environ.get("MIRRORMATCH_BENCH_MODEL", "nano")


def prompts_of_play(engine: TransformersEngine, game_name: str) -> list[tuple[int, ...]]:
    """The prompts at the positions of random games."""
    game, prompt, rng, found = games.get(game_name), prompts.get("boxed"), random.Random(0), list[tuple[int, ...]]()
    while len(found) < NUM_PROMPTS:
        state = game.start()
        positions = []
        while (role := game.to_act(state)) != games.OVER:
            if role == games.CHANCE:
                state = game.apply(state, rng.choice(game.chance(state))[0])
                continue
            positions.append(game.observe(state, role))
            state = game.apply(state, game.sample(game.view(state, role), positions[-1].legal, rng))
        found.append(engine.encode(prompt.turn(game.rules(), (), rng.choice(positions))))
    return found


def ours(engine: TransformersEngine, asked: Sequence[tuple[int, ...]]) -> int:
    async def all_at_once() -> int:
        sampling = Sampling(max_tokens=MAX_TOKENS)
        completions = await asyncio.gather(*(engine.generate(ids, sampling, seed=k) for k, ids in enumerate(asked)))
        return sum(len(completion.token_ids) for completion in completions)

    return asyncio.run(all_at_once())


def theirs(engine: TransformersEngine, asked: Sequence[tuple[int, ...]]) -> int:
    length = max(map(len, asked))
    ids = torch.tensor([[engine.pad_id] * (length - len(row)) + list(row) for row in asked])
    mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in asked])
    out = engine.model.generate(ids, attention_mask=mask, max_new_tokens=MAX_TOKENS, do_sample=True, top_k=0, top_p=1.0)
    return sum(_up_to_end(row, engine.end_ids) for row in out[:, length:].tolist())


def _up_to_end(row: list[int], end_ids: frozenset[int]) -> int:
    return next((k + 1 for k, token in enumerate(row) if token in end_ids), len(row))


@pytest.mark.parametrize("game_name", ["kuhn_poker", "simple_negotiation"])
def test_generation_speed(game_name: str) -> None:
    torch.manual_seed(0)
    engine = model_agent(MODEL).engine
    assert isinstance(engine, TransformersEngine)
    asked = prompts_of_play(engine, game_name)
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(NUM_ROUNDS + 1):
        for name, run in (("ours", ours), ("theirs", theirs)):
            began = time.perf_counter()
            num_tokens = run(engine, asked)
            rates[name].append(num_tokens / (time.perf_counter() - began))
    medians = {name: statistics.median(measured[1:]) for name, measured in rates.items()}  # the first round warms up
    print(
        f"\n{game_name}: engine {medians['ours']:,.0f} tokens/s, model.generate {medians['theirs']:,.0f} tokens/s, "
        f"ratio {medians['ours'] / medians['theirs']:.2f} ({len(set(asked))} different prompts of {len(asked)})"
    )
