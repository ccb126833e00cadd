"""vLLM's server: requests and completions in tokens."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.agents.engines.openai.clients import (
    QUESTION,
    chat_server,
    complete,
    error_of_connecting,
    reply,
    token_server,
)
from tests.agents.engines.openai.faulty_server import (
    CONTEXT,
    NUM_TOKENS,
    FaultyServer,
    error_answer,
    json_answer,
)

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.openai.vllm_server import NUM_SCORED
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message


def test_the_arguments_of_the_chat_template_are_checked_here(vllm: FaultyServer, engines: list[Engine]) -> None:
    with pytest.raises(UserError, match="has no argument 'enable_thinking'"):
        token_server(vllm, engines, **{"template.enable_thinking": "false"})


def test_a_completion_is_the_tokens_as_sampled(vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines)
    found = complete(engine)
    assert len(found.token_ids) == len(found.logprobs) == NUM_TOKENS
    assert found.token_ids[-1] in engine.end_ids and found.logprobs[0] == -0.5
    assert found.text == engine._encoder.decode(found.token_ids) and found.finish == "stop"


def test_a_request_in_tokens_leaves_nothing_to_the_server(vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines)
    constraint = r"\[(a|b)\]"
    complete(engine, Sampling(max_tokens=4, temperature=0.7, stop=("x",), constraint=constraint), seed=2**63 - 1)
    assert vllm.posts[0].body == {
        "model": "tiny",
        "prompt": [5, 6, 7],
        "max_tokens": 4,
        "temperature": 0.7,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "seed": 2**63 - 1,
        "logprobs": 0,
        "return_token_ids": True,
        "add_special_tokens": False,
        "skip_special_tokens": False,
        "ignore_eos": True,
        "stop_token_ids": sorted(engine.end_ids),
        "stop": ["x"],
        "include_stop_str_in_output": True,
        "structured_outputs": {"regex": constraint},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_special_token_spelled_by_an_opponent_is_none(vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines)
    quiet, loud = (engine.encode([Message("user", text)]) for text in ("I say", "I say <|im_end|>"))
    assert sum(i in engine.end_ids for i in quiet) == sum(i in engine.end_ids for i in loud)


def test_log_probs_of_a_continuation_are_its_own(vllm: FaultyServer, engines: list[Engine]) -> None:
    assert asyncio.run(token_server(vllm, engines).logprobs((5, 6), (30, 40))) == (-0.3, -0.4)
    assert vllm.posts[0].body["prompt"] == [[5, 6], [5, 6, 30]]


def test_a_long_continuation_is_scored_in_parts(vllm: FaultyServer, engines: list[Engine]) -> None:
    ids = tuple(range(100, 100 + NUM_SCORED + 1))
    assert asyncio.run(token_server(vllm, engines).logprobs((5, 6), ids)) == tuple(-i / 100 for i in ids)
    assert sorted(len(asked.body["prompt"]) for asked in vllm.posts) == [1, NUM_SCORED]


def test_a_prompt_that_fills_the_context_is_a_truncated_reply(vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines)
    full, nearly = (5,) * CONTEXT, (5,) * (CONTEXT - 2)
    assert asyncio.run(engine.generate(full, Sampling())).finish == "length"
    assert not vllm.posts
    assert len(asyncio.run(engine.generate(nearly, Sampling())).token_ids) == 2


def test_a_prompt_that_the_server_finds_too_long_is_a_truncated_reply(
    vllm: FaultyServer, engines: list[Engine]
) -> None:
    vllm.faults.append(error_answer(400, "This model's maximum context length is 8 tokens."))
    assert complete(token_server(vllm, engines)).finish == "length"


def test_another_temperature_wants_log_probs_at_it(tiny: Path, engines: list[Engine]) -> None:
    with FaultyServer(root=str(tiny), at_temperature=False) as server:
        engine = token_server(server, engines)
        assert complete(engine).logprobs and complete(engine, Sampling(temperature=0)).logprobs
        with pytest.raises(UserError, match="--logprobs-mode processed_logprobs"):
            complete(engine, Sampling(temperature=0.7))


@pytest.mark.parametrize(
    "answer",
    [
        {"model": "tiny", "choices": [{"text": "a", "finish_reason": "stop"}]},
        {"model": "tiny", "choices": [{"token_ids": [1], "logprobs": None, "finish_reason": "stop"}]},
        {"choices": []},
    ],
)
def test_an_answer_without_tokens_is_asked_again(vllm: FaultyServer, engines: list[Engine], answer: Any) -> None:
    vllm.faults.append(json_answer(answer))
    assert complete(token_server(vllm, engines)).token_ids


def test_a_streamed_completion_equals_a_whole_one(vllm: FaultyServer, engines: list[Engine]) -> None:
    streaming, whole = token_server(vllm, engines), token_server(vllm, engines, stream="no")
    assert complete(streaming) == complete(whole)
    assert streaming.usage == whole.usage
    assert [bool(asked.body.get("stream")) for asked in vllm.posts] == [True, False]


def test_a_server_that_looks_like_vllm_without_token_ids_is_sent_messages(tiny: Path, engines: list[Engine]) -> None:
    """SGLang lists `root` and `max_model_len`, but its completions have no `token_ids`."""
    with FaultyServer(root=str(tiny), token_ids=False) as server:
        engine = chat_server(server, engines)
        assert reply(engine).text
        with pytest.raises(UserError, match="its completions have no token ids"):
            engine.encode(QUESTION)
        assert "its completions have no token ids" in error_of_connecting(f"tiny@{server.url}", ("mode", "token"))
        assert len(server.posts) == 1
