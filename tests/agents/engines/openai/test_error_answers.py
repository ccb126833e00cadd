"""Errors inside an answer with status 200, and the reasons that routers hide inside others."""

import time
from typing import Any

import pytest
from tests.agents.engines.openai.clients import chat_server, complete, error_of_reply, reply, token_server
from tests.agents.engines.openai.faulty_server import (
    Fault,
    FaultyServer,
    chat_body,
    error_answer,
    event_stream,
    json_answer,
    reply_events,
)

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import ChatReply
from mirrormatch.agents.engines.openai.http import MAX_MALFORMED, extract_reason


def routed_error(code: Any, message: str = "Provider returned error", raw: Any = None) -> dict[str, Any]:
    """An error in OpenRouter's form."""
    metadata = {} if raw is None else {"metadata": {"raw": raw, "provider_name": "Somewhere"}}
    return {"error": {"code": code, "message": message, **metadata}}


FAILED_CHOICE = {"finish_reason": "error", "message": {"content": ""}}
PASSING: dict[str, Fault] = {
    "429": json_answer(routed_error(429)),
    "502 as text": json_answer(routed_error("502")),
    "words": json_answer({"error": {"type": "overloaded_error", "message": "Overloaded"}}),
    "rate limit": json_answer({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}),
    "a text": json_answer({"error": "Internal error: the server is overloaded"}),
    "old vLLM": json_answer({"object": "error", "message": "engine died", "code": 503}),
    "in a choice": json_answer({"choices": [{**FAILED_CHOICE, **routed_error(502)}]}),
    "finish_reason": json_answer({"choices": [FAILED_CHOICE]}),
    "nothing at all": json_answer({"choices": [{"finish_reason": None, "message": {"content": None}}]}),
    "in a stream": event_stream(*reply_events("Half")[:1], routed_error(503)),
    "choice in a stream": event_stream({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}, "[DONE]"),
    "an empty stream": event_stream("[DONE]"),
    "aborted": json_answer(chat_body("Hal", finish="abort")),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_an_outage_inside_a_200_is_never_a_reply(server: FaultyServer, engines: list[Engine], fault: Fault) -> None:
    engine = chat_server(server, engines)
    plain = reply(engine)
    server.faults += [fault, fault]
    assert reply(engine) == plain and engine.usage.retries == 2


def test_a_429_inside_a_200_waits_until_the_deadline(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = json_answer(routed_error(429, raw="slow down"))
    began = time.monotonic()
    message = error_of_reply(chat_server(server, engines, deadline_s="0.8"))
    assert "in deadline_s=0.8 seconds: 429: Provider returned error: slow down" in message
    assert len(server.posts) > MAX_MALFORMED and time.monotonic() - began < 4


def test_an_error_of_an_unknown_kind_is_repeated_a_few_times(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = json_answer({"error": "Oops"})
    assert "Oops" in error_of_reply(chat_server(server, engines))
    assert len(server.posts) == MAX_MALFORMED


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("raw", ["no image", '{"error": {"message": "no image"}}', {"message": "no image"}])
def test_the_reason_of_the_provider_behind_a_router_is_shown_at_once(
    server: FaultyServer, engines: list[Engine], status: int, raw: Any
) -> None:
    server.always = json_answer(routed_error(400, raw=raw), status)
    message = error_of_reply(chat_server(server, engines))
    assert message.endswith("refuses (400): Provider returned error: no image")
    assert len(server.posts) == 1


@pytest.mark.parametrize("status", [200, 400])
def test_the_reason_of_the_provider_behind_a_router_is_obeyed(
    server: FaultyServer, engines: list[Engine], status: int
) -> None:
    engine = chat_server(server, engines)
    server.faults.append(json_answer(routed_error(400, raw='{"message": "Unsupported parameter: seed"}'), status))
    assert reply(engine).text and engine.left_out == {"seed"}
    server.faults.append(json_answer(routed_error(400, raw="maximum context length is 8 tokens"), status))
    assert reply(engine) == ChatReply(text="", thinking="", finish="length")


def test_an_error_inside_a_completion_in_tokens_is_one_too(vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines)
    plain = complete(engine)
    vllm.faults += [json_answer(routed_error(503)), event_stream({"error": {"message": "died", "code": 500}})]
    assert complete(engine) == plain


def test_a_key_is_refused_inside_a_200_too(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = json_answer({"error": {"code": "invalid_api_key", "message": "Incorrect API key"}})
    assert "wants a key, or another one" in error_of_reply(chat_server(server, engines))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": {"message": "a", "metadata": {"raw": "b"}}}', "a: b"),
        (b'{"error": {"message": "a", "metadata": null}}', "a"),
        (b'{"error": {"message": "a", "metadata": {"raw": {"detail": "b"}}}}', "a: b"),
        (b'{"detail": [{"msg": "a"}]}', '[{"msg": "a"}]'),
        (b"plain", "plain"),
        (b'{"error": {"message": "a", "metadata": {"raw": "\\ud800"}}}', "a: ?"),
    ],
)
def test_the_reason_is_found_in_every_form(body: bytes, reason: str) -> None:
    assert extract_reason(body) == reason


def test_an_error_with_its_own_status_keeps_it(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error_answer(403, "Invalid request: unavailable here")
    assert "(403)" in error_of_reply(chat_server(server, engines))
