"""Answers made to fill the memory, stall the event loop or end the program: each is one line, within bounds."""

import asyncio
import functools
import gzip
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.agents.engines.openai.clients import chat_server, complete, connect_to, error_of_reply, reply, token_server
from tests.agents.engines.openai.faulty_server import (
    Fault,
    FaultyServer,
    Received,
    chat_body,
    event_stream,
    json_answer,
    raw_answer,
    reply_events,
)

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import Sampling

pytestmark = pytest.mark.slow

SECRET = "sk-nobody-may-ever-read-this"
SHORT = Sampling(max_tokens=8)
PART = b"x" * (256 << 10)
STREAM = "text/event-stream"


class Endless:
    """Sends the same part until the client leaves, at most 2 GB.

    Attributes:
        num_sent: bytes sent so far.
    """

    def __init__(self, kind: str, part: bytes, status: int = 200, first: bytes = b"") -> None:
        self.num_sent = 0
        self._head = f"HTTP/1.1 {status} Fine\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode() + first
        self._part = part

    async def __call__(self, asked: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head)
        while self.num_sent < 2 << 30:
            self.num_sent += len(self._part)
            writer.write(self._part)
            await writer.drain()
        writer.close()


@functools.cache
def gzip_bomb() -> bytes:
    """A quarter of a gigabyte of zeros, in gzip a thousandth of it."""
    return gzip.compress(bytes(256 << 20), 1)


