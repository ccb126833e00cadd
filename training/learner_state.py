"""The learner's state on disk: the adapters' weights, the optimizer, its schedule and the random generators.

Tensors are safetensors and all else is JSON, so reading a checkpoint runs no code. Which learner has these parts, and
when they are saved, is not known here.
"""

import json
import random
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

STATE_FILE = "state.json"
WEIGHTS_FILE = "weights.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
_GENERATORS_FILE = "generators.safetensors"
_CPU, _CUDA = "cpu", "cuda."


class TorchState(Protocol):
    """A part of torch that gives and takes its state: an optimizer, or a schedule of its learning rate."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> object: ...


def save_learner(
    folder: Path, step: int, weights: dict[str, Tensor], optimizer: TorchState, schedule: TorchState
) -> None:
    """Writes the state of a learner into the folder.

    Args:
        folder: an existing folder.
        step: the number of updates made.
        weights: the weights that change in training, by name.
        optimizer: the optimizer.
        schedule: the schedule of its learning rate.
    """
    packed = optimizer.state_dict()
    moments = {f"{k}.{name}": v for k, values in packed["state"].items() for name, v in values.items()}
    assert all(isinstance(v, Tensor) for v in moments.values()), sorted(moments)
    _write_tensors(folder / WEIGHTS_FILE, weights)
    _write_tensors(folder / OPTIMIZER_FILE, moments)
    _write_tensors(folder / _GENERATORS_FILE, _generator_tensors())
    state = {
        "step": step,
        "groups": packed["param_groups"],
        "schedule": schedule.state_dict(),
        "python": random.getstate(),
        "numpy": _numpy_state(),
    }
    (folder / STATE_FILE).write_text(json.dumps(state) + "\n", encoding="utf-8")


def load_learner(folder: Path, weights: dict[str, Tensor], optimizer: TorchState, schedule: TorchState) -> int:
    """Loads what `save_learner` has written into the weights and parts, and returns the number of updates made."""
    state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    saved = safetensors.torch.load_file(folder / WEIGHTS_FILE)
    assert saved.keys() == weights.keys(), sorted(saved.keys() ^ weights.keys())
    for name, weight in weights.items():
        weight.data.copy_(saved[name])
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in safetensors.torch.load_file(folder / OPTIMIZER_FILE).items():
        k, _, name = key.partition(".")
        moments.setdefault(int(k), {})[name] = value
    optimizer.load_state_dict({"state": moments, "param_groups": [_restore_tuples(g) for g in state["groups"]]})
    schedule.load_state_dict(state["schedule"])
    _restore_generators(state, safetensors.torch.load_file(folder / _GENERATORS_FILE))
    return int(state["step"])


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    # Written by Python rather than by safetensors, whose error on a full disk isn't an OSError.
    path.write_bytes(safetensors.torch.save({name: t.detach().contiguous() for name, t in tensors.items()}))


def _restore_tuples(group: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's group with the tuples that JSON has made lists: betas."""
    return {k: tuple(v) if isinstance(v, list) and k != "params" else v for k, v in group.items()}


def _generator_tensors() -> dict[str, Tensor]:
    """The states of torch's generators: the CPU's, and one of each GPU."""
    gpus = torch.cuda.random.get_rng_state_all() if torch.cuda.is_available() else []
    return {_CPU: torch.random.get_rng_state(), **{f"{_CUDA}{k}": state for k, state in enumerate(gpus)}}


def _numpy_state() -> list[Any]:
    kind, keys, *rest = np.random.get_state(legacy=True)
    return [kind, np.asarray(keys).tolist(), *rest]


def _restore_generators(state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Restores the generators of this machine; one of a GPU that it doesn't have is left out."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.random.set_rng_state(tensors[_CPU])
    for k in range(torch.cuda.device_count()):
        if (saved := tensors.get(f"{_CUDA}{k}")) is not None:
            torch.cuda.random.set_rng_state(saved, k)
