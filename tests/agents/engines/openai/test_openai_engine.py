"""Engines behind a server: every way in which a server misbehaves, and what is made of its answers."""

import asyncio
import email.utils
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.faulty_server import (
    CONTEXT,
    NUM_TOKENS,
    FaultyServer,
    chat_reply,
    error,
    pieces,
    raw,
    said,
    streamed,
)
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch import agents, games, prompts
from mirrormatch.agents import episodes
from mirrormatch.agents.engines import _adapters as adapters
from mirrormatch.agents.engines._engine import ChatEngine, Engine
from mirrormatch.agents.engines._types import ChatReply, Completion, Constraint, Sampling
from mirrormatch.agents.engines.openai import connect, parse_target, read_key
from mirrormatch.agents.engines.openai.chat_server import _SPECIAL_TOKENS, ChatServer, break_special_tokens
from mirrormatch.agents.engines.openai.http import MAX_MALFORMED, is_local, parse_retry_after
from mirrormatch.agents.engines.openai.vllm_lora import MAX_ADAPTERS, PREFIX, BatchGate
from mirrormatch.agents.engines.openai.vllm_server import NUM_SCORED, TokenServer
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import model_agent
from mirrormatch.agents.types import Decision
from mirrormatch.cli.commands.play import show_reply_length
from mirrormatch.errors import UserError
from mirrormatch.evals.arena import run_match
from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.prompts.prompt import Message

HASTY = (("backoff_s", "0.001"), ("timeout_s", "5"), ("deadline_s", "5"), ("outage_s", "0"))
ASKED = (Message("system", "Solve it."), Message("user", "What is 2+2?"))
SECRET = "sk-nobody-may-ever-read-this"
KUHN = games.get("kuhn_poker")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as running:
        yield running


@pytest.fixture
def vllm(tiny: Path) -> Iterator[FaultyServer]:
    """A server that looks like vLLM's, with the tiny model."""
    with FaultyServer(root=str(tiny)) as running:
        yield running


@pytest.fixture
def engines() -> Iterator[list[Engine]]:
    """Engines to be closed after the test."""
    made: list[Engine] = []
    yield made
    for engine in made:
        engine.close()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def adapter_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [save_adapter(folder / str(k), seed=k) for k in range(MAX_ADAPTERS + 1)]


def chat_server(server: FaultyServer, engines: list[Engine], **settings: str) -> ChatServer:
    engine = connect(f"{server.models[0]}@{server.url}", tuple({**dict(HASTY), **settings}.items()))
    engines.append(engine)
    assert isinstance(engine, ChatServer)
    return engine


def token_server(server: FaultyServer, engines: list[Engine], **settings: str) -> TokenServer:
    engine = connect(f"{server.models[0]}@{server.url}", tuple({**dict(HASTY), **settings}.items()))
    engines.append(engine)
    assert isinstance(engine, TokenServer)
    return engine


def reply(engine: ChatServer, sampling: Sampling | None = None, messages: Sequence[Message] = ASKED) -> ChatReply:
    return asyncio.run(engine.chat(messages, sampling or Sampling(), seed=1))


def completion(engine: TokenServer, sampling: Sampling | None = None, **more: Any) -> Completion:
    return asyncio.run(engine.generate((5, 6, 7), sampling or Sampling(), **more))


def mistake(engine: ChatServer) -> str:
    """What the user is told when the engine gives up: one line."""
    with pytest.raises(UserError) as told:
        reply(engine)
    assert "\n" not in str(told.value)
    return str(told.value)


def refused(target: str, *settings: tuple[str, str]) -> str:
    with pytest.raises(UserError) as told:
        connect(target, (*HASTY, *settings))
    assert "\n" not in str(told.value)
    return str(told.value)


# connecting


def test_a_plain_server_is_an_engine_that_chats(server: FaultyServer, engines: list[Engine]) -> None:
    assert isinstance(chat_server(server, engines), ChatEngine)


