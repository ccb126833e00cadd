"""llama.cpp's server: the grammar of a constraint, and servers that hide their settings.

The engine itself is tested on the real server, in tests/real/test_llama_server.py.
"""

import doctest

import pytest
from tests.agents.engines.openai.clients import QUESTION, chat_server, connect_to, reply
from tests.agents.engines.openai.faulty_server import FaultyServer

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines.openai import llama_grammar
from mirrormatch.agents.engines.openai.llama_grammar import to_gbnf
from mirrormatch.errors import UserError


def test_a_constraint_is_a_grammar_of_character_numbers() -> None:
    assert to_gbnf(r"\[(a|b)\]") == r'root ::= "\x5b" ( "\x61" | "\x62" ) "\x5d"'
    assert to_gbnf("(é😀|\\-\\n)") == r'root ::= ( "\xe9" "\U0001f600" | "\x2d" "\x0a" )'


def test_classes_ranges_and_repetitions_keep_their_meaning_in_a_grammar() -> None:
    assert to_gbnf(r"[1-3] x?\{") == r'root ::= [\x31-\x33] "\x20" "\x78" ? "\x7b"'
    assert to_gbnf(r"[^\n\]\-a]{0,12}") == r"root ::= [^\x0a\x5d\x2d\x61] {0,12}"
    assert doctest.testmod(llama_grammar) == (0, 1)


def test_a_llama_server_that_hides_its_settings_is_sent_messages(engines: list[Engine]) -> None:
    with FaultyServer(owner="llamacpp") as server:
        engine = chat_server(server, engines)
        assert reply(engine).text
        with pytest.raises(UserError, match="can't encode a prompt"):
            engine.encode(QUESTION)


def test_a_llama_server_answers_to_every_name(engines: list[Engine]) -> None:
    with FaultyServer(owner="llamacpp", aliases=("whale",)) as server:
        assert reply(connect_to(server, engines, "whale")).text
