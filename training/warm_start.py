"""A run that starts from an adapter: `model = "nano+ADAPTER"`. Its weights are the first ones of the trained adapter.

The adapter has the run's rank, alpha and targets, so that it goes on as if it had been trained here from the beginning.
The reference of the KL term stays the base model without an adapter; a magnet starts at the adapter.
"""

from pathlib import Path

import safetensors.torch
from peft import PeftModel
from safetensors import safe_open
from torch import Tensor

from mirrormatch.agents.engines._adapter_settings import read_lora_settings
from mirrormatch.agents.engines._adapter_weights import check_finite
from mirrormatch.agents.engines._adapters import WEIGHTS, find_adapter
from mirrormatch.agents.spec import parse_spec
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig

_PLAIN = ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "lora_bias", "modules_to_save")


def find_start(config: RunConfig) -> Path | None:
    """The folder of the adapter that the run starts from; None for a run from the base model.

    Raises:
        UserError: there is no such adapter.
    """
    adapter = parse_spec(config.model).adapter
    return find_adapter(Path(adapter).expanduser()) if adapter else None


def check_start(config: RunConfig) -> None:
    """Checks that the run's adapter, if it starts from one, has the rank and alpha of the trained one.

    Raises:
        UserError: it has others, or is of another kind.
    """
    if (folder := find_start(config)) is None:
        return
    found = read_lora_settings(folder)
    for key, theirs, ours in (("rank", found.r, config.lora.rank), ("alpha", found.lora_alpha, config.lora.alpha)):
        if theirs != ours:
            raise UserError(
                f"the adapter at {str(folder)!r} has {key} {theirs:g}, and the run trains {ours:g}: "
                f"set lora.{key} = {theirs:g} to start from it"
            )
    if other := [name for name in _PLAIN if getattr(found, name)]:
        raise UserError(f"the adapter at {str(folder)!r} sets {other[0]}: training starts from plain LoRA adapters")
    check_finite(folder)


def check_start_targets(config: RunConfig, adapted: PeftModel) -> None:
    """Checks that the run's adapter, if it starts from one, has the modules of the trained one.

    Args:
        config: the run's settings.
        adapted: the base model with the adapter that the run trains.

    Raises:
        UserError: it lacks some, or has others.
    """
    if (folder := find_start(config)) is None:
        return
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        theirs = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    ours = {_plain_name(n): tuple(p.shape) for n, p in adapted.named_parameters() if "lora_" in n}
    if wrong := sorted(theirs.items() ^ ours.items()):
        raise UserError(
            f"the adapter at {str(folder)!r} differs from the one that the run trains at {wrong[0][0]}: "
            "lora.targets names other modules, or it is for another base model"
        )


def load_start(config: RunConfig, weights: dict[str, Tensor]) -> None:
    """Copies the weights of the adapter that the run starts from, if there is one.

    Args:
        config: the run's settings, which have passed the checks.
        weights: the trained adapter's weights, by name without the adapter's.
    """
    if (folder := find_start(config)) is None:
        return
    for name, weight in safetensors.torch.load_file(folder / WEIGHTS).items():
        weights[name].data.copy_(weight)


def _plain_name(parameter: str) -> str:
    """A parameter's name as in PEFT's files: without the name of its adapter, which comes before `weight`."""
    head, _, kind = parameter.rpartition(".")
    return f"{head.rpartition('.')[0]}.{kind}"