def test_vllm_is_an_engine_with_tokens(vllm: FaultyServer, engines: list[Engine], tiny: Path) -> None:
    engine = token_server(vllm, engines)
    assert not isinstance(engine, ChatEngine)
    assert (engine.base, engine.fingerprint) == (str(tiny), adapters.fingerprint(tiny))


def test_vllm_whose_model_is_on_another_machine_is_sent_messages(engines: list[Engine]) -> None:
    with FaultyServer(root="/nowhere/model") as server, pytest.raises(UserError, match="can't be read here"):
        chat_server(server, engines).encode(ASKED)


@pytest.mark.parametrize("setting", [("mode", "chat"), ("stream", "yes")])
def test_vllm_is_sent_messages_where_the_settings_say_so(
    vllm: FaultyServer, engines: list[Engine], setting: tuple[str, str]
) -> None:
    assert reply(chat_server(vllm, engines, **dict([setting]))).text


def test_tokens_that_are_not_to_be_had_are_refused(server: FaultyServer) -> None:
    assert "only vLLM's server exposes token ids" in refused(f"tiny@{server.url}", ("mode", "token"))


def test_a_spec_leads_to_a_served_model(server: FaultyServer, engines: list[Engine]) -> None:
    agent = model_agent(f"openai:tiny@{server.url},backoff_s=0.001,temperature=0.5")
    engines.append(agent.engine)
    assert asyncio.run(agent.ask("What is 2+2?", seed=0)).answer in set("0123456789")
    assert server.posts[0].body["temperature"] == 0.5


def test_a_server_that_is_not_there_is_one_line() -> None:
    told = refused("tiny@http://127.0.0.1:9/v1")
    assert told.startswith("no server answers at 'http://127.0.0.1:9/v1'")


def test_a_url_without_v1_is_told_the_right_one(server: FaultyServer) -> None:
    assert f"did you mean '{server.url}'?" in refused(f"tiny@{server.url.removesuffix('/v1')}")


def test_a_url_that_leads_elsewhere_is_one_line(server: FaultyServer) -> None:
    assert "lists no models (404: Not Found)" in refused(f"tiny@{server.url}/nowhere/v1")


def test_an_unknown_model_is_told_those_that_are_served_nearest_first() -> None:
    with FaultyServer(models=("gpt-large", "qwen3:8b", "qwen3:4b")) as server:
        told = refused(f"qwen3:4@{server.url}")
    assert "has no model 'qwen3:4'; it serves 'qwen3:4b', 'qwen3:8b', 'gpt-large'" in told


@pytest.mark.parametrize("target", ["tiny", "tiny@", "@http://x/v1", "tiny@ftp://x/v1", "tiny@127.0.0.1:8000"])
def test_what_is_no_model_at_a_url_is_refused(target: str) -> None:
    assert "is not MODEL@URL" in refused(target)


def test_a_model_may_have_an_at_sign_and_colons() -> None:
    assert parse_target("me@home:3@https://host/v1/") == ("me@home:3", "https://host/v1")


def test_an_unknown_setting_is_told_the_nearest(server: FaultyServer) -> None:
    assert "did you mean 'deadline_s'?" in refused(f"tiny@{server.url}", ("deadlin_s", "3"))


# keys


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
        told = refused(f"tiny@{server.url}")
        assert len(server.asked) == 1
    assert "wants a key, or another one" in told and "(401)" in told


