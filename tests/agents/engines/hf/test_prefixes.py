"""Known beginnings of prompts aren't computed again, and replies are as if they were."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.agents.engines.tiny_model import save_adapter
from transformers import AutoModelForCausalLM, MistralConfig, Qwen3NextConfig

from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import TransformersEngine, decoding
from mirrormatch.agents.engines.hf.prefix_cache import BLOCK, PrefixCache, join_blocks

RULES = tuple(range(50, 50 + 3 * BLOCK))
PROMPTS = [(*RULES, 7, 8, 9), (*RULES, 7, 8), (*RULES, *range(200, 220)), (*RULES, 300)]
SAMPLED = Sampling(max_tokens=20)
ROUNDING = 2e-5  # nats, in single precision


def generate(
    engine: TransformersEngine, prompts: Sequence[tuple[int, ...]], adapter: str | None = None
) -> list[Completion]:
    async def all_at_once() -> list[Completion]:
        asked = [engine.generate(ids, SAMPLED, adapter=adapter, seed=k) for k, ids in enumerate(prompts)]
        return list(await asyncio.gather(*asked))

    return asyncio.run(all_at_once())


def num_computed(engine: TransformersEngine, prompts: Sequence[tuple[int, ...]], adapter: str | None = None) -> int:
    """The number of prompt tokens that the engine computes for these."""
    before = engine.usage
    generate(engine, prompts, adapter)
    now = engine.usage
    return now.prompt_tokens - before.prompt_tokens - (now.cached_tokens - before.cached_tokens)


@pytest.fixture
def engine(tiny: Path) -> TransformersEngine:
    return TransformersEngine(str(tiny))


def test_replies_are_the_same_whether_or_not_the_prompts_were_read_before(
    engine: TransformersEngine, tiny: Path
) -> None:
    expected = generate(TransformersEngine(str(tiny), prefix_mb=0), PROMPTS)
    for _ in range(3):
        for found, wanted in zip(generate(engine, PROMPTS), expected, strict=True):
            assert found.token_ids == wanted.token_ids
            assert found.logprobs == pytest.approx(wanted.logprobs, abs=ROUNDING)


SHAPE: dict[str, Any] = {
    "vocab_size": 512, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "initializer_range": 0.2,
}  # fmt: skip
LINEAR: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"], "num_experts": 2, "num_experts_per_tok": 1,
    "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32, "linear_num_key_heads": 2,
    "linear_num_value_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [MistralConfig(**SHAPE, sliding_window=24), Qwen3NextConfig(**SHAPE, **LINEAR)],
    ids=["sliding window", "linear attention"],
)
def test_a_model_that_keeps_no_keys_of_all_tokens_reads_every_prompt_once(config: Any) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        model.eval()

    def generate_greedily(*prompts: tuple[int, ...]) -> tuple[list[list[int]], int]:
        greedy = Sampling(max_tokens=20, temperature=0)
        asked = [decoding.Request(ids, greedy, 0) for ids in prompts]
        rows, read = decoding.generate(model, asked, vocabulary, prefixes)
        return [row.ids for row in rows], read.num_computed

    vocabulary = decoding.Vocabulary(frozenset(range(100, 130)), 0, lambda *_: False)
    prefixes = PrefixCache(1 << 20)
    alone = [generate_greedily(ids)[0][0] for ids in PROMPTS]
    for _ in range(2):
        assert generate_greedily(*PROMPTS) == (alone, sum(map(len, PROMPTS)))
    assert len({len(ids) for ids in alone}) > 1, "rows leave the batch one by one"


def test_what_all_prompts_begin_with_is_read_once(engine: TransformersEngine) -> None:
    assert num_computed(engine, PROMPTS) == len(RULES) + 3 + 2 + 20 + 1


def test_without_memory_for_it_every_prompt_is_read_whole(tiny: Path) -> None:
    assert num_computed(TransformersEngine(str(tiny), prefix_mb=0), PROMPTS) == sum(map(len, PROMPTS))


def test_a_prompt_that_extends_an_earlier_turn_costs_its_new_tokens_only(engine: TransformersEngine) -> None:
    history = PROMPTS[0]
    for turn in range(4):
        (reply,) = generate(engine, [history])
        history = (*history, *reply.token_ids, *range(400 + 20 * turn, 420 + 20 * turn))
        assert num_computed(engine, [history]) < 20 + BLOCK + 1  # the last tokens may be part of a block


def test_different_histories_in_one_batch_are_each_continued(engine: TransformersEngine, tiny: Path) -> None:
    histories = [(*p, *c.token_ids, 5, 6, 7) for p, c in zip(PROMPTS, generate(engine, PROMPTS), strict=True)]
    expected = generate(TransformersEngine(str(tiny), prefix_mb=0), histories)
    assert [c.token_ids for c in generate(engine, histories)] == [c.token_ids for c in expected]


def test_no_adapter_reads_what_another_has_kept(engine: TransformersEngine, tiny: Path, tmp_path: Path) -> None:
    adapter = engine.load(save_adapter(tmp_path / "a", seed=1))
    generate(engine, PROMPTS)
    fresh = TransformersEngine(str(tiny), prefix_mb=0)
    assert fresh.load(tmp_path / "a") == adapter
    expected = generate(fresh, PROMPTS, adapter)
    assert [c.token_ids for c in generate(engine, PROMPTS, adapter)] == [c.token_ids for c in expected]


def test_loading_an_adapter_clears_its_cache(engine: TransformersEngine, tmp_path: Path) -> None:
    path = save_adapter(tmp_path / "a", seed=1)
    adapter = engine.load(path)
    first = num_computed(engine, PROMPTS, adapter)
    assert num_computed(engine, PROMPTS, adapter) < first
    engine.load(path)
    assert num_computed(engine, PROMPTS, adapter) == first


def test_what_an_owner_keeps_does_not_depend_on_what_came_before() -> None:
    """A resumed run has cached nothing for earlier adapters: its prompts must be computed in the same parts."""
    block = torch.zeros(4, 2, BLOCK, 8)
    known = []
    for num_earlier in range(8):
        prefixes = PrefixCache(max_bytes=3 * block.numel() * 4)
        for k in range(num_earlier):
            prefixes.keep(f"adapter {k}", list(range(BLOCK)), block, 1)
        for k in range(3):
            prefixes.keep("new", [k] * BLOCK, block, 1)
        known.append([prefixes.num_known("new", [k] * BLOCK) for k in range(3)])
        assert prefixes.num_bytes <= 3 * block.numel() * 4
    assert known == [[BLOCK] * 3] * 8


def test_the_owner_unused_for_longest_makes_room() -> None:
    block = torch.zeros(4, 2, BLOCK, 8)
    prefixes = PrefixCache(max_bytes=2 * block.numel() * 4)
    ids = list(range(BLOCK))
    for owner in ("a", "b"):
        prefixes.keep(owner, ids, block, 1)
    prefixes.find("a", (*ids, 0))
    prefixes.keep("c", ids, block, 1)
    assert [prefixes.num_known(owner, ids) for owner in ("a", "b", "c")] == [BLOCK, 0, BLOCK]


def test_memory_is_bounded() -> None:
    block = torch.zeros(4, 2, BLOCK, 8)
    prefixes = PrefixCache(max_bytes=3 * block.numel() * 4)
    for k in range(3):
        prefixes.keep(None, [k] * BLOCK, block, 1)
    assert [prefixes.num_known(None, [k] * BLOCK) for k in range(3)] == [BLOCK] * 3
    prefixes.keep(None, [3] * BLOCK, block, 1)
    assert [prefixes.num_known(None, [k] * BLOCK) for k in range(4)] == [0] * 4


def test_forgetting_one_owner_gives_its_memory_back() -> None:
    block = torch.zeros(4, 2, 2 * BLOCK, 8)
    prefixes = PrefixCache(max_bytes=2 * block.numel() * 4)
    for owner in ("a", "b", "c", "d"):
        prefixes.keep(owner, list(range(2 * BLOCK)), block, 1)
        prefixes.forget({"b": "a", "c": "b", "d": "c"}.get(owner, "nobody"))
    assert prefixes.num_known("d", list(range(2 * BLOCK))) == 2 * BLOCK


def test_a_prompt_of_any_length_is_forgotten_whole() -> None:
    prefixes, ids = PrefixCache(1 << 20), list(range(5_000 * BLOCK))
    prefixes.keep("a", ids, torch.zeros(1, 1, len(ids), 1, dtype=torch.int8), 1)
    assert prefixes.num_bytes == len(ids)
    prefixes.forget("a")
    assert prefixes.num_bytes == 0


def test_at_least_one_token_is_left_to_read() -> None:
    prefixes = PrefixCache(1 << 20)
    prefixes.keep(None, list(range(BLOCK)), torch.zeros(4, 2, BLOCK, 8), 1)
    assert prefixes.find(None, list(range(BLOCK))).num == 0
    assert prefixes.find(None, list(range(BLOCK + 1))).num == BLOCK


def test_beginnings_of_different_lengths_are_padded_on_the_left() -> None:
    prefixes = PrefixCache(1 << 20)
    prefixes.keep(None, list(range(2 * BLOCK)), torch.ones(4, 2, 2 * BLOCK, 8), 1)
    long, short = prefixes.find(None, range(2 * BLOCK + 1)), prefixes.find(None, range(BLOCK + 1))
    both = join_blocks([long, short], long.blocks[0])
    assert both.shape == (2, 4, 2, 2 * BLOCK, 8)
    assert both[0].min() == 1 and both[1, :, :, :BLOCK].max() == 0 and both[1, :, :, BLOCK:].min() == 1
