"""Failures of a server: which requests are repeated, and when the client gives up."""

import email.utils
import time
from typing import Any

import pytest
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.clients import chat_server, error_of_reply, reply
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
    error_answer,
    json_answer,
    raw_answer,
)

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines.openai.http import MAX_MALFORMED, parse_retry_after

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "fault",
    [
        error_answer(429, "slow down", retry_after="0.01"),
        error_answer(500, "oh"),
        error_answer(503, "loading"),
        error_answer(529, "overloaded"),
        faulty_server.drop,
        faulty_server.drop_in_mid_body,
        raw_answer(b"<html>not JSON"),
        raw_answer(b""),
        raw_answer(b"\xff\xfe"),
        json_answer([]),
        json_answer({"choices": []}),
        json_answer({"choices": [{"message": {"content": 4}}]}),
    ],
)
def test_what_may_pass_is_asked_again(server: FaultyServer, engines: list[Engine], fault: Any) -> None:
    engine = chat_server(server, engines)
    plain = reply(engine)
    server.faults += [fault, fault]
    assert reply(engine) == plain
    assert (engine.usage.requests, engine.usage.retries) == (2, 2)


def test_a_wait_that_the_server_asks_for_is_kept(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    server.faults.append(error_answer(429, "slow down", retry_after="0.2"))
    began = time.monotonic()
    reply(engine)
    assert time.monotonic() - began >= 0.2


def test_a_wait_may_be_a_date() -> None:
    now = 1_700_000_000.0
    assert parse_retry_after(email.utils.formatdate(now + 30, usegmt=True), now) == 30
    assert parse_retry_after(email.utils.formatdate(now - 30, usegmt=True), now) == 0
    assert [parse_retry_after(header, now) for header in ("", "7", "0.5", "soon", "-3")] == [0, 7, 0.5, 0, 0]


def test_a_date_that_is_later_than_the_deadline_ends_the_wait(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error_answer(429, "slow down", retry_after=email.utils.formatdate(time.time() + 3600, usegmt=True))
    assert "slow down, and asks to wait 3" in error_of_reply(chat_server(server, engines))
    assert len(server.posts) == 1


def test_an_empty_account_is_reported_at_once(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = json_answer({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429)
    assert "You exceeded your quota" in error_of_reply(chat_server(server, engines))
    assert len(server.posts) == 1


def test_a_storm_of_errors_ends_at_the_deadline(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error_answer(500, "worker died")
    message = error_of_reply(chat_server(server, engines, deadline_s="0.8"))
    assert "gave no reply in deadline_s=0.8 seconds: 500: worker died" in message
    assert len(server.posts) > 3


def test_silence_ends_at_the_deadline(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = faulty_server.silence
    assert "was asked once and gave no reply" in error_of_reply(chat_server(server, engines, deadline_s="0.4"))


def test_silence_is_asked_again_before_the_deadline(server: FaultyServer, engines: list[Engine]) -> None:
    server.faults.append(faulty_server.silence)
    assert reply(chat_server(server, engines, timeout_s="0.25")).text


@pytest.mark.parametrize(
    ("body", "what"), [(raw_answer(b"<html>"), "no JSON"), (json_answer({"choices": 3}), "choices: ")]
)
def test_an_answer_that_never_makes_sense_is_one_line(
    server: FaultyServer, engines: list[Engine], body: Any, what: str
) -> None:
    server.always = body
    assert what in error_of_reply(chat_server(server, engines))
    assert len(server.posts) == MAX_MALFORMED


def test_a_redirection_is_not_followed(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = raw_answer(b"", 307, location="http://elsewhere.invalid/v1")
    assert "it redirects to 'http://elsewhere.invalid/v1'" in error_of_reply(chat_server(server, engines))
