"""`mirrormatch doctor` reports what would run and what is missing, and never fails itself."""

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.runner import Cli

from mirrormatch.agents import models
from mirrormatch.cli.commands import doctor


def test_the_report_has_versions_devices_and_parts(cli: Cli) -> None:
    report = cli.json("doctor")
    assert report["versions"]["torch"] == importlib.metadata.version("torch")
    assert report["versions"]["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert report["devices"][0] == {"device": "cpu", "detail": "1 threads"}
    assert report["system"]["cores"] >= 1
    assert {p["name"]: p["works"] for p in report["parts"]}["engine hf"] is True


def test_a_part_that_runs_needs_no_cure_and_any_other_has_one(cli: Cli) -> None:
    for part in cli.json("doctor")["parts"]:
        assert bool(part["cure"]) is not part["works"], part


def test_every_named_model_is_a_part(cli: Cli) -> None:
    names = {part["name"] for part in cli.json("doctor")["parts"]}
    assert {f"model {name}" for name in models.NAMES} <= names


def test_the_text_has_the_same_parts(cli: Cli) -> None:
    printed = cli("doctor")
    assert printed.code == 0
    for part in doctor.list_parts():
        assert part.name in printed.out


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Makes these libraries look uninstalled."""
    found = doctor._find_version
    monkeypatch.setattr(doctor, "_find_version", lambda name: None if name in names else found(name))


@pytest.mark.parametrize(
    ("part", "library", "cure"),
    [
        ("engine hf", "transformers", "pip install mirrormatch"),
        ("training", "trl", "pip install 'mirrormatch[train]'"),
        ("GGUF files", "gguf", "pip install 'mirrormatch[gguf]'"),
        ("games openspiel/", "open_spiel", "pip install 'mirrormatch[games]'"),
        ("games textarena/", "textarena", "pip install 'mirrormatch[games]'"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    part: str, library: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, library)
    found = next(p for p in doctor.list_parts() if p.name == part)
    assert (found.works, found.cure) == (False, cure)
    assert library in found.detail


def test_a_program_that_cannot_run_a_model_has_a_failing_exit_code(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "transformers")
    assert cli("doctor").code == 1


def test_a_version_outside_the_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor._find_version
    monkeypatch.setattr(doctor, "_find_version", lambda name: "1.99.0" if name == "trl" else found(name))
    part = next(p for p in doctor.list_parts() if p.name == "training")
    assert not part.works
    assert part.detail == "trl 1.99.0 is outside <1.17,>=1.16"


def test_without_a_compiler_reasoning_gym_says_what_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "reasoning-gym")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    parts = {p.name: p for p in doctor.list_parts()}
    assert not parts["C compiler"].works
    assert parts["benchmark reasoning_gym"].cure.startswith("install a C compiler")


def test_a_torch_that_cannot_be_imported_is_a_line_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert doctor.list_devices()[0]["detail"].startswith("torch can't be imported")


def test_keys_are_no_part_of_the_report(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in cli("doctor", "--json").out


def test_a_machine_without_proc_has_its_processor_and_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_read_fields", lambda path: {})
    system = doctor.describe_system()
    assert system["memory_gib"] is None and system["features"] == [] and system["processor"]


def test_fields_are_read_from_lines(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name : A\nflags : avx2 amx_tile\n\nmodel name : B\n")
    assert doctor._read_fields(tmp_path / "cpuinfo") == {"model name": "A", "flags": "avx2 amx_tile"}


def test_timed_candidates_are_printed_with_the_choice(cli: Cli) -> None:
    speed = cli.json("doctor", "--speed")["speed"]
    assert speed["chosen"]["dtype"] in {row["dtype"] for row in speed["candidates"]}
    assert all(row["seconds"] >= 0 for row in speed["candidates"])
    assert "number type" in cli("doctor", "--speed").out


@pytest.mark.slow
def test_the_report_takes_seconds_and_imports_no_library_of_models() -> None:
    code = (
        "import sys; from mirrormatch.cli import main; main(['doctor']); "
        "assert not {'transformers', 'trl', 'peft', 'vllm', 'textarena'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)
