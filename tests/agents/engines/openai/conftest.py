"""Fixtures of the tests of engines behind a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
)
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines.openai.vllm_lora import MAX_ADAPTERS


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
    """A list of engines to close after the test."""
    made: list[Engine] = []
    yield made
    for engine in made:
        engine.close()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def adapter_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [save_adapter(folder / str(k), seed=k) for k in range(MAX_ADAPTERS + 1)]
