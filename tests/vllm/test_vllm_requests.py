"""Single requests under vLLM: sampling, ends of replies, reuse of prompts, and cancellation."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from tests.vllm.conftest import Request, generate_all, scores

from mirrormatch import games, prompts
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.vllm import VllmEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import agent_from_spec, model_agent
from mirrormatch.agents.types import Decision, Reply
from mirrormatch.errors import UserError
from mirrormatch.prompts import PromptSettings

SAMPLED = Sampling(max_tokens=40)


def generate_one(engine: VllmEngine, requests: Request, sampling: Sampling = SAMPLED) -> Completion:
    return generate_all(engine, [requests], sampling)[0]


# sampling


def test_an_equal_request_gives_equal_tokens_alone_and_in_a_batch(engine: VllmEngine, requests: list[Request]) -> None:
    together = generate_all(engine, requests[:12], SAMPLED)
    assert [c.token_ids for c in together] == [generate_one(engine, a).token_ids for a in requests[:12]]


def test_another_seed_gives_other_tokens(engine: VllmEngine, requests: list[Request]) -> None:
    hot = replace(SAMPLED, temperature=2.0)
    completions = generate_all(engine, [requests[0]._replace(seed=seed) for seed in (0, 1, 2**63 - 1)], hot)
    assert len({c.token_ids for c in completions}) == 3


def test_the_budget_ends_a_reply(engine: VllmEngine, requests: list[Request]) -> None:
    completion = generate_one(engine, requests[0], Sampling(max_tokens=3))
    assert (len(completion.token_ids), len(completion.logprobs), completion.finish) == (3, 3, "length")


def test_an_end_of_turn_ends_a_reply_and_is_no_part_of_its_text(engine: VllmEngine, requests: list[Request]) -> None:
    completion = generate_one(engine, requests[0], Sampling(max_tokens=200))
    assert (completion.token_ids[-1] in engine.end_ids, completion.finish) == (True, "stop")
    assert completion.text == engine._encoder.decode(completion.token_ids[:-1]) and "im_end" not in completion.text


def test_a_stop_string_ends_a_reply_behind_it(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request]
) -> None:
    greedy = Sampling(max_tokens=200, temperature=0, stop=("never said", "</think>"))
    completion, expected = generate_one(engine, requests[0], greedy), generate_all(hf, requests[:1], greedy)[0]
    assert replace(completion, logprobs=()) == replace(expected, logprobs=())
    assert completion.text.endswith("</think>") and completion.finish == "stop"
    assert len(completion.logprobs) == len(completion.token_ids)


@pytest.mark.parametrize("sampling", [replace(SAMPLED, top_k=1), replace(SAMPLED, top_p=0.01)])
def test_with_top_k_and_top_p_log_probs_are_of_what_they_leave(
    engine: VllmEngine, requests: list[Request], sampling: Sampling
) -> None:
    completion = generate_one(engine, requests[0], sampling)
    assert completion.token_ids == generate_one(engine, requests[0], replace(SAMPLED, temperature=0)).token_ids
    assert completion.logprobs == pytest.approx([0.0] * len(completion.token_ids))


@pytest.mark.parametrize("temperature", [0.001, 2.5])
def test_a_temperature_that_vllm_would_change_or_refuse_is_named(
    engine: VllmEngine, requests: list[Request], temperature: float
) -> None:
    with pytest.raises(UserError, match=f"temperature {temperature:g}: vLLM takes 0 and 0.01 to 2"):
        generate_one(engine, requests[0], Sampling(temperature=temperature))


def test_more_tokens_than_vllm_reads_at_once_may_wait(engine: VllmEngine, requests: list[Request]) -> None:
    at_once = engine._llm.vllm_config.scheduler_config.max_num_batched_tokens
    many = [Request((seed % 500 + 7, *a.prompt_ids), seed) for seed in range(3) for a in requests]  # unlike beginnings
    assert sum(len(a.prompt_ids) for a in many) > 2 * at_once
    assert len(generate_all(engine, many, SAMPLED)) == len(many)


# constraints


def test_a_constrained_answer_is_one_of_the_choices(engine: VllmEngine, requests: list[Request]) -> None:
    sampling = Sampling(max_tokens=400, temperature=2.0, constraint=r"\\boxed\{(zebra|zebras)\}")
    for completion in generate_all(engine, requests, sampling):
        assert completion.finish == "stop" and completion.token_ids[-1] in engine.end_ids
        assert completion.text in ("\\boxed{zebra}", "\\boxed{zebras}")


@pytest.mark.parametrize("name", ["tictactoe", "simple_negotiation", "countdown"])
def test_constrained_play_makes_no_illegal_move(engine: VllmEngine, name: str) -> None:
    agent = model_agent("nano")
    agent.engine, agent.constrain, agent.sampling = engine, True, Sampling(max_tokens=60)
    episode = asyncio.run(play(games.get(name), [agent] * len(games.get(name).info.roles)))
    assert len(episode.turns) >= 3 and all(t.problem is None for t in episode.turns)


# the context


def test_a_prompt_that_fills_the_context_gets_an_empty_truncated_reply(engine: VllmEngine) -> None:
    completion = generate_one(engine, Request((7,) * engine._context, 0))
    assert completion == Completion(token_ids=(), logprobs=(), text="", finish="length", adapter=None)


def test_a_reply_ends_where_the_context_does_and_can_be_scored(engine: VllmEngine) -> None:
    full = Request((7,) * (engine._context - 3), 0)
    completion = generate_one(engine, full, Sampling(max_tokens=40, temperature=1.5))
    assert len(completion.token_ids) <= 3
    filled = (*completion.token_ids, 7, 7, 7)[:3]
    assert len(scores(engine, [full], [filled])[0]) == 3


def test_more_than_the_context_is_not_scored(engine: VllmEngine) -> None:
    with pytest.raises(UserError, match=r"2049 tokens can't be scored: '.*nano' reads 2048 at most"):
        scores(engine, [Request((7,) * engine._context, 0)], [(7,)])


# reuse of prompts


class RecordingAgent:
    """An agent that records the number of computed tokens of each prompt."""

    spec: str = "watched"
    max_retries: int | None = 0

    def __init__(self, engine: VllmEngine) -> None:
        self.computed: list[int] = []
        self._engine = engine
        self._agent = LLMAgent("vllm", engine, prompts.get("boxed", PromptSettings(history="full")), SAMPLED)

    async def act(self, decision: Decision) -> Reply:
        before = self._engine.usage.prompt_tokens - self._engine.usage.cached_tokens
        reply = await self._agent.act(decision)
        self.computed.append(self._engine.usage.prompt_tokens - self._engine.usage.cached_tokens - before)
        return reply


def test_of_a_growing_conversation_only_the_new_turn_is_read(engine: VllmEngine) -> None:
    forget(engine)
    agent = RecordingAgent(engine)
    episode = asyncio.run(play(games.get("tictactoe"), [agent, agent_from_spec("random")], seed=3))
    mine = [(t.prompt_ids, t.completion) for t in episode.turns if t.prompt_ids and t.completion]
    assert len(mine) >= 3 and agent.computed[0] == len(mine[0][0])
    for ((prompt, completion), (later, _)), computed in zip(itertools.pairwise(mine), agent.computed[1:], strict=True):
        known = (*prompt, *completion.token_ids)
        assert later[: len(known)] == known, "the history only grows"
        assert computed <= len(later) - len(known) + engine.block_size


def forget(engine: VllmEngine) -> None:
    """Empties the cache of prompts."""
    assert asyncio.run(engine._loop.run(engine._llm.reset_prefix_cache()))


def test_prompts_that_share_their_beginning_share_its_reading(engine: VllmEngine, requests: list[Request]) -> None:
    forget(engine)
    read, cached = engine.usage.prompt_tokens, engine.usage.cached_tokens
    generate_all(engine, [requests[0]._replace(seed=seed) for seed in range(10)], SAMPLED)
    length = len(requests[0].prompt_ids)
    assert engine.usage.prompt_tokens - read == 10 * length
    assert engine.usage.cached_tokens - cached >= 9 * (length // engine.block_size - 1) * engine.block_size


# cancellation


def test_a_cancelled_wait_frees_the_request(engine: VllmEngine, adapter_paths: list[Path]) -> None:
    name = engine.load(adapter_paths[0])
    endless = Sampling(max_tokens=2_000, temperature=2.0, constraint="a{2000,3000}")

    async def leave() -> None:
        for wait_s in (0.0, 0.001, 0.5):  # before it is sent, while it is sent, while it is generated
            waits = [asyncio.create_task(engine.generate((7, 8, 9), endless, adapter=a, seed=1)) for a in (None, name)]
            await asyncio.sleep(wait_s)
            assert wait_s < 0.5 or engine._llm.get_num_unfinished_requests() == 2
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    asyncio.run(leave())
    assert asyncio.run(engine._loop.run(is_idle(engine)))
    assert not any(engine._residents._in_use.values())


async def is_idle(engine: VllmEngine) -> bool:
    """Whether vLLM soon holds no memory block for any request, tested by clearing its cache."""
    for _ in range(50):
        if engine._llm.get_num_unfinished_requests() == 0 and await engine._llm.reset_prefix_cache():
            return True
        await asyncio.sleep(0.1)
    return False


def test_sleeping_and_waking_change_nothing(engine: VllmEngine, requests: list[Request]) -> None:
    before = generate_one(engine, requests[0])
    engine.sleep()
    engine.wake()
    assert generate_one(engine, requests[0]) == before


def test_every_step_of_a_training_may_have_an_event_loop_of_its_own(
    engine: VllmEngine, requests: list[Request]
) -> None:
    assert generate_one(engine, requests[1]) == generate_one(engine, requests[1])
