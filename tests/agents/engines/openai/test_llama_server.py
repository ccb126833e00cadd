"""llama.cpp's server: the grammar of a constraint, and servers that hide their settings.

The engine itself is tested on the real server, in tests/real/test_llama_server.py.
"""

import pytest
from tests.agents.engines.openai.clients import QUESTION, chat_server, connect_to, reply
from tests.agents.engines.openai.faulty_server import FaultyServer

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import Constraint
from mirrormatch.agents.engines.openai.llama_server import answer_grammar
from mirrormatch.errors import UserError


def test_a_constraint_is_a_grammar_of_character_numbers() -> None:
    assert answer_grammar(Constraint("[", ("a", "b"), "]")) == (
        r'root ::= ( [^\x5b] ) * "\x5b" ( "\x61" | "\x62" ) "\x5d"'
    )
    assert answer_grammar(Constraint("", ("é😀", "-\n"), "")) == r'root ::= ( "\xe9" "\U0001f600" | "\x2d" "\x0a" )'


def test_a_llama_server_that_hides_its_settings_is_sent_messages(engines: list[Engine]) -> None:
    with FaultyServer(owner="llamacpp") as server:
        engine = chat_server(server, engines)
        assert reply(engine).text
        with pytest.raises(UserError, match="can't encode a prompt"):
            engine.encode(QUESTION)


def test_a_llama_server_answers_to_every_name(engines: list[Engine]) -> None:
    with FaultyServer(owner="llamacpp", aliases=("whale",)) as server:
        assert reply(connect_to(server, engines, "whale")).text
