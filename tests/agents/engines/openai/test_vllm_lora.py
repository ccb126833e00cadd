"""Adapters on vLLM's server."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.clients import (
    complete,
    token_server,
)
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
)
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch import agents
from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines.openai.vllm_lora import MAX_ADAPTERS, PREFIX, BatchGate
from mirrormatch.agents.engines.openai.vllm_server import TokenServer
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.cli.commands.play import show_reply_length
from mirrormatch.errors import UserError


def test_an_adapter_is_loaded_under_its_content_hash(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    engine = token_server(vllm, engines)
    name = engine.load(adapter_paths[0])
    assert name == _adapters.content_hash(adapter_paths[0])
    assert vllm.adapters == {PREFIX + name: str(adapter_paths[0])}
    assert complete(engine, adapter=name).adapter == name
    assert complete(engine, adapter=name).token_ids != complete(engine).token_ids


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
        assert complete(engine, adapter=engine.load(adapter_paths[0])).token_ids


def test_the_adapter_unused_for_longest_makes_room_and_comes_back(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    engine = token_server(vllm, engines)
    names = [engine.load(path) for path in adapter_paths]
    assert len(vllm.adapters) == MAX_ADAPTERS and PREFIX + names[0] not in vllm.adapters
    assert complete(engine, adapter=names[0]).adapter == names[0]
    assert PREFIX + names[1] not in vllm.adapters


def test_adapters_that_a_new_server_does_not_know_are_loaded_again(
    vllm: FaultyServer, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    engine = token_server(vllm, engines)
    name = engine.load(adapter_paths[0])
    before = complete(engine, adapter=name)
    vllm.adapters.clear()
    assert complete(engine, adapter=name) == before


def test_an_adapter_that_has_changed_on_disk_does_not_come_back(
    vllm: FaultyServer, engines: list[Engine], tmp_path: Path
) -> None:
    engine = token_server(vllm, engines)
    name = engine.load(save_adapter(tmp_path, seed=1))
    vllm.adapters.clear()
    save_adapter(tmp_path, seed=2)
    with pytest.raises(UserError, match="has changed"):
        complete(engine, adapter=name)


def test_an_answer_by_another_model_is_refused(tiny: Path, engines: list[Engine], adapter_paths: list[Path]) -> None:
    with FaultyServer(root=str(tiny)) as server:
        engine = token_server(server, engines)
        name = engine.load(adapter_paths[0])
        server.claimed_model = "tiny"
        with pytest.raises(UserError, match=f"was asked for '{PREFIX}{name}', and 'tiny' answered"):
            complete(engine, adapter=name)


def test_the_error_of_a_server_without_adapters_is_how_to_start_it(
    tiny: Path, engines: list[Engine], adapter_paths: list[Path]
) -> None:
    with FaultyServer(root=str(tiny), lora=False) as server:
        engine = token_server(server, engines)
        with pytest.raises(UserError, match="start it with --enable-lora and with VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
            engine.load(adapter_paths[0])


def test_a_rank_that_is_too_high_is_reported_at_once(vllm: FaultyServer, engines: list[Engine], tmp_path: Path) -> None:
    save_adapter(tmp_path, seed=0, rank=64)
    with pytest.raises(UserError, match=r"rank 64 is greater than .*; start it with --max-lora-rank 64 or more"):
        token_server(vllm, engines).load(tmp_path)
    assert len(vllm.posts) == 1


def test_an_adapter_made_for_another_base_is_refused(vllm: FaultyServer, engines: list[Engine], tmp_path: Path) -> None:
    _adapters.write_card(save_adapter(tmp_path, seed=0), "another", "0123")
    with pytest.raises(UserError, match="was made for 'another'"):
        token_server(vllm, engines).load(tmp_path)


def test_an_adapter_of_changed_base_weights_is_refused_before_the_server_gets_it(
    vllm: FaultyServer, engines: list[Engine], tmp_path: Path
) -> None:
    config = save_adapter(tmp_path, seed=0) / _adapters.CONFIG
    config.write_text(json.dumps(json.loads(config.read_text()) | {"init_lora_weights": "pissa"}))
    with pytest.raises(UserError, match="path_initial_model_for_weight_conversion"):
        token_server(vllm, engines).load(tmp_path)
    assert not vllm.posts


def test_an_adapter_of_another_shape_is_refused_without_a_card(
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


def test_a_person_plays_an_adapter_on_a_server_with_token_ids(vllm: FaultyServer, adapter_paths: list[Path]) -> None:
    agent = agents.get(f"openai:{faulty_server.MODEL}@{vllm.url}+{adapter_paths[0]}")
    with show_reply_length(agent, print):
        assert isinstance(agent, LLMAgent) and isinstance(agent.engine, TokenServer)
