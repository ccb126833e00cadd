"""vLLM and transformers are the same model: the same tokens, and log-probs equal up to rounding in single precision."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.vllm.conftest import Asked, all_of, scores

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.vllm import VllmEngine

GREEDY, SAMPLED = Sampling(max_tokens=48, temperature=0), Sampling(max_tokens=48)
TOLERANCE = 2e-4  # nats per token; differences of 1e-5 were seen, and sums in another order give no more than this


def farthest(found: Sequence[tuple[float, ...]], expected: Sequence[tuple[float, ...]]) -> float:
    """The largest difference of two log-probs."""
    assert [len(f) for f in found] == [len(e) for e in expected]
    return max(abs(x - y) for f, e in zip(found, expected, strict=True) for x, y in zip(f, e, strict=True))


@pytest.fixture(params=[None, 0], ids=["base", "adapter"])
def adapter(
    request: pytest.FixtureRequest, engine: VllmEngine, hf: TransformersEngine, adapter_paths: list[Path]
) -> str | None:
    """What answers, loaded by both engines."""
    if request.param is None:
        return None
    name = engine.load(adapter_paths[request.param])
    assert hf.load(adapter_paths[request.param]) == name
    return name


@torch.no_grad()
def plain(
    hf: TransformersEngine, asked: Asked, said: tuple[int, ...], adapter: str | None, temperature: float
) -> tuple[float, ...]:
    """By one forward pass over everything."""
    with hf._activate(adapter):
        logits = hf.model(torch.tensor([[*asked.prompt_ids, *said]])).logits[0, len(asked.prompt_ids) - 1 : -1]
    logps = torch.log_softmax(logits / temperature, -1)
    return tuple(logps.gather(-1, torch.tensor(said)[:, None])[:, 0].tolist())


def test_there_are_prompts_enough(asked: list[Asked]) -> None:
    assert len(asked) >= 30


def test_greedy_tokens_agree(
    engine: VllmEngine, hf: TransformersEngine, asked: list[Asked], adapter: str | None
) -> None:
    names = [adapter] * len(asked)
    for k, (ours, theirs) in enumerate(
        zip(all_of(engine, asked, GREEDY, names), all_of(hf, asked, GREEDY, names), strict=True)
    ):
        pairs = zip(ours.token_ids, theirs.token_ids, strict=False)
        if differ := [i for i, (x, y) in enumerate(pairs) if x != y]:  # two tokens are equally probable, or nearly so
            assert abs(ours.logprobs[differ[0]] - theirs.logprobs[differ[0]]) < TOLERANCE, f"prompt {k}"
        else:
            assert replace(ours, logprobs=()) == replace(theirs, logprobs=()), f"prompt {k}"


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_log_probs_are_those_that_transformers_gives_the_same_tokens(
    engine: VllmEngine, hf: TransformersEngine, asked: list[Asked], adapter: str | None, temperature: float
) -> None:
    said = all_of(engine, asked, replace(SAMPLED, temperature=temperature), [adapter] * len(asked))
    expected = [plain(hf, a, c.token_ids, adapter, temperature) for a, c in zip(asked, said, strict=True)]
    assert farthest([c.logprobs for c in said], expected) < TOLERANCE


def test_log_probs_of_given_tokens_agree(
    engine: VllmEngine, hf: TransformersEngine, asked: list[Asked], adapter: str | None
) -> None:
    said = [c.token_ids for c in all_of(hf, asked, SAMPLED)]
    assert farthest(scores(engine, asked, said, adapter), scores(hf, asked, said, adapter)) < TOLERANCE


def test_a_reply_is_scored_with_the_log_probs_with_which_it_was_sampled(
    engine: VllmEngine, asked: list[Asked], adapter: str | None
) -> None:
    said = all_of(engine, asked, SAMPLED, [adapter] * len(asked))
    found = scores(engine, asked, [c.token_ids for c in said], adapter)
    assert farthest(found, [c.logprobs for c in said]) < TOLERANCE


def test_greedy_log_probs_are_those_at_temperature_1(engine: VllmEngine, asked: list[Asked]) -> None:
    said = all_of(engine, asked, GREEDY)
    assert farthest(scores(engine, asked, [c.token_ids for c in said]), [c.logprobs for c in said]) < TOLERANCE


def test_one_token_is_scored_like_many(engine: VllmEngine, asked: list[Asked]) -> None:
    said = [c.token_ids for c in all_of(engine, asked[:4], SAMPLED)]
    first = scores(engine, asked[:4], [ids[:1] for ids in said])
    assert farthest(first, [whole[:1] for whole in scores(engine, asked[:4], said)]) < TOLERANCE


def test_scoring_nothing_gives_nothing(engine: VllmEngine, asked: list[Asked]) -> None:
    assert scores(engine, asked[:1], [()]) == [()]


def test_both_engines_are_one_base_to_adapters(engine: VllmEngine, hf: TransformersEngine) -> None:
    assert (engine.base, engine.fingerprint, engine.end_ids) == (hf.base, hf.fingerprint, hf.end_ids)
