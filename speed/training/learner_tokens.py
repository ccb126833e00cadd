"""Tokens that the learner reads in an update, against one row per turn.

    python speed/training/learner_tokens.py

Each update holds the turns of episodes that the bundled model played against itself, as training plays them. "Read" is
what the model computes, padding included. Seconds are processor time of all log-probs with their gradients.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model

from mirrormatch import games
from mirrormatch.agents.engines.hf import load_base
from mirrormatch.agents.models import find_model
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import model_agent
from mirrormatch.training.likelihood import Likelihood
from mirrormatch.training.packing import Plan
from mirrormatch.training.types import Sample

MAX_TOKENS = 48  # of a reply
PART_TOKENS = 4096
NUM_ROUNDS = 3


class Setting(NamedTuple):
    """What is played, and the share of tokens to reach.

    Attributes:
        game: the game.
        spec: the SPEC of the model that plays it.
        num_episodes: number of episodes.
        num_turns: number of turns of each role, from its first, that are learned from; None for all.
        aim: the share to reach.
    """

    game: str
    spec: str
    num_episodes: int
    num_turns: int | None
    aim: float


NANO = f"nano,max_tokens={MAX_TOKENS}"
SETTINGS = (
    Setting("kuhn_poker", NANO, 64, None, 0.20),
    Setting("tictactoe", NANO, 64, None, 0.45),
    Setting("simple_negotiation", NANO, 64, None, 0.65),
    # The bundled model doesn't know this game: without the constraint most episodes would end in their first turns.
    Setting("connect_four", f"{NANO},history=full,constrain=yes", 8, 8, 0.20),
)


def play_turns(setting: Setting) -> list[Sample]:
    """Plays the episodes; returns one sample per turn."""
    game, agent = games.get(setting.game), model_agent(setting.spec)
    seats = range(len(game.info.roles))

    async def all_of_them() -> list[Any]:
        jobs = (lambda k=k: play(game, [agent for _ in seats], k) for k in range(setting.num_episodes))
        return await run_all(jobs, setting.num_episodes)

    episodes = asyncio.run(all_of_them())
    by_seat = [[turn for turn in episode.turns if turn.role == seat] for episode in episodes for seat in seats]
    turns = [turn for of_seat in by_seat for turn in of_seat[: setting.num_turns]]
    return [_sample(turn.prompt_ids, turn.completion.token_ids) for turn in turns if turn.completion.token_ids]


def _sample(prompt_ids: Sequence[int], ids: Sequence[int]) -> Sample:
    own = (0,) * len(prompt_ids) + (1,) * len(ids)
    return Sample((*prompt_ids, *ids), own, (0.0,) * len(own), (0.0,) * len(own))


def measure_seconds(model: torch.nn.Module, likelihood: Likelihood, plan: Plan) -> float:
    """Processor time of a plan's log-probs with their gradients, the median of the rounds."""
    seconds = []
    for _ in range(NUM_ROUNDS):
        began = time.process_time()
        for part in plan.parts:
            likelihood(part, temperature=1.0).logps.sum().backward()
        seconds.append(time.process_time() - began)
        model.zero_grad()
    return statistics.median(seconds)


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    base, _ = load_base(str(find_model("nano")))
    model = get_peft_model(base, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    likelihood = Likelihood(model)
    print(
        "| game | turns | tokens, a row per turn | read | share | aim | own | real | largest part / mean | parts | s |"
    )
    print("|---|" + "---:|" * 10)
    for setting in SETTINGS:
        samples = play_turns(setting)
        num_tokens = sum(len(sample.ids) for sample in samples)
        plan = likelihood.plan(samples, PART_TOKENS)
        print(
            f"| {setting.game} | {len(samples)} | {num_tokens:,} | {plan.num_tokens:,} "
            f"| {plan.num_tokens / num_tokens:.3f} | {setting.aim:.2f} | {plan.num_own / num_tokens:.2f} "
            f"| {plan.real_share:.1%} | {plan.spread:.3f} | {len(plan.parts)} "
            f"| {measure_seconds(model, likelihood, plan):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
