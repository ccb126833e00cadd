"""A real model on vLLM: SmolLM2, whose installed GGUF file is converted once, computes as it does on transformers."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from mirrormatch import games
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._gguf_conversion import convert_if_gguf
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import find_model
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import agent_from_spec, model_agent

SPEC = "vllm:smollm,max_loras=1,max_lora_rank=8,max_model_len=1024,prompt=plain"
SAMPLING = Sampling(max_tokens=16)
TOLERANCE = 1e-3  # nats per token, in single precision


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLMAgent]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield model_agent(SPEC)


@pytest.fixture(scope="module")
def hf(agent: LLMAgent) -> TransformersEngine:
    assert agent.engine.base is not None
    return TransformersEngine(agent.engine.base, dtype="float32", threads=1)


@pytest.fixture(scope="module")
def prompts(agent: LLMAgent) -> list[tuple[int, ...]]:
    """The prompts of a few turns of real games."""

    async def play_all() -> list[tuple[int, ...]]:
        episodes = [
            await play(games.get(name), [agent, agent_from_spec("random")], seed)
            for name, seed in (("kuhn_poker", 1), ("tictactoe", 2))
        ]
        return [t.prompt_ids for e in episodes for t in e.turns if t.prompt_ids is not None]

    return list(dict.fromkeys(asyncio.run(play_all())))[:4]


@pytest.fixture(scope="module")
def adapter_path(agent: LLMAgent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    assert agent.engine.base is not None
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        base = AutoModelForCausalLM.from_pretrained(agent.engine.base, dtype=torch.float32)
        settings = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(base, settings)
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.03)
        model.save_pretrained(str(folder))
    return folder


def generate(engine: Engine, prompts: Sequence[tuple[int, ...]], adapter: str | None) -> list[Completion]:
    async def gather() -> list[Completion]:
        return await asyncio.gather(
            *(engine.generate(ids, SAMPLING, adapter=adapter, seed=k) for k, ids in enumerate(prompts))
        )

    return asyncio.run(gather())


def score(
    engine: Engine, prompts: Sequence[tuple[int, ...]], replies: Sequence[tuple[int, ...]], adapter: str | None
) -> list[float]:
    async def gather() -> list[tuple[float, ...]]:
        pairs = zip(prompts, replies, strict=True)
        return await asyncio.gather(*(engine.logprobs(ids, reply, adapter=adapter) for ids, reply in pairs))

    return [p for one in asyncio.run(gather()) for p in one]


@pytest.mark.parametrize("has_adapter", [False, True], ids=["base", "adapter"])
def test_log_probs_of_a_real_model_are_those_of_transformers(
    agent: LLMAgent, hf: TransformersEngine, prompts: list[tuple[int, ...]], adapter_path: Path, has_adapter: bool
) -> None:
    names = [engine.load(adapter_path) if has_adapter else None for engine in (agent.engine, hf)]
    replies = generate(agent.engine, prompts, names[0])
    ids = [reply.token_ids for reply in replies]
    expected = score(hf, prompts, ids, names[1])
    assert [p for reply in replies for p in reply.logprobs] == pytest.approx(expected, abs=TOLERANCE)
    assert score(agent.engine, prompts, ids, names[0]) == pytest.approx(expected, abs=TOLERANCE)
    if has_adapter:  # the adapter matters
        assert max(abs(a - b) for a, b in zip(expected, score(hf, prompts, ids, None), strict=True)) > 0.1


def test_the_file_and_its_conversion_are_one_base_to_adapters(agent: LLMAgent, hf: TransformersEngine) -> None:
    file = str(find_model("smollm"))
    assert agent.engine.base == convert_if_gguf(file)
    assert (
        agent.engine.fingerprint == hf.fingerprint == TransformersEngine(file, dtype="float32", threads=1).fingerprint
    )
