"""Whatever a server answers to a request for its models, a connection is made or refused in one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agents.engines.openai.clients import IMPATIENT
from tests.agents.engines.openai.faulty_server import FaultyServer, raw_answer
from tests.fuzz.strategies import damaged_json

from mirrormatch.agents.engines.openai import connect
from mirrormatch.errors import UserError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]
SETTINGS = tuple({**dict(IMPATIENT), "deadline_s": "0.5", "timeout_s": "0.5"}.items())


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as running:
        yield running


@settings(max_examples=settings().max_examples // 2)  # a connection takes as long as many other examples
@given(data=st.data())
def test_any_list_of_models_is_an_engine_or_one_line(server: FaultyServer, tiny: Path, data: st.DataObject) -> None:
    card = {"id": "tiny", "object": "model", "owned_by": None}
    lists = [
        {"object": "list", "data": [card]},
        {"data": [card | {"root": str(tiny), "max_model_len": 64, "parent": None}]},
        {"data": [card | {"owned_by": "llamacpp", "meta": {"n_vocab": 512}}]},
        [card],
    ]
    server.list_answer = raw_answer(data.draw(damaged_json(lists)))
    try:
        connect(f"tiny@{server.url}", SETTINGS).close()
    except UserError as problem:
        assert str(problem) and "\n" not in str(problem)
