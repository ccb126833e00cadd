"""Adapters under vLLM: the requested one answers, however many are loaded and evicted."""

import json
import shutil
from pathlib import Path

import pytest
from tests.vllm.conftest import MAX_LORAS, MAX_RANK, Request, generate_all, save_adapter

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.vllm import VllmEngine
from mirrormatch.errors import UserError

GREEDY = Sampling(max_tokens=24, temperature=0)


def greedy_ids(hf: TransformersEngine, requests: list[Request], path: Path | None) -> list[tuple[int, ...]]:
    """The greedy replies of transformers with that adapter alone."""
    name = None if path is None else hf.load(path)
    return [c.token_ids for c in generate_all(hf, requests, GREEDY, [name] * len(requests))]


def test_the_adapters_of_this_file_answer_differently(
    hf: TransformersEngine, requests: list[Request], adapter_paths: list[Path]
) -> None:
    completions = [greedy_ids(hf, requests[:8], path) for path in (None, *adapter_paths)]
    assert len({tuple(s) for s in completions}) == 4


def test_two_adapters_and_the_base_in_one_batch_answer_as_themselves(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], adapter_paths: list[Path]
) -> None:
    paths = (None, *adapter_paths[:MAX_LORAS])
    names = [None if p is None else engine.load(p) for p in paths]
    mixed = [a for a in requests[:8] for _ in names]
    completions = generate_all(engine, mixed, GREEDY, names * 8)
    for k, path in enumerate(paths):
        assert [c.token_ids for c in completions[k :: len(names)]] == greedy_ids(hf, requests[:8], path)
        assert {c.adapter for c in completions[k :: len(names)]} == {names[k]}


def test_a_swapped_adapter_answers_at_once_and_often(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], tmp_path: Path
) -> None:
    for step in range(4):  # like training: a new folder for every step, the old one deleted
        folder = save_adapter(tmp_path / f"step-{step}", seed=100 + step)
        name = engine.load(folder)
        completions = generate_all(engine, requests[:4], GREEDY, [name] * 4)
        assert [c.token_ids for c in completions] == greedy_ids(hf, requests[:4], folder)
        assert {c.adapter for c in completions} == {name} == {_adapters.content_hash(folder)}
        shutil.rmtree(folder)


def test_the_base_answers_as_before_when_adapters_have_come_and_ggenerate_one(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], adapter_paths: list[Path]
) -> None:
    for path in adapter_paths:
        name = engine.load(path)
        completions = generate_all(engine, [*requests[:4], *requests[:4]], GREEDY, [None, name] * 4)
        assert len(completions) == 8
    assert [c.token_ids for c in generate_all(engine, requests[:8], GREEDY)] == greedy_ids(hf, requests[:8], None)


def test_more_adapters_than_places_take_turns(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], adapter_paths: list[Path]
) -> None:
    assert len(adapter_paths) > MAX_LORAS
    names = [engine.load(path) for path in adapter_paths]
    mixed = [a for a in requests[:4] for _ in names]
    completions = generate_all(engine, mixed, GREEDY, names * 4)
    for k, path in enumerate(adapter_paths):
        assert [c.token_ids for c in completions[k :: len(names)]] == greedy_ids(hf, requests[:4], path)


def test_equal_content_is_held_once(engine: VllmEngine, adapter_paths: list[Path], tmp_path: Path) -> None:
    name = engine.load(adapter_paths[0])
    copy = shutil.copytree(adapter_paths[0], tmp_path / "copy")
    held = engine._residents.names()
    assert engine.load(copy) == name
    assert sorted(engine._residents.names()) == sorted(held)


def test_an_adapter_that_changed_while_it_was_away_is_refused(
    engine: VllmEngine, requests: list[Request], adapter_paths: list[Path], tmp_path: Path
) -> None:
    moving = save_adapter(tmp_path / "moving", seed=50)
    first = engine.load(moving)
    for path in adapter_paths[:MAX_LORAS]:
        engine.load(path)
    shutil.copytree(adapter_paths[0], moving, dirs_exist_ok=True)
    with pytest.raises(UserError, match=f"has changed: {first} was loaded from there, now it is"):
        generate_all(engine, requests[:1], GREEDY, [first])


def test_an_adapter_that_was_never_loaded_is_a_fault_of_ours(engine: VllmEngine, requests: list[Request]) -> None:
    with pytest.raises(AssertionError, match="adapter feed was never loaded"):
        generate_all(engine, requests[:1], GREEDY, ["feed"])


# adapters that don't fit


def test_a_rank_above_the_highest_is_refused_with_what_helps(engine: VllmEngine, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", seed=1, rank=2 * MAX_RANK)
    with pytest.raises(UserError) as problem:
        engine.load(folder)
    assert str(problem.value) == (
        f"the adapter at '{folder}' has rank 16, but vLLM was started for ranks up to 8: "
        "add ',max_lora_rank=16' to the model's spec"
    )


def test_an_adapter_made_for_another_base_is_refused(engine: VllmEngine, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", seed=61)
    _adapters.write_card(folder, "hf:other", "0123456789abcdef")
    with pytest.raises(UserError, match="was made for 'hf:other'"):
        engine.load(folder)


def test_an_adapter_made_for_this_base_is_taken(engine: VllmEngine, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", seed=62)
    _adapters.write_card(folder, "nano", engine.fingerprint)
    assert engine.load(folder) == _adapters.content_hash(folder)


def change_config(folder: Path, **settings: object) -> Path:
    """Changes the adapter's settings. Returns its folder."""
    config = json.loads((folder / _adapters.CONFIG).read_text())
    (folder / _adapters.CONFIG).write_text(json.dumps(config | settings))
    return folder


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"alpha_pattern": {"q_proj": 4}}, "sets alpha_pattern"), ({"use_dora": True}, "vLLM can't use the adapter at")],
)
def test_what_vllm_would_get_wrong_is_refused(
    engine: VllmEngine, tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        engine.load(change_config(save_adapter(tmp_path / "a", seed=1), **settings))


def test_an_adapter_with_torn_weights_is_refused_and_leaves_no_trace(
    engine: VllmEngine, hf: TransformersEngine, requests: list[Request], adapter_paths: list[Path], tmp_path: Path
) -> None:
    folder = save_adapter(tmp_path / "a", seed=1)
    (folder / _adapters.WEIGHTS).write_bytes((folder / _adapters.WEIGHTS).read_bytes()[:-100])
    with pytest.raises(UserError, match="can't be loaded"):
        engine.load(folder)
    names = [engine.load(path) for path in adapter_paths[:MAX_LORAS]]
    completions = generate_all(engine, requests[:2], GREEDY, names)
    assert completions[1].token_ids == greedy_ids(hf, requests[1:2], adapter_paths[1])[0]
    assert [c.token_ids for c in generate_all(engine, requests[:8], GREEDY)] == greedy_ids(hf, requests[:8], None)
