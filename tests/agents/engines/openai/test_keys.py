"""Keys: their source, their destinations, and their absence from all output."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.agents.engines.openai.clients import (
    chat_server,
    error_of_connecting,
    error_of_reply,
    reply,
)
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
    error_answer,
    raw_answer,
)

from mirrormatch import games, prompts
from mirrormatch.agents import episodes
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.openai import read_key
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.evals.arena import run_match

SECRET = "sk-nobody-may-ever-read-this"
KUHN = games.get("kuhn_poker")


def test_a_key_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, engines: list[Engine]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with FaultyServer(key=SECRET) as server:
        assert reply(chat_server(server, engines)).text


def test_another_variable_may_hold_the_key(monkeypatch: pytest.MonkeyPatch, engines: list[Engine]) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    with FaultyServer(key=SECRET) as server:
        assert reply(chat_server(server, engines, key_env="MY_KEY")).text


def test_a_wrong_key_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with FaultyServer(key="another") as server:
        message = error_of_connecting(f"tiny@{server.url}")
        assert len(server.received) == 1
    assert "wants a key, or another one" in message and "(401)" in message


def test_a_key_is_nowhere_to_be_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, engines: list[Engine], tmp_path: Path
) -> None:
    """The server repeats the key in its answers, and all logging is on."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    shown: list[Any] = []
    with FaultyServer(key=SECRET) as server:
        engine = chat_server(server, engines)
        for fault in (error_answer(403, f"no: {SECRET}"), error_answer(400, SECRET), raw_answer(SECRET.encode())):
            server.always = fault
            shown.append(error_of_reply(engine))
        server.always = None
        agent = LLMAgent(f"openai:tiny@{server.url}", engine, prompts.get("boxed"), Sampling())
        result = asyncio.run(run_match(KUHN, [agent, agent], episodes=2))
    for played in result.episodes:
        episodes.append_episode(tmp_path / "episodes.jsonl", played.episode)
    shown += [engine, vars(engine), engine.usage, result, caplog.text, (tmp_path / "episodes.jsonl").read_text()]
    assert "chat/completions" in caplog.text
    assert "***" in str(shown) and SECRET not in str(shown)


@pytest.mark.parametrize("setting", [("key_env", SECRET), ("key_env", "")])
def test_a_key_in_the_place_of_its_variable_is_not_repeated(server: FaultyServer, setting: tuple[str, str]) -> None:
    message = error_of_connecting(f"tiny@{server.url}", setting, ("timeout_s", "never"))
    assert "the name of an environment variable" in message and SECRET not in message


def test_a_named_variable_that_is_empty_is_an_error(server: FaultyServer) -> None:
    assert "key_env=NO_SUCH_KEY" in error_of_connecting(f"tiny@{server.url}", ("key_env", "NO_SUCH_KEY"))


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    message = error_of_connecting(f"tiny@https://me:{SECRET}@host/v1")
    assert "comes from the environment" in message and SECRET not in message


def test_a_key_with_a_line_break_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\nmore")
    message = error_of_connecting("tiny@http://127.0.0.1:9/v1")
    assert "characters that no key has" in message and SECRET not in message


def test_the_default_key_is_not_sent_over_plain_http_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("MY_KEY", SECRET)
    places = ("http://10.0.0.1/v1", "https://10.0.0.1/v1", "http://localhost:8000/v1", "http://127.0.0.1.evil.org/v1")
    assert [read_key(url, "OPENAI_API_KEY") for url in places] == [None, SECRET, SECRET, None]
    assert read_key(places[0], "MY_KEY") == SECRET
