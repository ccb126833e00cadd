"""Streamed replies, whole and broken."""

import asyncio
import json
from typing import Any

import pytest
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.clients import (
    chat_server,
    error_of_reply,
    reply,
)
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
    Received,
    error_answer,
    event_stream,
    reply_events,
)

from mirrormatch import agents, games
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import ChatReply, Sampling
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.types import Decision
from mirrormatch.cli.commands.play import show_reply_length

pytestmark = pytest.mark.slow


def test_a_streamed_reply_is_shown_as_it_comes(server: FaultyServer, engines: list[Engine]) -> None:
    engine, shown = chat_server(server, engines, stream="yes"), list[str]()
    engine.on_text = shown.append
    server.faults.append(event_stream(*reply_events("Four", ", of", " course.", finish="length")))
    assert reply(engine) == ChatReply(text="Four, of course.", thinking="", finish="length")
    assert [s for s in shown if s] == ["Four", ", of", " course."]
    assert (engine.usage.prompt_tokens, engine.usage.completion_tokens) == (7, 3)


def test_a_streamed_reply_equals_a_whole_one(server: FaultyServer, engines: list[Engine]) -> None:
    assert reply(chat_server(server, engines, stream="yes")) == reply(chat_server(server, engines))


@pytest.mark.parametrize("comments", [False, True], ids=["silence", "comments"])
def test_a_stream_that_stalls_is_asked_again(server: FaultyServer, engines: list[Engine], comments: bool) -> None:
    engine, shown = chat_server(server, engines, stream="yes", timeout_s="0.25"), list[str]()
    engine.on_text = shown.append
    server.faults += [
        event_stream(*reply_events("Half")[:1], stalls=True, comments=comments),
        event_stream(*reply_events("Whole")),
    ]
    assert reply(engine).text == "Whole"
    assert shown == ["", "Half", "", "Whole"]  # an empty piece marks a beginning


def test_a_stream_that_always_stalls_is_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = event_stream(*reply_events("Half")[:1], stalls=True)
    message = error_of_reply(chat_server(server, engines, stream="yes", timeout_s="0.25", deadline_s="1"))
    assert "it sent nothing for timeout_s=0.25 seconds" in message


@pytest.mark.parametrize(
    "broken",
    [
        event_stream(*reply_events("Half")[:1]),
        event_stream(*reply_events("Half")[:1], {"error": {"message": "overloaded"}}),
        event_stream('{"choices": ['),
    ],
    ids=["ends early", "error", "no JSON"],
)
def test_a_stream_that_breaks_off_is_asked_again(server: FaultyServer, engines: list[Engine], broken: Any) -> None:
    server.faults += [broken, event_stream(*reply_events("Whole"))]
    assert reply(chat_server(server, engines, stream="yes")).text == "Whole"


def test_a_person_sees_the_length_of_the_reply_while_it_is_written(server: FaultyServer) -> None:
    """The text itself is hidden: it is the opponent's thought."""
    server.always = event_stream(*reply_events("Let me", " think", " \\boxed{bet}"))
    agent, shown = agents.get(f"openai:{faulty_server.MODEL}@{server.url}"), list[str]()
    assert isinstance(agent, LLMAgent)
    game = games.get("kuhn_poker")
    state = game.apply(game.apply(game.start(), "J"), "K")
    decision = Decision(game=game, view=game.view(state, 0), observation=game.observe(state, 0))
    with show_reply_length(agent, shown.append):
        reply = asyncio.run(agent.act(decision))
    assert reply.answer == "bet"
    assert shown[-1] == " (24 characters so far)" and not any("think" in t for t in shown)


def test_replies_are_streamed_unless_the_settings_forbid_it(server: FaultyServer, engines: list[Engine]) -> None:
    asked: list[bool] = []
    for stream in ({}, {"stream": "no"}):
        reply(chat_server(server, engines, **stream))
        asked.append(bool(server.posts[-1].body.get("stream")))
    assert asked == [True, False]


def test_a_server_that_does_not_stream_is_understood(engines: list[Engine]) -> None:
    with FaultyServer(streams=False) as plain, FaultyServer() as streaming:
        assert reply(chat_server(plain, engines)) == reply(chat_server(streaming, engines))
        assert plain.posts[0].body["stream"]


def test_a_server_that_refuses_to_stream_is_asked_for_whole_replies(
    server: FaultyServer, engines: list[Engine]
) -> None:
    server.faults.append(error_answer(400, "stream is not supported"))
    assert reply(chat_server(server, engines)).text
    assert "stream" not in server.posts[1].body and "stream_options" not in server.posts[1].body


def test_a_streamed_reply_lives_longer_than_every_limit(server: FaultyServer, engines: list[Engine]) -> None:
    events = reply_events(*"a long, long reply")

    async def speak_slowly(asked: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for event in events:
            writer.write(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode())
            await asyncio.sleep(0.05)
        writer.close()

    server.always = speak_slowly
    assert reply(chat_server(server, engines, timeout_s="0.4", deadline_s="0.4")).text == "a long, long reply"
    assert len(server.posts) == 1


def test_a_stream_without_an_end_is_cut_off(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = event_stream(*reply_events(*"ab" * 40)[:-3], stalls=True)
    found = reply(chat_server(server, engines), Sampling(max_tokens=5))
    assert found.finish == "length" and set(found.text) == {"a", "b"}