def test_a_key_is_nowhere_to_be_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, engines: list[Engine], tmp_path: Path
) -> None:
    """The server repeats the key in its answers to it, and everything that can be logged is."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    shown: list[Any] = []
    with FaultyServer(key=SECRET) as server:
        engine = chat_server(server, engines)
        for fault in (error(403, f"no: {SECRET}"), error(400, SECRET), raw(SECRET.encode())):
            server.always = fault
            shown.append(mistake(engine))
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
    told = refused(f"tiny@{server.url}", setting, ("timeout_s", "never"))
    assert "the name of an environment variable" in told and SECRET not in told


def test_a_named_variable_that_is_empty_is_told(server: FaultyServer) -> None:
    assert "key_env=NO_SUCH_KEY" in refused(f"tiny@{server.url}", ("key_env", "NO_SUCH_KEY"))


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    told = refused(f"tiny@https://me:{SECRET}@host/v1")
    assert "comes from the environment" in told and SECRET not in told


def test_a_key_with_a_line_break_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\nmore")
    told = refused("tiny@http://127.0.0.1:9/v1")
    assert "characters that no key has" in told and SECRET not in told


def test_a_key_that_nobody_named_is_not_sent_over_plain_http_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("MY_KEY", SECRET)
    places = ("http://10.0.0.1/v1", "https://10.0.0.1/v1", "http://localhost:8000/v1", "http://127.0.0.1.evil.org/v1")
    assert [read_key(url, "OPENAI_API_KEY") for url in places] == [None, SECRET, SECRET, None]
    assert read_key(places[0], "MY_KEY") == SECRET


# messages


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
    }


def test_a_large_seed_fits_every_server(server: FaultyServer, engines: list[Engine]) -> None:
    asyncio.run(chat_server(server, engines).chat(ASKED, Sampling(), seed=2**63 - 1))
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
    server.faults.append(said(chat_reply("\\boxed{4}", **{name: "2 and 2"})))
    assert reply(chat_server(server, engines)) == ChatReply(text="\\boxed{4}", thinking="2 and 2", finish="stop")


def test_a_reply_in_parts_is_read_as_one(server: FaultyServer, engines: list[Engine]) -> None:
    server.faults.append(said(chat_reply([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])))
    assert reply(chat_server(server, engines)).text == "ab"


@pytest.mark.parametrize(("told", "finish"), [("length", "length"), ("stop", "stop"), ("content_filter", "stop")])
def test_a_reply_that_was_cut_off_says_so(server: FaultyServer, engines: list[Engine], told: str, finish: str) -> None:
    server.faults.append(said(chat_reply("a", finish=told)))
    assert reply(chat_server(server, engines)).finish == finish


@pytest.mark.parametrize("content", ["", None])
def test_an_empty_reply_is_a_reply_without_an_answer(
    server: FaultyServer, engines: list[Engine], content: str | None
) -> None:
    server.faults.append(said(chat_reply(content)))
    agent = LLMAgent("openai", chat_server(server, engines), prompts.get("boxed"), Sampling())
    answer = asyncio.run(agent.ask("What is 2+2?", seed=0)).answer
    assert isinstance(answer, Problem) and answer.kind is ProblemKind.NONE


@pytest.mark.parametrize("garbage", ["\\\\boxed{", "\x00\x07", '{"a": [', "﷽" * 500, "</think>" * 50])
def test_a_garbage_reply_is_data(server: FaultyServer, engines: list[Engine], garbage: str) -> None:
    server.faults.append(said(chat_reply(garbage)))
    assert reply(chat_server(server, engines)).text == garbage


@pytest.mark.parametrize(
    "body", [b'{"choices":[{"message":{"content":"a\\ud800"}}]}', b'{"choices":[{"message":{"content":"a\xff"}}]}']
)
def test_a_reply_that_is_no_text_is_marked(server: FaultyServer, engines: list[Engine], body: bytes) -> None:
    server.faults.append(raw(body))
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
    server.faults.append(error(400, message))
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
    server.faults.append(error(400, message))
    assert reply(engine, sampling).text and reply(engine, sampling).text
    assert [name in asked.body for asked in server.posts] == [True, False, False]
    assert engine.left_out == {name}


def test_a_budget_is_given_under_its_newer_name_where_the_older_is_refused(
    server: FaultyServer, engines: list[Engine]
) -> None:
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    server.faults.append(error(400, message))
    engine = chat_server(server, engines)
    reply(engine), reply(engine)
    asked = [(a.body.get("max_tokens"), a.body.get("max_completion_tokens")) for a in server.posts]
    assert asked == [(256, None), (None, 256), (None, 256)]


def test_a_refusal_of_something_else_is_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error(400, "max_tokens is too large:\n100000")
    assert mistake(chat_server(server, engines)).endswith("refuses (400): max_tokens is too large: 100000")
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("status", "meaning"), [(401, "wants a key"), (403, "doesn't let this key"), (404, "has no such model")]
)
def test_what_no_waiting_helps_is_told_at_once(
    server: FaultyServer, engines: list[Engine], status: int, meaning: str
) -> None:
    server.always = error(status, "no")
    assert meaning in mistake(chat_server(server, engines))
    assert len(server.posts) == 1


def test_what_needs_tokens_is_refused_in_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    constraint = Constraint("\\boxed{", ("1",), "}")
    for wanted in (
        lambda: engine.encode(ASKED),
        lambda: engine.complete("a"),
        lambda: engine.load(Path("somewhere")),
        lambda: asyncio.run(engine.generate((1,), Sampling())),
        lambda: asyncio.run(engine.logprobs((1,), (2,))),
        lambda: reply(engine, Sampling(constraint=constraint)),
    ):
        with pytest.raises(UserError, match="only vLLM's server exposes token ids"):
            wanted()
    assert engine.base is None


# streams


def test_a_streamed_reply_is_shown_as_it_comes(server: FaultyServer, engines: list[Engine]) -> None:
    engine, shown = chat_server(server, engines, stream="yes"), list[str]()
    engine.on_text = shown.append
    server.faults.append(streamed(*pieces("Four", ", of", " course.", finish="length")))
    assert reply(engine) == ChatReply(text="Four, of course.", thinking="", finish="length")
    assert [s for s in shown if s] == ["Four", ", of", " course."]
    assert (engine.usage.prompt_tokens, engine.usage.completion_tokens) == (7, 3)


def test_a_streamed_reply_says_what_a_whole_one_says(server: FaultyServer, engines: list[Engine]) -> None:
    assert reply(chat_server(server, engines, stream="yes")) == reply(chat_server(server, engines))


@pytest.mark.parametrize("comments", [False, True], ids=["silence", "comments"])
def test_a_stream_that_stalls_is_asked_again(server: FaultyServer, engines: list[Engine], comments: bool) -> None:
    engine, shown = chat_server(server, engines, stream="yes", timeout_s="0.25"), list[str]()
    engine.on_text = shown.append
    server.faults += [streamed(*pieces("Half")[:1], stalls=True, comments=comments), streamed(*pieces("Whole"))]
    assert reply(engine).text == "Whole"
    assert shown == ["", "Half", "", "Whole"]  # an empty piece: it begins anew


def test_a_stream_that_always_stalls_is_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = streamed(*pieces("Half")[:1], stalls=True)
    told = mistake(chat_server(server, engines, stream="yes", timeout_s="0.25", deadline_s="1"))
    assert "it sent nothing for timeout_s=0.25 seconds" in told


@pytest.mark.parametrize(
    "broken",
    [
        streamed(*pieces("Half")[:1]),
        streamed(*pieces("Half")[:1], {"error": {"message": "overloaded"}}),
        streamed('{"choices": ['),
    ],
    ids=["ends early", "error", "no JSON"],
)
def test_a_stream_that_breaks_off_is_asked_again(server: FaultyServer, engines: list[Engine], broken: Any) -> None:
    server.faults += [broken, streamed(*pieces("Whole"))]
    assert reply(chat_server(server, engines, stream="yes")).text == "Whole"


# retries


@pytest.mark.parametrize(
    "fault",
    [
        error(429, "slow down", retry_after="0.01"),
        error(500, "oh"),
        error(503, "loading"),
        error(529, "overloaded"),
        faulty_server.drop,
        faulty_server.drop_in_mid_body,
        raw(b"<html>not JSON"),
        raw(b""),
        raw(b"\xff\xfe"),
        said([]),
        said({"choices": []}),
        said({"choices": [{"message": {"content": 4}}]}),
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
    server.faults.append(error(429, "slow down", retry_after="0.2"))
    began = time.monotonic()
    reply(engine)
    assert time.monotonic() - began >= 0.2


def test_a_wait_may_be_a_date() -> None:
    now = 1_700_000_000.0
    assert parse_retry_after(email.utils.formatdate(now + 30, usegmt=True), now) == 30
    assert parse_retry_after(email.utils.formatdate(now - 30, usegmt=True), now) == 0
    assert [parse_retry_after(header, now) for header in ("", "7", "0.5", "soon", "-3")] == [0, 7, 0.5, 0, 0]


def test_a_date_that_is_later_than_the_deadline_ends_the_wait(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error(429, "slow down", retry_after=email.utils.formatdate(time.time() + 3600, usegmt=True))
    assert "slow down, and asks to wait 3" in mistake(chat_server(server, engines))
    assert len(server.posts) == 1


def test_an_empty_account_is_told_at_once(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = said({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429)
    assert "You exceeded your quota" in mistake(chat_server(server, engines))
    assert len(server.posts) == 1


def test_a_storm_of_errors_ends_at_the_deadline(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error(500, "worker died")
    told = mistake(chat_server(server, engines, deadline_s="0.8"))
    assert "gave no reply in deadline_s=0.8 seconds: 500: worker died" in told
    assert len(server.posts) > 3


def test_silence_ends_at_the_deadline(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = faulty_server.silence
    assert "was asked once and gave no reply" in mistake(chat_server(server, engines, deadline_s="0.4"))


def test_silence_is_asked_again_before_the_deadline(server: FaultyServer, engines: list[Engine]) -> None:
    server.faults.append(faulty_server.silence)
    assert reply(chat_server(server, engines, timeout_s="0.25")).text


@pytest.mark.parametrize(("body", "what"), [(raw(b"<html>"), "no JSON"), (said({"choices": 3}), "choices: ")])
def test_an_answer_that_never_makes_sense_is_one_line(
    server: FaultyServer, engines: list[Engine], body: Any, what: str
) -> None:
    server.always = body
    assert what in mistake(chat_server(server, engines))
    assert len(server.posts) == MAX_MALFORMED


def test_a_redirection_is_not_followed(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = raw(b"", 307, location="http://elsewhere.invalid/v1")
    assert "it redirects to 'http://elsewhere.invalid/v1'" in mistake(chat_server(server, engines))


# at once


@pytest.mark.slow
def test_a_program_ends_without_a_warning_about_open_connections(server: FaultyServer) -> None:
    words = ["match", "kuhn_poker", f"openai:{faulty_server.MODEL}@{server.url}", "random", "--episodes", "4"]
    run = [sys.executable, "-W", "error", "-m", "mirrormatch.cli", *words]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert "Warning" not in ended.stderr


def test_no_more_requests_are_under_way_than_allowed(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines, max_connections="3")

    async def many() -> list[ChatReply]:
        return await asyncio.gather(*(engine.chat(ASKED, Sampling(), seed=k) for k in range(20)))

    assert len(asyncio.run(many())) == 20
    assert server.most_at_once <= 3


def test_an_engine_serves_one_event_loop_after_the_other(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    assert reply(engine) == reply(engine)


def test_whoever_stops_waiting_closes_the_connection(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    server.faults.append(faulty_server.silence)

    async def give_up() -> None:
        waiting = asyncio.create_task(engine.chat(ASKED, Sampling()))
        while not server.posts:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(give_up())
    assert server.hung_up.wait(timeout=5)
    assert reply(engine).text


def test_what_was_used_is_counted_and_priced(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines, price_in="2", price_out="50")
    reply(engine), reply(engine)
    usage = engine.usage
    assert (usage.requests, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (2, 20, 12, 8)
    assert usage.cost == pytest.approx((20 * 2 + 8 * 50) / 1e6)


# tokens


def test_a_completion_is_the_tokens_as_sampled(vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines)
    found = completion(engine)
    assert len(found.token_ids) == len(found.logprobs) == NUM_TOKENS
    assert found.token_ids[-1] in engine.end_ids and found.logprobs[0] == -0.5
    assert found.text == engine._encoder.decode(found.token_ids) and found.finish == "stop"


def test_a_request_in_tokens_leaves_nothing_to_the_server(vllm: FaultyServer, engines: list[Engine]) -> None:
    engine = token_server(vllm, engines)
    constraint = Constraint("[", ("a", "b"), "]")
    completion(engine, Sampling(max_tokens=4, temperature=0.7, stop=("x",), constraint=constraint), seed=2**63 - 1)
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
        "structured_outputs": {"regex": r"([^\[])*\[(a|b)\]"},
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
    vllm.faults.append(error(400, "This model's maximum context length is 8 tokens."))
    assert completion(token_server(vllm, engines)).finish == "length"


def test_another_temperature_wants_log_probs_at_it(tiny: Path, engines: list[Engine]) -> None:
    with FaultyServer(root=str(tiny), at_temperature=False) as server:
        engine = token_server(server, engines)
        assert completion(engine).logprobs and completion(engine, Sampling(temperature=0)).logprobs
        with pytest.raises(UserError, match="--logprobs-mode processed_logprobs"):
            completion(engine, Sampling(temperature=0.7))


@pytest.mark.parametrize(
    "answer",
    [
        {"model": "tiny", "choices": [{"text": "a", "finish_reason": "stop"}]},
        {"model": "tiny", "choices": [{"token_ids": [1], "logprobs": None, "finish_reason": "stop"}]},
        {"choices": []},
    ],
)
def test_an_answer_without_tokens_is_asked_again(vllm: FaultyServer, engines: list[Engine], answer: Any) -> None:
    vllm.faults.append(said(answer))
    assert completion(token_server(vllm, engines)).token_ids


# adapters


def test_an_adapter_is_loaded_under_its_content_hash(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    engine = token_server(vllm, engines)
    name = engine.load(adapter_paths[0])
    assert name == adapters.content_hash(adapter_paths[0])
    assert vllm.adapters == {PREFIX + name: str(adapter_paths[0])}
    assert completion(engine, adapter=name).adapter == name
    assert completion(engine, adapter=name).token_ids != completion(engine).token_ids


def test_the_same_adapter_again_costs_nothing(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    engine = token_server(vllm, engines)
    assert engine.load(adapter_paths[0]) == engine.load(adapter_paths[0])
    assert len(vllm.posts) == 1


def test_an_adapter_that_another_process_has_loaded_is_the_same(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    for _ in range(2):
        engine = token_server(vllm, engines)
        assert completion(engine, adapter=engine.load(adapter_paths[0])).token_ids


def test_the_adapter_unused_for_longest_makes_room_and_comes_back(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    engine = token_server(vllm, engines)
    names = [engine.load(path) for path in adapter_paths]
    assert len(vllm.adapters) == MAX_ADAPTERS and PREFIX + names[0] not in vllm.adapters
    assert completion(engine, adapter=names[0]).adapter == names[0]
    assert PREFIX + names[1] not in vllm.adapters


def test_adapters_that_a_new_server_does_not_know_are_loaded_again(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    engine = token_server(vllm, engines)
    name = engine.load(adapter_paths[0])
    before = completion(engine, adapter=name)
    vllm.adapters.clear()
    assert completion(engine, adapter=name) == before


def test_an_adapter_that_has_changed_on_disk_does_not_come_back(
    vllm: FaultyServer, engines: list[Engine], tmp_path: Path
) -> None:
    engine = token_server(vllm, engines)
    name = engine.load(save_adapter(tmp_path, seed=1))
    vllm.adapters.clear()
    save_adapter(tmp_path, seed=2)
    with pytest.raises(UserError, match="has changed"):
        completion(engine, adapter=name)


def test_an_answer_by_another_model_is_refused(tiny: Path, engines: list[Engine], adapter_paths: list[Path]) -> None:
    with FaultyServer(root=str(tiny)) as server:
        engine = token_server(server, engines)
        name = engine.load(adapter_paths[0])
        server.names_itself = "tiny"
        with pytest.raises(UserError, match=f"was asked for '{PREFIX}{name}', and 'tiny' answered"):
            completion(engine, adapter=name)


def test_a_server_without_adapters_is_told_how_to_start(
    tiny: Path, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    with FaultyServer(root=str(tiny), lora=False) as server:
        engine = token_server(server, engines)
        with pytest.raises(UserError, match="start it with --enable-lora and with VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
            engine.load(adapter_paths[0])


def test_a_rank_that_is_too_high_is_told_at_once(vllm: FaultyServer, engines: list[Engine], tmp_path: Path) -> None:
    config = save_adapter(tmp_path, seed=0) / adapters.CONFIG
    config.write_text(json.dumps(json.loads(config.read_text()) | {"r": 64}))
    with pytest.raises(UserError, match=r"rank 64 is greater than .*; start it with --max-lora-rank 64 or more"):
        token_server(vllm, engines).load(tmp_path)
    assert len(vllm.posts) == 1


def test_an_adapter_made_for_another_base_is_refused(vllm: FaultyServer, engines: list[Engine], tmp_path: Path) -> None:
    adapters.write_card(save_adapter(tmp_path, seed=0), "another", "0123")
    with pytest.raises(UserError, match="was made for 'another'"):
        token_server(vllm, engines).load(tmp_path)


def test_an_adapter_of_another_shape_is_refused_whatever_it_says(
    vllm: FaultyServer, engines: list[Engine], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="does not fit"):
        token_server(vllm, engines).load(save_adapter(tmp_path, seed=0, hidden=32))
    assert not vllm.posts


def test_base_rows_and_adapter_rows_are_never_together() -> None:
    inside: list[bool] = []
    together: set[frozenset[bool]] = set()

    async def row(sides: BatchGate, with_adapter: bool) -> None:
        async with sides.enter(with_adapter):
            inside.append(with_adapter)
            together.add(frozenset(inside))
            try:
                await asyncio.sleep(0)
            finally:
                inside.remove(with_adapter)

    async def rows(mixed: bool) -> None:
        sides = BatchGate(mixed)
        tasks = [asyncio.create_task(row(sides, k % 3 == 0)) for k in range(30)]
        for task in tasks[7::5]:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(rows(mixed=False))
    assert together == {frozenset({True}), frozenset({False})} and not inside
    asyncio.run(rows(mixed=True))
    assert frozenset({True, False}) in together


# outages


class Program:
    """The server as a process, always on the same port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.start()

    def start(self) -> None:
        words = [sys.executable, "-S", faulty_server.__file__, str(self.port)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def program() -> Iterator[Program]:
    with FaultyServer() as server:
        port = server.port
    running = Program(port)
    yield running
    running.kill()


def of_program(program: Program, engines: list[Engine], outage_s: str) -> ChatServer:
    settings = (("backoff_s", "0.01"), ("outage_s", outage_s))
    engine = connect(f"tiny@http://127.0.0.1:{program.port}/v1", settings)
    engines.append(engine)
    assert isinstance(engine, ChatServer)
    return engine


def test_a_match_goes_on_when_its_server_comes_back(program: Program, engines: list[Engine]) -> None:
    engine = of_program(program, engines, outage_s="60")
    agents = [LLMAgent(f"openai-{k}", engine, prompts.get("boxed"), Sampling(temperature=k)) for k in range(2)]
    undisturbed = asyncio.run(run_match(KUHN, agents, episodes=40))
    helpers: list[threading.Thread] = []
    num_retries = engine.usage.retries

    def comes_back() -> None:
        while engine.usage.retries < num_retries + 3:  # somebody has met with silence
            time.sleep(0.001)
        program.start()

    def dies(done: int, total: int) -> None:
        if done == 10:
            program.kill()
            helpers.append(threading.Thread(target=comes_back))
            helpers[0].start()

    disturbed = asyncio.run(run_match(KUHN, agents, episodes=40, progress=dies))
    helpers[0].join()
    assert disturbed == undisturbed
    assert engine.usage.retries >= num_retries + 3


def test_a_server_that_stays_away_is_one_line(program: Program, engines: list[Engine]) -> None:
    engine = of_program(program, engines, outage_s="0.1")
    assert reply(engine).text
    program.kill()
    assert "has been gone for outage_s=0.1 seconds" in mistake(engine)


def test_time_without_a_server_is_not_counted_towards_the_deadline(program: Program, engines: list[Engine]) -> None:
    settings = (("backoff_s", "0.01"), ("outage_s", "60"), ("deadline_s", "0.8"))
    engine = connect(f"tiny@http://127.0.0.1:{program.port}/v1", settings)
    engines.append(engine)
    assert isinstance(engine, ChatServer)
    program.kill()
    later = threading.Timer(1.0, program.start)
    later.start()
    assert reply(engine).text
    later.join()


def test_a_url_of_this_machine_is_told_by_its_whole_name() -> None:
    local = ("http://localhost:1/v1", "http://127.0.0.1/v1", "http://127.8.8.8/v1", "http://[::1]:8000/v1")
    assert all(map(is_local, local))
    assert not any(map(is_local, ("http://localhost.evil.org/v1", "http://128.0.0.1/v1", "https://host/v1")))
    assert httpx.URL(local[3]).host == "::1"


def test_a_person_is_told_how_long_the_reply_is_while_it_is_written(server: FaultyServer) -> None:
    """Not what it says: that is the opponent's thought."""
    server.always = streamed(*pieces("Let me", " think", " \\boxed{bet}"))
    agent, told = agents.get(f"openai:{faulty_server.MODEL}@{server.url}"), list[str]()
    assert isinstance(agent, LLMAgent)
    game = games.get("kuhn_poker")
    state = game.apply(game.apply(game.start(), "J"), "K")
    decision = Decision(game=game, view=game.view(state, 0), observation=game.observe(state, 0))
    with show_reply_length(agent, told.append):
        reply = asyncio.run(agent.act(decision))
    assert reply.answer == "bet"
    assert told[-1] == " (24 characters so far)" and not any("think" in t for t in told)


def test_a_reply_is_streamed_only_while_somebody_watches(server: FaultyServer, engines: list[Engine]) -> None:
    asked: list[bool] = []
    for stream in ({}, {"stream": "no"}, {"stream": "yes"}):
        engine = chat_server(server, engines, **stream)
        for watching in (None, lambda piece: None):
            engine.on_text = watching
            reply(engine)
            asked.append(bool(server.posts[-1].body.get("stream")))
    assert asked == [False, True, False, False, True, True]


def test_a_person_plays_an_adapter_on_a_server_that_tells_its_tokens(
    vllm: FaultyServer, adapter_paths: list[Path]
) -> None:
    agent = agents.get(f"openai:{faulty_server.MODEL}@{vllm.url}+{adapter_paths[0]}")
    with show_reply_length(agent, print):
        assert isinstance(agent, LLMAgent) and isinstance(agent.engine, TokenServer)


def test_a_budget_of_reasoning_needs_a_server_that_tells_its_tokens(server: FaultyServer) -> None:
    with pytest.raises(UserError, match="thinking_tokens needs a server that exposes token ids"):
        agents.get(f"openai:{faulty_server.MODEL}@{server.url},thinking_tokens=8")
