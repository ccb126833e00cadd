"""A GGUF file is a base model like a folder: its weights, its tokenizer, its template, with adapters and training."""

import asyncio
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.agents.engines.tiny_gguf import save_llama, write_gguf
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch import games, play
from mirrormatch.agents import Sampling
from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.spec import model_agent
from mirrormatch.errors import UserError
from mirrormatch.prompts import Message

MESSAGES = (Message("system", "You are X."), Message("user", "Your move: 1, 2 or 3?"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def file(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(llama, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def both(llama: Path, file: Path) -> Iterator[tuple[TransformersEngine, TransformersEngine]]:
    yield TransformersEngine(str(llama)), TransformersEngine(str(file))


def test_a_gguf_file_gives_the_log_probs_of_its_model(both: tuple[TransformersEngine, TransformersEngine]) -> None:
    ids = (5, 80, 33, 7)
    folder, file = (asyncio.run(engine.logprobs((9, 12, 40), ids)) for engine in both)
    assert file == pytest.approx(folder, abs=1e-5)


def test_a_gguf_file_samples_the_tokens_of_its_model(both: tuple[TransformersEngine, TransformersEngine]) -> None:
    sampling = Sampling(max_tokens=12)
    folder, file = (asyncio.run(e.generate(e.encode(MESSAGES), sampling, seed=3)).token_ids for e in both)
    assert file == folder


def test_a_gguf_file_has_the_template_and_the_end_of_turn(both: tuple[TransformersEngine, TransformersEngine]) -> None:
    folder, file = both
    assert file.encode(MESSAGES) == folder.encode(MESSAGES) and file.end_ids == folder.end_ids


def test_a_folder_with_one_gguf_file_is_that_model(file: Path) -> None:
    assert find_model_files(str(file.parent)) == find_model_files(str(file)) == (str(file.parent), "tiny.gguf")


def test_a_folder_with_several_gguf_files_is_refused_with_the_way_to_name_one(file: Path, tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        shutil.copy(file, tmp_path / name)
    with pytest.raises(UserError, match=r"holds 2 \.gguf files: name one, for example '.*a\.gguf'"):
        find_model_files(str(tmp_path))


def test_a_missing_gguf_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model at '.*none\.gguf': there is no such file"):
        model_agent(f"hf:{tmp_path / 'none.gguf'}")


def test_a_broken_gguf_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (path := tmp_path / "broken.gguf").write_bytes(b"GGUF and then nothing of the kind")
    with pytest.raises(UserError, match=r"no model can be loaded from '.*broken\.gguf': \S") as problem:
        model_agent(f"hf:{path}")
    assert "\n" not in str(problem.value)


def test_without_the_package_its_installation_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gguf" else find_spec(name))
    with pytest.raises(UserError, match=r"needs the package gguf: pip install 'mirrormatch\[gguf\]'"):
        find_model_files(str(file))


def test_the_weights_have_the_chosen_type(file: Path) -> None:
    engine = TransformersEngine(str(file), dtype="bfloat16")
    assert engine.model.dtype == torch.bfloat16 and engine.dtype == "bfloat16"


def test_an_adapter_on_a_gguf_file_changes_its_answers(
    both: tuple[TransformersEngine, TransformersEngine], tmp_path: Path
) -> None:
    adapter = save_adapter(tmp_path, seed=1)
    name = both[1].load(adapter)
    base, adapted = (asyncio.run(both[1].logprobs((9, 12), (5, 7), adapter=a)) for a in (None, name))
    assert base != adapted


def test_an_adapter_for_another_gguf_file_is_refused(
    both: tuple[TransformersEngine, TransformersEngine], tmp_path: Path
) -> None:
    _adapters.write_card(adapter := save_adapter(tmp_path, seed=2), "hf:other.gguf", "0123456789abcdef")
    with pytest.raises(UserError, match=r"was made for 'hf:other\.gguf'"):
        both[1].load(adapter)


def test_a_gguf_file_plays(file: Path) -> None:
    agent = model_agent(f"hf:{file},max_tokens=8")
    episode = asyncio.run(play(games.get("kuhn_poker"), [agent, agent], seed=1))
    assert episode.turns and all(turn.completion is not None for turn in episode.turns)


def test_loading_prints_nothing(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    TransformersEngine(str(file))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.01, 0.3, 0.999])
def test_a_file_that_was_cut_off_is_one_line(file: Path, tmp_path: Path, share: float) -> None:
    """As an interrupted download leaves it."""
    whole = file.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"no model can be loaded from '.*cut\.gguf': .") as message:
        TransformersEngine(str(tmp_path / "cut.gguf"))
    assert "\n" not in str(message.value)
