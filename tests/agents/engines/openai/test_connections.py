"""Concurrent requests, cancelled ones, and counts of all."""

import asyncio
import subprocess
import sys

import pytest
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.clients import (
    QUESTION,
    chat_server,
    reply,
)
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
)

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import ChatReply, Sampling


@pytest.mark.slow
def test_a_program_ends_without_a_warning_about_open_connections(server: FaultyServer) -> None:
    words = ["match", "kuhn_poker", f"openai:{faulty_server.MODEL}@{server.url}", "random", "--episodes", "4"]
    run = [sys.executable, "-W", "error", "-m", "mirrormatch.cli", *words]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert "Warning" not in ended.stderr


def test_no_more_requests_are_under_way_than_allowed(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines, max_connections="3")

    async def many() -> list[ChatReply]:
        return await asyncio.gather(*(engine.chat(QUESTION, Sampling(), seed=k) for k in range(20)))

    assert len(asyncio.run(many())) == 20
    assert server.max_at_once <= 3


def test_an_engine_serves_one_event_loop_after_the_other(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    assert reply(engine) == reply(engine)


def test_cancelling_a_request_closes_the_connection(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    server.faults.append(faulty_server.silence)

    async def give_up() -> None:
        waiting = asyncio.create_task(engine.chat(QUESTION, Sampling()))
        while not server.posts:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(give_up())
    assert server.client_left.wait(timeout=5)
    assert reply(engine).text


def test_what_was_used_is_counted_and_priced(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines, price_in="2", price_out="50")
    reply(engine), reply(engine)
    usage = engine.usage
    assert (usage.requests, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (2, 20, 12, 8)
    assert usage.cost == pytest.approx((20 * 2 + 8 * 50) / 1e6)
