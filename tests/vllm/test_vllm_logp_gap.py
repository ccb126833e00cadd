"""vLLM and transformers are the same model: the same tokens, and log-probs equal up to rounding in single precision."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.vllm.conftest import Request, generate_all, scores

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.vllm import VllmEngine

GREEDY, SAMPLED = Sampling(max_tokens=48, temperature=0), Sampling(max_tokens=48)
TOLERANCE = 2e-4  # nats per token; seen: 1e-5. The bound allows for another order of summation


def farthest(found: Sequence[tuple[float, ...]], expected: Sequence[tuple[float, ...]]) -> float:
    """The largest difference of two log-probs."""
    assert [len(f) for f in found] == [len(e) for e in expected]
    return max(abs(x - y) for f, e in zip(found, expected, strict=True) for x, y in zip(f, e, strict=True))


@pytest.fixture(params=[None, 0], ids=["base", "adapter"])
def adapter(
    request: pytest.FixtureRequest, engine: VllmEngine, hf: TransformersEngine, adapter_paths: list[Path]
) -> str | None:
    """The adapter that answers, loaded by both engines; None for the base model."""
    if request.param is None:
        return None
    name = engine.load(adapter_paths[request.param])
    assert hf.load(adapter_paths[request.param]) == name
    return name


@torch.no_grad()
def plain(
    hf: TransformersEngine, requests: Request, reply_ids: tuple[int, ...], adapter: str | None, temperature: float
) -> tuple[float, ...]:
    """Log-probs by one forward pass over the whole sequence."""
    with hf._activate(adapter):
        logits = hf.model(torch.tensor([[*requests.prompt_ids, *reply_ids]])).logits[
            0, len(requests.prompt_ids) - 1 : -1
        ]
    logps = torch.log_softmax(logits / temperature, -1)
    return tuple(logps.gather(-1, torch.tensor(reply_ids)[:, None])[:, 0].tolist())


def test_there_are_prompts_enough(requests: list[Request]) -> None:
    assert len(requests) >= 30


def test_greedy_tokens_agree(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], adapter: str | None
) -> None:
    names = [adapter] * len(requests)
    for k, (ours, theirs) in enumerate(
        zip(generate_all(engine, requests, GREEDY, names), generate_all(hf, requests, GREEDY, names), strict=True)
    ):
        pairs = zip(ours.token_ids, theirs.token_ids, strict=False)
        if differ := [i for i, (x, y) in enumerate(pairs) if x != y]:  # two tokens are equally probable, or nearly so
            assert abs(ours.logprobs[differ[0]] - theirs.logprobs[differ[0]]) < TOLERANCE, f"prompt {k}"
        else:
            assert replace(ours, logprobs=()) == replace(theirs, logprobs=()), f"prompt {k}"


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_log_probs_are_those_that_transformers_gives_the_same_tokens(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], adapter: str | None, temperature: float
) -> None:
    completions = generate_all(engine, requests, replace(SAMPLED, temperature=temperature), [adapter] * len(requests))
    expected = [plain(hf, a, c.token_ids, adapter, temperature) for a, c in zip(requests, completions, strict=True)]
    assert farthest([c.logprobs for c in completions], expected) < TOLERANCE


def test_log_probs_of_given_tokens_agree(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], adapter: str | None
) -> None:
    completions = [c.token_ids for c in generate_all(hf, requests, SAMPLED)]
    assert (
        farthest(scores(engine, requests, completions, adapter), scores(hf, requests, completions, adapter)) < TOLERANCE
    )


def test_a_reply_is_scored_with_the_log_probs_with_which_it_was_sampled(
    engine: VllmEngine, requests: list[Request], adapter: str | None
) -> None:
    completions = generate_all(engine, requests, SAMPLED, [adapter] * len(requests))
    found = scores(engine, requests, [c.token_ids for c in completions], adapter)
    assert farthest(found, [c.logprobs for c in completions]) < TOLERANCE


def test_greedy_log_probs_are_those_at_temperature_1(engine: VllmEngine, requests: list[Request]) -> None:
    completions = generate_all(engine, requests, GREEDY)
    assert (
        farthest(scores(engine, requests, [c.token_ids for c in completions]), [c.logprobs for c in completions])
        < TOLERANCE
    )


def test_one_token_is_scored_like_many(engine: VllmEngine, requests: list[Request]) -> None:
    completions = [c.token_ids for c in generate_all(engine, requests[:4], SAMPLED)]
    first = scores(engine, requests[:4], [ids[:1] for ids in completions])
    assert farthest(first, [whole[:1] for whole in scores(engine, requests[:4], completions)]) < TOLERANCE


def test_scoring_nothing_gives_nothing(engine: VllmEngine, requests: list[Request]) -> None:
    assert scores(engine, requests[:1], [()]) == [()]


def test_both_engines_are_one_base_to_adapters(engine: VllmEngine, hf: TransformersEngine) -> None:
    assert (engine.base, engine.fingerprint, engine.end_ids) == (hf.base, hf.fingerprint, hf.end_ids)
