"""Where a run computes: what can't work is refused in one line, and vLLM's settings follow from the run's."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mirrormatch.agents.engines.vllm.process import limit_devices
from mirrormatch.agents.spec import parse_spec
from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig
from mirrormatch.training.machine import check_machine, fit_engine, hide_devices, machine_mode

VISIBLE = "CUDA_VISIBLE_DEVICES"
SERVED = "openai:m@http://localhost:8000/v1"


def config(model: str = "nano", **machine: Any) -> RunConfig:
    play, learn = {"games": ["kuhn_poker"], "episodes": 4}, {"steps": 9}
    values = {"model": model, "play": play, "learn": learn, "lora": {"rank": 32}, "machine": machine}
    return parse_settings(values, RunConfig, "test")


def refusal(made: RunConfig, **environment: str) -> str:
    with pytest.raises(UserError) as problem:
        check_machine(made, environment)
    return str(problem.value)


def test_several_visible_gpus_are_refused_with_the_cure() -> None:
    assert refusal(config(), CUDA_VISIBLE_DEVICES="2, 3") == (
        "2 GPUs are visible, and a run learns on one: set CUDA_VISIBLE_DEVICES=2, or machine.mode = 'split' "
        "with machine.play_devices, where vLLM plays on the others"
    )


@pytest.mark.parametrize("visible", ["", "-1", "0", "GPU-5e2c"])
def test_one_gpu_or_none_is_fine(visible: str) -> None:
    check_machine(config(), {VISIBLE: visible})


def test_a_process_of_a_launcher_is_refused() -> None:
    environment = {"WORLD_SIZE": "2", "LOCAL_RANK": "0", VISIBLE: "0"}
    assert refusal(config(), **environment) == (
        "a launcher started this as one of 2 processes (WORLD_SIZE), and training is one process: "
        "start mirrormatch train by itself"
    )


def test_a_launcher_of_one_process_is_fine() -> None:
    check_machine(config(), {"WORLD_SIZE": "1", "LOCAL_RANK": "0", VISIBLE: "0"})


@pytest.mark.parametrize(
    ("made", "visible", "expected"),
    [
        (config("nano", mode="served"), "0", "'served' doesn't suit model = 'nano': write openai:MODEL@URL"),
        (config(SERVED, mode="split"), "0", f"'split' doesn't suit model = '{SERVED}': write machine.mode = 'served'"),
        (config("nano", mode="split", play_devices=[1]), "0,1", "write vllm:PATH_OR_ID"),
        (config("vllm:nano", mode="split"), "0,1", "machine.play_devices = [] and machine.learn_device = 0: name"),
        (config("vllm:nano", mode="split", play_devices=[0, 1]), "0,1", "without the one that learns"),
        (config("vllm:nano", mode="split", play_devices=[2]), "4,5", "there is no GPU 2: 2 are visible"),
    ],
)
def test_a_mode_that_cannot_work_is_refused(made: RunConfig, visible: str, expected: str) -> None:
    assert expected in refusal(made, CUDA_VISIBLE_DEVICES=visible)


def test_the_mode_follows_from_the_model() -> None:
    assert [machine_mode(config(model)) for model in ("nano", "vllm:nano", SERVED)] == [
        "colocated", "colocated", "served"
    ]  # fmt: skip


def test_vllm_is_started_for_the_rank_that_is_trained() -> None:
    assert fit_engine(config("vllm:nano")).model == "vllm:nano,max_lora_rank=32"


def test_vllms_memory_is_that_of_the_machine_and_a_setting_in_the_spec_is_kept() -> None:
    found = fit_engine(config("vllm:nano,max_lora_rank=64", memory_share=0.5))
    assert found.model == "vllm:nano,max_lora_rank=64,memory_share=0.5"


def test_vllm_and_the_learner_have_their_own_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "4,5,6")
    found = fit_engine(config("vllm:nano", mode="split", play_devices=[0, 2], learn_device=1))
    assert found.model == "vllm:nano,max_lora_rank=32,devices=4,6,sleeps=false"
    assert dict(parse_spec(found.model).settings)["devices"] == "4,6"
    hide_devices(found)
    assert os.environ[VISIBLE] == "5"


def test_vllms_processes_start_with_its_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "5")
    with limit_devices("4,6"):
        assert os.environ[VISIBLE] == "4,6"
    assert os.environ[VISIBLE] == "5"


def test_other_engines_stay_as_they_are() -> None:
    made = config("nano", memory_share=0.5)
    assert fit_engine(made) == made


def test_without_a_split_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)
    hide_devices(config())
    with limit_devices(None):
        assert VISIBLE not in os.environ


def test_the_command_refuses_a_launcher_before_torch_is_imported(tmp_path: Path) -> None:
    """In a process of its own: this one has imported torch already."""
    (tmp_path / "run.toml").write_text(
        'model = "nano"\n[play]\ngames = ["kuhn_poker"]\nepisodes = 2\n[learn]\nsteps = 1\n'
    )
    code = (
        "import sys; from mirrormatch.cli import main; code = main(sys.argv[1:]); print(code, 'torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code, "train", str(tmp_path / "run.toml"), "--out", str(tmp_path / "out")]
    found = subprocess.run(words, env={**os.environ, "WORLD_SIZE": "2"}, capture_output=True, text=True, check=True)
    assert found.stdout == "2 False\n"
    assert found.stderr.startswith("mirrormatch: error: a launcher started this as one of 2 processes (WORLD_SIZE)")
    assert not (tmp_path / "out").exists()
