"""The choice of an engine by a server's list of models, and the errors of connecting."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.agents.engines.openai.clients import (
    IMPATIENT,
    QUESTION,
    chat_server,
    complete,
    connect_to,
    error_of_connecting,
    error_of_reply,
    reply,
    token_server,
)
from tests.agents.engines.openai.faulty_server import (
    Fault,
    FaultyServer,
    json_answer,
    raw_answer,
)

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._engine import ChatEngine, Engine
from mirrormatch.agents.engines.openai import connect, parse_target
from mirrormatch.agents.engines.openai.http import is_local
from mirrormatch.agents.engines.openai.vllm_server import TokenServer
from mirrormatch.agents.spec import model_agent
from mirrormatch.errors import UserError


def test_a_plain_server_is_an_engine_that_chats(server: FaultyServer, engines: list[Engine]) -> None:
    assert isinstance(chat_server(server, engines), ChatEngine)


def test_vllm_is_an_engine_with_tokens(vllm: FaultyServer, engines: list[Engine], tiny: Path) -> None:
    engine = token_server(vllm, engines)
    assert not isinstance(engine, ChatEngine)
    assert (engine.base, engine.fingerprint) == (str(tiny), _adapters.fingerprint(tiny))


def test_vllm_whose_model_is_on_another_machine_is_sent_messages(engines: list[Engine]) -> None:
    with FaultyServer(root="/nowhere/model") as server, pytest.raises(UserError, match="can't be read here"):
        chat_server(server, engines).encode(QUESTION)


def test_vllm_is_sent_messages_where_the_settings_say_so(vllm: FaultyServer, engines: list[Engine]) -> None:
    assert reply(chat_server(vllm, engines, mode="chat")).text


def test_tokens_that_are_not_to_be_had_are_refused(server: FaultyServer) -> None:
    assert "only the servers of vLLM and llama.cpp expose token ids" in error_of_connecting(
        f"tiny@{server.url}", ("mode", "token")
    )


def test_a_spec_leads_to_a_served_model(server: FaultyServer, engines: list[Engine]) -> None:
    agent = model_agent(f"openai:tiny@{server.url},backoff_s=0.001,temperature=0.5")
    engines.append(agent.engine)
    assert asyncio.run(agent.ask("What is 2+2?", seed=0)).answer in set("0123456789")
    assert server.posts[0].body["temperature"] == 0.5


def test_a_server_that_is_not_there_is_one_line() -> None:
    message = error_of_connecting("tiny@http://127.0.0.1:9/v1")
    assert message.startswith("no server answers at 'http://127.0.0.1:9/v1'")


def test_a_url_without_v1_gives_the_right_one(server: FaultyServer) -> None:
    assert f"did you mean '{server.url}'?" in error_of_connecting(f"tiny@{server.url.removesuffix('/v1')}")


def test_a_url_that_leads_elsewhere_is_one_line(server: FaultyServer) -> None:
    assert "lists no models (404: Not Found)" in error_of_connecting(f"tiny@{server.url}/nowhere/v1")


def test_an_unknown_model_gives_the_served_ones_nearest_first(engines: list[Engine]) -> None:
    with FaultyServer(models=("gpt-large", "qwen3:8b", "qwen3:4b")) as server:
        message = error_of_reply(connect_to(server, engines, "qwen3:4"))
    assert "has no such model" in message and "(404): model 'qwen3:4' not found" in message
    assert "it serves 'qwen3:4b', 'qwen3:8b', 'gpt-large'" in message


def test_an_unknown_model_cannot_be_sent_tokens(vllm: FaultyServer) -> None:
    message = error_of_connecting(f"tyni@{vllm.url}", ("mode", "token"))
    assert "the server doesn't list it; it lists 'tiny'" in message


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("qwen/qwen3-8b:nitro", "qwen/qwen3-8b"),
        ("gemini-3-flash", "models/gemini-3-flash"),
        ("models/gemini-3-flash", "gemini-3-flash"),
    ],
)
def test_a_name_that_is_not_listed_is_tried(engines: list[Engine], given: str, listed: str) -> None:
    with FaultyServer(models=(listed,), aliases=(given,)) as server:
        assert reply(connect_to(server, engines, given)).text
        assert server.posts[0].body["model"] == given


def test_a_short_name_finds_the_card_of_the_long_one(tiny: Path, engines: list[Engine]) -> None:
    with FaultyServer(root=str(tiny), models=("tiny:latest",)) as server:
        engine = connect(f"tiny@{server.url}", IMPATIENT)
        engines.append(engine)
        assert isinstance(engine, TokenServer) and complete(engine).token_ids


@pytest.mark.parametrize("listing", [None, "list"])
def test_the_list_of_models_may_be_missing_or_a_list_alone(engines: list[Engine], listing: Any) -> None:
    with FaultyServer(listing=listing) as server:
        assert reply(chat_server(server, engines)).text


def test_without_a_list_an_unknown_model_is_one_line(engines: list[Engine]) -> None:
    with FaultyServer(listing=None) as server:
        message = error_of_reply(connect_to(server, engines, "tyni"))
    assert "has no such model" in message and "model 'tyni' not found" in message


@pytest.mark.parametrize(
    "missing",
    [
        json_answer({"error": "Unexpected endpoint or method. (GET /models)"}),
        json_answer({"error": {"message": "Not found", "code": 404}}),
        json_answer({"detail": "Not Found"}, 404),
        raw_answer(b"<!doctype html><title>A web page</title>"),
    ],
    ids=["LM Studio", "code", "404", "web page"],
)
def test_an_address_without_v1_gets_the_hint_at_once(missing: Fault) -> None:
    with FaultyServer(missing=missing) as server:
        message = error_of_connecting(f"tiny@{server.url.removesuffix('/v1')}")
        assert f"did you mean '{server.url}'?" in message
        assert len(server.received) == 2


@pytest.mark.parametrize("target", ["tiny", "tiny@", "@http://x/v1", "tiny@ftp://x/v1", "tiny@127.0.0.1:8000"])
def test_what_is_no_model_at_a_url_is_refused(target: str) -> None:
    assert "is not MODEL@URL" in error_of_connecting(target)


def test_a_model_may_have_an_at_sign_and_colons() -> None:
    assert parse_target("me@home:3@https://host/v1/") == ("me@home:3", "https://host/v1")


def test_an_unknown_setting_gives_the_nearest(server: FaultyServer) -> None:
    assert "did you mean 'deadline_s'?" in error_of_connecting(f"tiny@{server.url}", ("deadlin_s", "3"))


def test_a_url_of_this_machine_is_recognized_by_its_whole_name() -> None:
    local = ("http://localhost:1/v1", "http://127.0.0.1/v1", "http://127.8.8.8/v1", "http://[::1]:8000/v1")
    assert all(map(is_local, local))
    assert not any(map(is_local, ("http://localhost.evil.org/v1", "http://128.0.0.1/v1", "https://host/v1")))
    assert httpx.URL(local[3]).host == "::1"
