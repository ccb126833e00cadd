"""One vLLM engine for all tests of this folder, on the bundled model, and the transformers engine beside it."""

import asyncio
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

os.environ["VLLM_HOST_IP"] = "127.0.0.1"  # otherwise vLLM looks it up over the network, which is blocked

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from mirrormatch import games
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._settings import VllmSettings
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.vllm import VllmEngine
from mirrormatch.agents.models import NANO_PATH
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import agent_from_spec, model_agent

MAX_LORAS, MAX_RANK = 2, 8
NUM_EPISODES = 5  # of each of the classics


class Request(NamedTuple):
    """A prompt of a real game and its seed."""

    prompt_ids: tuple[int, ...]
    seed: int


@pytest.fixture(scope="session")
def engine() -> VllmEngine:
    return VllmEngine(str(NANO_PATH), VllmSettings(max_loras=MAX_LORAS, max_lora_rank=MAX_RANK))


@pytest.fixture(scope="session")
def hf() -> TransformersEngine:
    return TransformersEngine(str(NANO_PATH))


@pytest.fixture(scope="session")
def requests() -> list[Request]:
    """The bundled model's prompts in the three classics, with its own earlier moves."""

    async def play_prompts(name: str, seed: int) -> list[tuple[int, ...]]:
        agents = [model_agent("nano"), agent_from_spec("random")]
        episode = await play(games.get(name), agents if seed % 2 else agents[::-1], seed)
        return [t.prompt_ids for t in episode.turns if t.prompt_ids is not None]

    async def play_all() -> list[list[tuple[int, ...]]]:
        names = ("kuhn_poker", "tictactoe", "simple_negotiation")
        return await asyncio.gather(*(play_prompts(name, seed) for name in names for seed in range(NUM_EPISODES)))

    prompts = [ids for episode in asyncio.run(play_all()) for ids in episode]
    return [Request(ids, seed) for seed, ids in enumerate(dict.fromkeys(prompts))]


@pytest.fixture(scope="session")
def adapter_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three adapters on every linear layer that change the model's replies."""
    folder = tmp_path_factory.mktemp("adapters")
    return [save_adapter(folder / str(seed), seed) for seed in range(3)]


def save_adapter(folder: Path, seed: int, rank: int = 4, std: float = 0.15) -> Path:
    """Saves a LoRA adapter of the bundled model with random weights, in PEFT's format. Returns the folder."""
    settings = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings(), torch.random.fork_rng(), torch.no_grad():
        warnings.simplefilter("ignore")  # PEFT uses a name of transformers' that will change
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(NANO_PATH, dtype=torch.float32)
        model = get_peft_model(base, settings)
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(std=std)
        model.save_pretrained(str(folder))
    return folder


def generate_all(
    engine: Engine, requests: Sequence[Request], sampling: Sampling, adapters: Sequence[str | None] = ()
) -> list[Completion]:
    """The completions of all requests, sent at once."""

    async def gather() -> list[Completion]:
        names = adapters or [None] * len(requests)
        return await asyncio.gather(
            *(
                engine.generate(a.prompt_ids, sampling, adapter=n, seed=a.seed)
                for a, n in zip(requests, names, strict=True)
            )
        )

    return asyncio.run(gather())


def scores(
    engine: Engine, requests: Sequence[Request], continuations: Sequence[tuple[int, ...]], adapter: str | None = None
) -> list[tuple[float, ...]]:
    """The log-probabilities of every continuation, scored and not sampled."""

    async def gather() -> list[tuple[float, ...]]:
        pairs = zip(requests, continuations, strict=True)
        return await asyncio.gather(*(engine.logprobs(a.prompt_ids, ids, adapter=adapter) for a, ids in pairs))

    return asyncio.run(gather())
