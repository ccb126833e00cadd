"""A run records the number type and the threads that it chose, and a resumed run uses them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.agents.engines.tiny_model import save_model

from mirrormatch.agents.engines import hf
from mirrormatch.agents.engines.hf import TransformersEngine, cpu_speed
from mirrormatch.agents.engines.hf.cpu_speed import NumberType, Timer
from mirrormatch.cli import main
from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training.base_model import load_trainable
from mirrormatch.training.computation import pin_computation, record_computation
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import RunFolder


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes every model large enough to be timed, on a machine with two cores and no OMP_NUM_THREADS."""
    monkeypatch.setattr(cpu_speed, "TINY_PARAMETERS", 0)
    monkeypatch.setattr(cpu_speed, "thread_candidates", lambda: [1, 2])
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def set_faster(monkeypatch: pytest.MonkeyPatch, dtype: NumberType) -> None:
    """Makes the timer find a number type faster, with one thread."""

    def make_timer(config: object) -> Timer:
        return lambda timed, threads: threads * (1.0 if timed == dtype else 2.0)

    monkeypatch.setattr(cpu_speed, "PartTimer", make_timer)


def make_config(model: Path, **settings: object) -> RunConfig:
    values = {"model": f"hf:{model}", "play": {"games": ["kuhn_poker"]}, "learn": {"steps": 1}, **settings}
    return parse_settings(values, RunConfig, "settings")


def load(config: RunConfig, folder: RunFolder) -> TransformersEngine:
    """The engine of a run, as a process of its own loads it."""
    hf.engine.cache_clear()
    pin_computation(config, folder)
    engine = load_trainable(config).engine
    assert isinstance(engine, TransformersEngine)
    record_computation(engine, folder)
    return engine


def test_a_resumed_run_computes_as_its_first_process_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, folder = make_config(save_model(tmp_path / "model")), RunFolder(tmp_path / "run")
    set_faster(monkeypatch, "bfloat16")
    assert load(config, folder).choice[:2] == ("bfloat16", 1)
    recorded = folder.computation_path.read_text()
    set_faster(monkeypatch, "float32")
    assert load(config, folder).choice[:2] == ("bfloat16", 1)
    assert folder.computation_path.read_text() == recorded


def test_a_new_run_of_the_same_model_is_timed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(save_model(tmp_path / "model"))
    set_faster(monkeypatch, "bfloat16")
    load(config, RunFolder(tmp_path / "first"))
    set_faster(monkeypatch, "float32")
    assert load(config, RunFolder(tmp_path / "second")).choice.dtype == "float32"


def test_the_record_has_every_candidate_with_its_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_faster(monkeypatch, "bfloat16")
    folder = RunFolder(tmp_path / "run")
    load(make_config(save_model(tmp_path / "model")), folder)
    record = json.loads(folder.computation_path.read_text())
    assert (record["dtype"], record["threads"]) == ("bfloat16", 1)
    assert record["measured"][0] == {"dtype": "float32", "threads": 1, "seconds": 2.0}


def test_the_threads_of_the_settings_leave_the_number_type_to_the_timer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_faster(monkeypatch, "bfloat16")
    config = make_config(save_model(tmp_path / "model"), threads=2)
    assert load(config, RunFolder(tmp_path / "run")).choice[:2] == ("bfloat16", 2)


def test_a_broken_record_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.computation_path.write_text("[")
    with pytest.raises(UserError, match=r"computation\.json' is broken"):
        pin_computation(make_config(tmp_path), folder)


@pytest.mark.slow
def test_a_run_in_bf16_trains_and_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, out, config = save_model(tmp_path / "model"), tmp_path / "run", tmp_path / "run.toml"
    config.write_text(
        f'model = "hf:{model}"\n[prompt]\nformat = "boxed"\n[play]\ngames = ["kuhn_poker"]\nepisodes = 2\n'
        "max_tokens = 8\n[learn]\nsteps = 2\n"
    )
    set_faster(monkeypatch, "bfloat16")
    assert main(["train", str(config), "--out", str(out)]) == 0
    assert json.loads((out / "computation.json").read_text())["dtype"] == "bfloat16"
    assert main(["train", str(config), "--out", str(out), "--resume"]) == 0