@contextmanager
def bounded(max_mb: int) -> Iterator[None]:
    """Checks the memory of Python's objects in the block."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < max_mb << 20, f"{peak >> 20} MB"


ENDLESS = {
    "a body": ("application/json", PART, "it is longer than 8,388,608 bytes"),
    "a line": (STREAM, PART, "the stream is longer than 9,437,184 bytes"),
    "comments": (STREAM, b": x\n" * 60_000, "the stream is longer than 9,437,184 bytes"),
    "events": (STREAM, b'data: {"choices": []}\n\n' * 999, "the stream has more than 5,096 events"),
    "lines of one event": (STREAM, b"data: x\n" * 9_999, "the stream is longer than 9,437,184 bytes"),
}


@pytest.mark.parametrize(("kind", "part", "reason"), ENDLESS.values(), ids=ENDLESS)
def test_an_answer_without_an_end_is_given_up(
    kind: str, part: bytes, reason: str, server: FaultyServer, engines: list[Engine]
) -> None:
    server.always = sender = Endless(kind, part)
    began = time.monotonic()
    assert reason in error_of_reply(chat_server(server, engines, timeout_s="20", deadline_s="20"))
    assert time.monotonic() - began < 15
    assert sender.num_sent < 4 * (32 << 20)  # four attempts, with what the sockets hold


def test_an_answer_without_an_end_takes_little_memory(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines, timeout_s="20", deadline_s="20")
    for kind in ("application/json", STREAM):
        server.always = Endless(kind, PART)
        with bounded(max_mb=64):
            assert "longer than" in error_of_reply(engine)


def test_of_an_error_without_an_end_the_beginning_is_shown(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = sender = Endless("text/plain", PART, status=400, first=b"Too long a prompt. ")
    assert "refuses (400): Too long a prompt. xxx" in error_of_reply(chat_server(server, engines))
    assert sender.num_sent < 16 << 20


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_a_bomb_in_gzip_is_given_up(kind: str, server: FaultyServer, engines: list[Engine]) -> None:
    server.always = raw_answer(gzip_bomb(), content_type=kind, content_encoding="gzip")
    engine = chat_server(server, engines, deadline_s="30")
    with bounded(max_mb=64):
        assert "longer than" in error_of_reply(engine)


def test_an_error_in_gzip_is_unpacked_up_to_its_limit(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = raw_answer(gzip_bomb(), status=400, content_encoding="gzip")
    engine = chat_server(server, engines)
    with bounded(max_mb=8):
        assert "refuses (400)" in error_of_reply(engine)


def test_an_answer_in_gzip_is_read(server: FaultyServer, engines: list[Engine]) -> None:
    packed = gzip.compress(json.dumps(chat_body("Four.")).encode())
    server.faults += [raw_answer(packed, content_encoding=name) for name in ("gzip", "x-gzip")]
    engine = chat_server(server, engines)
    assert [reply(engine).text for _ in range(2)] == ["Four.", "Four."]
    assert server.posts[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("packed", "encoding"), [(b"no gzip", "gzip"), (b"..", "br"), (b"..", "zstd"), (b"..", "gzip, gzip")]
)
def test_an_encoding_that_was_not_requested_is_a_broken_answer(
    packed: bytes, encoding: str, server: FaultyServer, engines: list[Engine]
) -> None:
    server.faults.append(raw_answer(packed, content_encoding=encoding))
    engine = chat_server(server, engines)
    assert reply(engine).text and engine.usage.retries == 1


def test_a_line_separator_of_unicode_does_not_break_an_event(server: FaultyServer, engines: list[Engine]) -> None:
    event = json.dumps(
        {"choices": [{"delta": {"content": "a\u2028b\x85c"}, "finish_reason": "stop"}]}, ensure_ascii=False
    )
    server.faults.append(event_stream(event, "[DONE]"))
    assert reply(chat_server(server, engines)).text == "a\u2028b\x85c"


DEEP = "[" * 100_000 + "]" * 100_000
NESTED = "[" * 960 + "]" * 960  # parsed, but too deep for a program that is a few calls deep itself
HUGE = "1" + "0" * 400
BROKEN = {
    "deep": DEEP,
    "a deep error": f'{{"error": {NESTED}}}',
    "a huge count": f'{{"choices": [{{"message": {{"content": "a"}}}}], "usage": {{"prompt_tokens": {HUGE}}}}}',
    "a negative count": '{"choices": [{"message": {"content": "a"}}], "usage": {"completion_tokens": -1}}',
    "a number of 5,000 digits": f'{{"usage": {"1" * 5000}}}',
    "NaN": '{"choices": NaN}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("wrap", [lambda text: raw_answer(text.encode()), event_stream], ids=["whole", "streamed"])
def test_deep_json_and_huge_numbers_are_a_broken_answer(
    body: str, wrap: Callable[[str], Fault], server: FaultyServer, engines: list[Engine]
) -> None:
    server.faults += [wrap(body), wrap(body)]
    engine = chat_server(server, engines, price_in="1")
    assert reply(engine).text
    assert engine.usage.retries in (1, 2)


@pytest.mark.parametrize("status", [400, 500])
def test_a_deep_error_is_one_line(status: int, server: FaultyServer, engines: list[Engine]) -> None:
    server.always = raw_answer(f'{{"error": {NESTED}}}'.encode(), status)
    assert str(status) in error_of_reply(chat_server(server, engines, deadline_s="0.5"))


def test_a_deep_list_of_models_is_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    server.listing, server.missing = None, raw_answer(DEEP.encode())
    assert reply(chat_server(server, engines)).text


def tokens(**changes: Any) -> Fault:
    choice = {"token_ids": [5], "logprobs": {"token_logprobs": [-0.5]}, "finish_reason": "stop"}
    return json_answer({"model": "tiny", "choices": [choice | changes]})


@pytest.mark.parametrize(
    "fault",
    [
        tokens(token_ids=[10**400]),
        tokens(token_ids=[-1]),
        tokens(token_ids=[5, 6]),
        tokens(token_ids=[5] * 99, logprobs={"token_logprobs": [-1.0] * 99}),
        tokens(logprobs={"token_logprobs": [float("nan")]}),
        tokens(logprobs={"token_logprobs": [float("-inf")]}),
        event_stream(*[{"model": "tiny", "choices": [{"token_ids": [5] * 9}]}] * 9, stalls=False),
        Endless(STREAM, b'data: {"model": "tiny"}\n\n' * 999),
    ],
)
def test_tokens_that_cannot_be_are_a_broken_answer(fault: Fault, vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines, deadline_s="30")
    plain = complete(engine, SHORT)
    vllm.faults.append(fault)
    assert complete(engine, SHORT) == plain and engine.usage.retries == 1


def test_a_reply_beyond_its_budget_is_cut_off(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    for fault in (json_answer(chat_body("x" * 3_000_000)), event_stream(*reply_events("x" * 3_000_000))):
        server.faults.append(fault)
        found = reply(engine, SHORT)
        assert (len(found.text), found.finish) == (8 * 128, "length")


def test_a_key_in_a_reply_is_hidden(
    monkeypatch: pytest.MonkeyPatch, server: FaultyServer, engines: list[Engine]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    engine = chat_server(server, engines)
    half = len(SECRET) // 2
    split = event_stream(*reply_events(f"Key: {SECRET[:half]}", SECRET[half:]))
    server.faults += [json_answer(chat_body(f"Key: {SECRET}", reasoning=SECRET)), split]
    first, second = reply(engine), reply(engine)
    assert (first.text, first.thinking, second.text) == ("Key: ***", "***", "Key: ***")


def test_a_key_among_the_names_of_models_is_hidden(monkeypatch: pytest.MonkeyPatch, engines: list[Engine]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with FaultyServer(models=(SECRET,)) as server:
        message = error_of_reply(connect_to(server, engines, "other"))
    assert "it serves '***'" in message
