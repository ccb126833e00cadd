"""Where a run computes: its GPUs, and the settings of the engine that follow from the rest of the run.

Everything is checked from the settings and the environment, before torch is imported: CUDA counts the GPUs that it may
use once, when it starts.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from mirrormatch.agents.spec import parse_spec
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig
from mirrormatch.training.machine_settings import Mode

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE")  # numbers of processes, set by launchers
_DRIVER = Path("/proc/driver/nvidia/gpus")  # one folder per GPU
_SERVER, _VLLM = "openai", "vllm"


def machine_mode(config: RunConfig) -> Mode:
    """The run's mode: the given one, or the one that its model has."""
    is_served = parse_spec(config.model).kind == _SERVER
    return config.machine.mode or ("served" if is_served else "colocated")


def check_machine(config: RunConfig, environment: Mapping[str, str] = os.environ) -> None:
    """Checks that the run can compute where it should.

    Raises:
        UserError: a launcher started several processes, several GPUs are visible, or the mode doesn't suit the model.
    """
    for name in _SIZES:
        if environment.get(name, "1").isdigit() and int(environment.get(name, "1")) > 1:
            raise UserError(
                f"a launcher started this as one of {environment[name]} processes ({name}), and training is one "
                "process: start mirrormatch train by itself"
            )
    mode, kind = machine_mode(config), parse_spec(config.model).kind
    if (mode == "served") != (kind == _SERVER):
        cure = "openai:MODEL@URL" if mode == "served" else "machine.mode = 'served'"
        raise UserError(f"machine.mode = {mode!r} doesn't suit model = {config.model!r}: write {cure}")
    if mode == "split":
        _check_split(config, kind, environment)
    elif len(gpus := visible_gpus(environment)) > 1:
        raise UserError(
            f"{len(gpus)} GPUs are visible, and a run learns on one: set {_VISIBLE}={gpus[0]}, "
            "or machine.mode = 'split' with machine.play_devices, where vLLM plays on the others"
        )


def visible_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The names of the GPUs that CUDA may use, counted without CUDA."""
    if (named := environment.get(_VISIBLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number, _ in enumerate(_DRIVER.glob("*"))]


def fit_engine(config: RunConfig) -> RunConfig:
    """Adds vLLM's settings that follow from the rest: the adapter's rank, and the memory and GPUs of `[machine]`.

    A setting that the model's spec has already is kept.
    """
    spec = parse_spec(config.model)
    if spec.kind != _VLLM:
        return config
    wanted = {"max_lora_rank": str(config.lora.rank)}
    if config.machine.memory_share is not None:
        wanted["memory_share"] = f"{config.machine.memory_share:g}"
    if machine_mode(config) == "split":
        gpus = visible_gpus()
        wanted |= {"devices": ",".join(gpus[k] for k in config.machine.play_devices), "sleeps": "false"}
    added = [f"{name}={value}" for name, value in wanted.items() if name not in dict(spec.settings)]
    return config.model_copy(update={"model": ",".join([config.model, *added])})


def hide_devices(config: RunConfig) -> None:
    """Leaves this process the GPU that learns, in mode 'split'. Comes before CUDA starts, and after `fit_engine`."""
    if machine_mode(config) == "split":
        os.environ[_VISIBLE] = visible_gpus()[config.machine.learn_device]


def _check_split(config: RunConfig, kind: str, environment: Mapping[str, str]) -> None:
    machine, num_visible = config.machine, len(visible_gpus(environment))
    if kind != _VLLM:
        raise UserError(f"machine.mode = 'split' doesn't suit model = {config.model!r}: write vllm:PATH_OR_ID")
    if not machine.play_devices or machine.learn_device in machine.play_devices:
        raise UserError(
            f"machine.play_devices = {list(machine.play_devices)} and machine.learn_device = {machine.learn_device}: "
            "name the GPUs that play, without the one that learns"
        )
    if wrong := [k for k in (*machine.play_devices, machine.learn_device) if k >= num_visible]:
        raise UserError(f"there is no GPU {wrong[0]}: {num_visible} are visible, counted from 0")
