"""Servers whose chat template refuses a system role: the rules are at the head of the first user message."""

import time

import pytest
from tests.agents.engines.openai.clients import chat_server, error_of_reply, reply
from tests.agents.engines.openai.faulty_server import Fault, FaultyServer, error_answer, json_answer

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines.openai.chat_server import move_system_text

REFUSALS: dict[str, Fault] = {
    "vLLM, Gemma": error_answer(400, "System role not supported"),
    "vLLM, Mistral": error_answer(
        400, "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
    ),
    "llama.cpp": error_answer(500, "Jinja Exception: System role not supported"),
    "LM Studio": json_answer(
        {"error": "Error rendering prompt with jinja template: Only user and assistant roles"}, 400
    ),
    "no reason": error_answer(500, "Internal Server Error"),
    "OpenRouter": json_answer({"error": {"code": 400, "message": "x", "metadata": {"raw": "system role is bad"}}}),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_the_rules_move_to_the_first_user_message_and_stay_there(engines: list[Engine], refusal: Fault) -> None:
    with FaultyServer(refusal=refusal) as server:
        engine = chat_server(server, engines, backoff_s="0.5", deadline_s="60")
        began = time.monotonic()
        assert reply(engine).text and reply(engine).text and reply(engine).text
        assert time.monotonic() - began < 5  # nothing was repeated
        roles = [[m["role"] for m in asked.body["messages"]] for asked in server.posts]
        assert roles[-1] == ["user"] and len(roles) <= 5
        assert server.posts[-1].body["messages"][0]["content"] == "Solve it.\n\nWhat is 2+2?"
        assert engine.left_out == {"system role"}


def test_a_server_that_took_the_role_once_keeps_it(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    reply(engine)
    server.faults += [error_answer(500, "worker died"), error_answer(500, "worker died")]
    reply(engine)
    assert not engine.left_out and server.posts[-1].body["messages"][0]["role"] == "system"


def test_one_500_without_a_reason_does_not_take_the_role_away(server: FaultyServer, engines: list[Engine]) -> None:
    engine = chat_server(server, engines)
    server.faults.append(error_answer(500, "worker died"))
    reply(engine), reply(engine)
    assert not engine.left_out and server.posts[-1].body["messages"][0]["role"] == "system"


def test_a_server_that_fails_on_everything_is_one_line(server: FaultyServer, engines: list[Engine]) -> None:
    server.always = error_answer(500, "Internal Server Error")
    message = error_of_reply(chat_server(server, engines, deadline_s="0.5"))
    assert "gave no reply in deadline_s=0.5 seconds: 500: Internal Server Error" in message


def test_texts_of_the_system_role_are_at_the_head_of_the_first_user_message() -> None:
    rules, question, answer = ({"role": r, "content": r} for r in ("system", "user", "assistant"))
    assert move_system_text([rules, question, answer, question]) == [
        {"role": "user", "content": "system\n\nuser"},
        answer,
        question,
    ]
    assert move_system_text([rules]) == [{"role": "user", "content": "system"}]
    assert move_system_text([question]) == [question]
