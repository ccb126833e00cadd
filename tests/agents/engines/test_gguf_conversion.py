"""A GGUF file is converted once, for engines that read none: the same model, to adapters too."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.agents.engines.tiny_gguf import save_llama, write_gguf
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._gguf_conversion import cache_folder, convert_if_gguf
from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.errors import UserError
from mirrormatch.prompts import Message

MESSAGES = (Message("system", "You are X."), Message("user", "Your move: 1, 2 or 3?"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    return write_gguf(save_llama(folder / "llama"), folder / "tiny.gguf")


def test_the_converted_model_is_the_same_base(file: Path) -> None:
    both = [TransformersEngine(path) for path in (str(file), convert_if_gguf(str(file)))]
    given, converted = (asyncio.run(e.logprobs(e.encode(MESSAGES), (5, 80, 33))) for e in both)
    assert converted == given
    assert both[0].fingerprint == both[1].fingerprint and both[0].end_ids == both[1].end_ids


def test_an_adapter_of_the_file_loads_on_the_converted_model(file: Path, tmp_path: Path) -> None:
    adapter = save_adapter(tmp_path / "adapter", seed=1)
    given = TransformersEngine(str(file))
    _adapters.write_card(adapter, "tiny", given.fingerprint)
    assert TransformersEngine(convert_if_gguf(str(file))).load(adapter) == given.load(adapter)


def test_a_file_is_converted_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(convert_if_gguf(str(file)))
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert convert_if_gguf(str(file)) == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert capsys.readouterr().err.count("converting tiny.gguf once") == 1


def test_a_changed_file_is_another_model(file: Path, tmp_path: Path) -> None:
    other = write_gguf(save_llama(tmp_path / "llama", "{{ messages[-1]['content'] }}"), tmp_path / "tiny.gguf")
    assert convert_if_gguf(str(other)) != convert_if_gguf(str(file))


def test_folders_and_ids_are_left_alone(file: Path) -> None:
    assert convert_if_gguf(str(file.parent / "llama")) == str(file.parent / "llama")
    assert convert_if_gguf("someone/model") == "someone/model"


def test_a_failed_conversion_is_one_line_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF, but no more")
    with pytest.raises(UserError, match=r"broken\.gguf"):
        convert_if_gguf(str(tmp_path / "broken.gguf"))
    assert list(cache.iterdir()) == []


def test_a_cache_that_is_no_folder_is_one_line(file: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match="can't be converted to"):
        convert_if_gguf(str(file))


def test_what_a_killed_conversion_left_is_removed_and_never_read(file: Path, cache: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    name = f"tiny-{_adapters.file_fingerprint(file)}"
    left, running = (cache / f".{name}.{process}.part" for process in (dead.pid, os.getppid()))
    for part in (left, running):
        part.mkdir(parents=True)
        (part / "config.json").write_text("{")
    assert find_model_files(convert_if_gguf(str(file))).gguf is None
    assert not left.exists() and running.exists()
