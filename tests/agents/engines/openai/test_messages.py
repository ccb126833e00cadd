"""A server without token ids: its requests, its replies and its refusals."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.clients import (
    QUESTION,
    chat_server,
    error_of_connecting,
    error_of_reply,
    reply,
)
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
    chat_body,
    error_answer,
    json_answer,
    raw_answer,
)

from mirrormatch import agents, prompts
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import ChatReply, Sampling
from mirrormatch.agents.engines.openai.chat_server import _SPECIAL_TOKENS, break_special_tokens
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.errors import UserError
from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.prompts.prompt import Message


def test_the_seed_and_the_sampling_are_sent(server: FaultyServer, engines: list[Engine]) -> None:
    reply(chat_server(server, engines), Sampling(max_tokens=7, temperature=0.3, top_p=0.9, top_k=5, stop=("x",)))
    sent = {k: v for k, v in server.posts[0].body.items() if k != "messages"}
    assert sent == {
        "model": "tiny",
        "max_tokens": 7,
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 5,
        "stop": ["x"],
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_arguments_of_the_chat_template_are_sent(server: FaultyServer, engines: list[Engine]) -> None:
    settings = {"template.enable_thinking": "false", "template.reasoning_effort": "low"}
    reply(chat_server(server, engines, **settings))
    assert server.posts[0].body["chat_template_kwargs"] == {"enable_thinking": False, "reasoning_effort": "low"}


@pytest.mark.parametrize(("name", "value"), [("date", "2026-11-03"), ("chat_template", "rag")])
def test_a_template_that_the_server_renders_is_not_chosen_here(server: FaultyServer, name: str, value: str) -> None:
    message = error_of_connecting(f"{server.models[0]}@{server.url}", (name, value))
    assert message.startswith(f"{name}=: ") and "renders its own chat template" in message


def test_a_large_seed_fits_every_server(server: FaultyServer, engines: list[Engine]) -> None:
    asyncio.run(chat_server(server, engines).chat(QUESTION, Sampling(), seed=2**63 - 1))
    assert server.posts[0].body["seed"] == 2**31 - 1


SPELLINGS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<｜end▁of▁sentence｜>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<s>",
    "</s>",
    "<bos>",
    "[gMASK]",
    "[TOOL_CALLS]",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_no_special_token_is_sent(server: FaultyServer, engines: list[Engine], spelling: str, role: Any) -> None:
    reply(chat_server(server, engines), messages=[Message(role, f"I say {spelling}now"), Message("user", "Well?")])
    text = server.posts[0].body["messages"][0]["content"]
    assert spelling not in text and text.replace(" ", "") == f"Isay{spelling}now"


@given(st.lists(st.sampled_from([*SPELLINGS, "<", "|", ">", "[", "/", "INST", "s", "]", " ", "ab"])).map("".join))
def test_what_was_broken_up_is_whole_nowhere(text: str) -> None:
    broken = break_special_tokens(text)
    assert not any(spelling in broken for spelling in SPELLINGS)
    assert broken.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", ["1 < 2 | 3 > 2", "offer [2 wood] -> [1 gold]", "<think>a</think>\\boxed{4}", "a|b|c"])
def test_ordinary_text_is_sent_as_it_is(text: str) -> None:
    assert not _SPECIAL_TOKENS.search(text) and break_special_tokens(text) == text


def test_half_a_character_is_not_sent(server: FaultyServer, engines: list[Engine]) -> None:
    reply(chat_server(server, engines), messages=[Message("user", "a\ud800b")])
    assert server.posts[0].body["messages"][0]["content"] == "a\ufffdb"


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_in_a_field_of_its_own_is_kept_apart(server: FaultyServer, engines: list[Engine], name: str) -> None:
    server.faults.append(json_answer(chat_body("\\boxed{4}", **{name: "2 and 2"})))
    assert reply(chat_server(server, engines)) == ChatReply(text="\\boxed{4}", thinking="2 and 2", finish="stop")


def test_a_reply_in_parts_is_read_as_one(server: FaultyServer, engines: list[Engine]) -> None:
    server.faults.append(json_answer(chat_body([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])))
    assert reply(chat_server(server, engines)).text == "ab"


@pytest.mark.parametrize(("given", "finish"), [("length", "length"), ("stop", "stop"), ("content_filter", "stop")])
def test_a_reply_that_was_cut_off_is_marked(
    server: FaultyServer, engines: list[Engine], given: str, finish: str
) -> None:
    server.faults.append(json_answer(chat_body("a", finish=given)))
    assert reply(chat_server(server, engines)).finish == finish


@pytest.mark.parametrize("content", ["", None])
def test_an_empty_reply_is_a_reply_without_an_answer(
    server: FaultyServer, engines: list[Engine], content: str | None
) -> None:
    server.faults.append(json_answer(chat_body(content)))
    agent = LLMAgent("openai", chat_server(server, engines), prompts.get("boxed"), Sampling())
    answer = asyncio.run(agent.ask("What is 2+2?", seed=0)).answer
    assert isinstance(answer, Problem) and answer.kind is ProblemKind.NONE


@pytest.mark.parametrize("garbage", ["\\\\boxed{", "\x00\x07", '{"a": [', "﷽" * 500, "</think>" * 50])
def test_a_garbage_reply_is_data(server: FaultyServer, engines: list[Engine], garbage: str) -> None:
    server.faults.append(json_answer(chat_body(garbage)))
    assert reply(chat_server(server, engines)).text == garbage


@pytest.mark.parametrize(
    "body", [b'{"choices":[{"message":{"content":"a\\ud800"}}]}', b'{"choices":[{"message":{"content":"a\xff"}}]}']
)
def test_a_reply_that_is_no_text_is_marked(server: FaultyServer, engines: list[Engine], body: bytes) -> None:
    server.faults.append(raw_answer(body))
    assert reply(chat_server(server, engines)).text == "a\ufffd"


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 2048 tokens. However, you requested 3000",
        "the request exceeds the available context size, try increasing it",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (40000) exceeds the maximum number of tokens allowed (32768).",
    ],
)
def test_a_prompt_that_does_not_fit_is_a_truncated_reply(
    server: FaultyServer, engines: list[Engine], message: str
) -> None:
    server.faults.append(error_answer(400, message))
    assert reply(chat_server(server, engines)) == ChatReply(text="", thinking="", finish="length")
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("seed", "Unrecognized request argument supplied: seed"),
        ("top_k", "property 'top_k' is unsupported"),
        ("temperature", "Unsupported value: 'temperature' does not support 0.5 with this model."),
    ],
)
def test_a_parameter_that_is_refused_is_left_out_from_then_on(
    server: FaultyServer, engines: list[Engine], name: str, message: str
) -> None:
    engine, sampling = chat_server(server, engines), Sampling(top_k=3, temperature=0.5)
    server.faults.append(error_answer(400, message))
    assert reply(engine, sampling).text and reply(engine, sampling).text
    assert [name in asked.body for asked in server.posts] == [True, False, False]
    assert engine.left_out == {name}


def test_a_budget_is_given_under_its_newer_name_where_the_older_is_refused(
    server: FaultyServer, engines: list[Engine]
) -> None:
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    server.faults.append(error_answer(400, message))
    engine = chat_server(server, engines)
    reply(engine), reply(engine)
    asked = [(a.body.get("max_tokens"), a.body.get("max_completion_tokens")) for a in server.posts]
    assert asked == [(256, None), (None, 256), (None, 256)]


def test_a_refusal_of_something_else_is_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error_answer(400, "max_tokens is too large:\n100000")
    assert error_of_reply(chat_server(server, engines)).endswith("refuses (400): max_tokens is too large: 100000")
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("status", "meaning"), [(401, "wants a key"), (403, "doesn't let this key"), (404, "has no such model")]
)
def test_a_permanent_failure_is_reported_at_once(
    server: FaultyServer, engines: list[Engine], status: int, meaning: str
) -> None:
    server.always = error_answer(status, "no")
    assert meaning in error_of_reply(chat_server(server, engines))
    assert len(server.posts) == 1


def test_what_needs_tokens_is_refused_in_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    for wanted in (
        lambda: engine.encode(QUESTION),
        lambda: engine.complete("a"),
        lambda: engine.load(Path("somewhere")),
        lambda: asyncio.run(engine.generate((1,), Sampling())),
        lambda: asyncio.run(engine.logprobs((1,), (2,))),
        lambda: reply(engine, Sampling(constraint="1")),
    ):
        with pytest.raises(UserError, match="only the servers of vLLM"):
            wanted()
    assert engine.base is None


def test_a_budget_of_reasoning_needs_a_server_with_token_ids(server: FaultyServer) -> None:
    with pytest.raises(UserError, match="thinking_tokens needs a server that exposes token ids"):
        agents.get(f"openai:{faulty_server.MODEL}@{server.url},thinking_tokens=8")
