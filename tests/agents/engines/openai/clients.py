"""Engines of a faulty server, their replies and their errors."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
)

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import ChatReply, Completion, Sampling
from mirrormatch.agents.engines.openai import connect
from mirrormatch.agents.engines.openai.chat_server import ChatServer
from mirrormatch.agents.engines.openai.vllm_server import TokenServer
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message

IMPATIENT = (("backoff_s", "0.001"), ("timeout_s", "5"), ("deadline_s", "5"), ("outage_s", "0"))
QUESTION = (Message("system", "Solve it."), Message("user", "What is 2+2?"))


def chat_server(server: FaultyServer, engines: list[Engine], **settings: str) -> ChatServer:
    return connect_to(server, engines, server.models[0], **settings)


def connect_to(server: FaultyServer, engines: list[Engine], model: str, **settings: str) -> ChatServer:
    engine = connect(f"{model}@{server.url}", tuple({**dict(IMPATIENT), **settings}.items()))
    engines.append(engine)
    assert isinstance(engine, ChatServer)
    return engine


def token_server(server: FaultyServer, engines: list[Engine], **settings: str) -> TokenServer:
    engine = connect(f"{server.models[0]}@{server.url}", tuple({**dict(IMPATIENT), **settings}.items()))
    engines.append(engine)
    assert isinstance(engine, TokenServer)
    return engine


def reply(engine: ChatServer, sampling: Sampling | None = None, messages: Sequence[Message] = QUESTION) -> ChatReply:
    return asyncio.run(engine.chat(messages, sampling or Sampling(), seed=1))


def complete(engine: TokenServer, sampling: Sampling | None = None, **more: Any) -> Completion:
    return asyncio.run(engine.generate((5, 6, 7), sampling or Sampling(), **more))


def error_of_reply(engine: ChatServer) -> str:
    """The one-line error of an engine that gives up."""
    with pytest.raises(UserError) as message:
        reply(engine)
    assert "\n" not in str(message.value)
    return str(message.value)


def error_of_connecting(target: str, *settings: tuple[str, str]) -> str:
    with pytest.raises(UserError) as message:
        connect(target, (*IMPATIENT, *settings))
    assert "\n" not in str(message.value)
    return str(message.value)
