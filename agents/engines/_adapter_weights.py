"""An adapter's tensors, checked by the header of their file before any of them is read, and for finite values.

The header names each tensor with its type and shape. Ranks have to be those of the settings, and neither the file nor
what PEFT allocates for it may be larger than a few times the base model: a sparse file of 60 GB is a few bytes on disk.
"""

import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import NamedTuple, TypeAlias

from safetensors import SafetensorError, safe_open

from mirrormatch.agents.engines._adapter_settings import LoraSettings
from mirrormatch.agents.engines._adapters import WEIGHTS
from mirrormatch.errors import UserError

Shape: TypeAlias = tuple[int, ...]

MAX_SPARE_NAMES = 1_000  # of modules that this base model doesn't have
MAX_SHARE = 3  # numbers of an adapter per number of its base model: a LoRA of full rank on every matrix holds two
_TYPES = frozenset({"F32", "F16", "BF16"})  # wider ones could overflow, narrower ones PEFT doesn't convert
_LORA = re.compile(r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<half>[AB])\.weight")
_EMBEDDING = re.compile(r"(?:base_model\.model\.)?(?P<module>.+)\.lora_embedding_(?P<half>[AB])")
_HEAD = "lm_head"  # shares its weights with the embedding in many models, and then has none of its own


class _Tensor(NamedTuple):
    """A tensor's type, as safetensors spells it, and its shape."""

    dtype: str
    shape: Shape


def check_weights(folder: Path, settings: LoraSettings, base: Mapping[str, Shape]) -> None:
    """Refuses weights whose header doesn't go with the settings, or that are too large. Reads the header alone.

    Args:
        folder: the adapter's folder.
        settings: the adapter's settings.
        base: the shapes of the base model's weights by name; empty if they are unknown.

    Raises:
        UserError: the weights can't be loaded.
    """
    try:
        tensors = _read_header(folder / WEIGHTS)
    except SafetensorError as problem:
        raise _refuse(folder, f"{WEIGHTS}: {' '.join(str(problem).split())}") from None
    if reason := _describe_ranks(tensors, settings) or _describe_size(tensors, settings, base):
        raise _refuse(folder, reason)


def check_finite(folder: Path) -> None:
    """Refuses weights that aren't finite numbers. Holds one tensor at a time.

    Raises:
        UserError: a tensor contains NaN or an infinity.
    """
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        for name in file.keys():
            tensor = file.get_tensor(name)
            # The least and the greatest number take no memory, and both are NaN where any number is.
            if tensor.numel() and tensor.is_floating_point() and not all(v.isfinite() for v in tensor.aminmax()):
                raise _refuse(folder, f"{name} holds numbers that are not finite: its training has diverged")


def check_fit(folder: Path, base: str, base_shapes: Mapping[str, Shape]) -> None:
    """Refuses an adapter whose weights have other shapes than the base model's, before vLLM loads it.

    vLLM doesn't check: it copies an adapter of another width or with other layers as far as the shapes overlap.

    Args:
        folder: the adapter's folder.
        base: the base model's name, for the message.
        base_shapes: the shapes of the base model's weights, by name; empty if they are unknown.

    Raises:
        UserError: the shapes differ.
    """
    adapter_shapes = {name: tensor.shape for name, tensor in _read_header(folder / WEIGHTS).items()}
    if misfit := _describe_misfit(adapter_shapes, base_shapes):
        raise UserError(f"the adapter at {str(folder)!r} does not fit {base!r}: {misfit}")


def read_shapes(model_folder: Path) -> dict[str, Shape]:
    """The shapes of the weights in a model's folder, by name."""
    headers = [_read_header(path) for path in sorted(model_folder.glob("*.safetensors"))]
    return {name: tensor.shape for header in headers for name, tensor in header.items()}


def _read_header(path: Path) -> dict[str, _Tensor]:
    with safe_open(path, framework="numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}
        return {name: _Tensor(str(part.get_dtype()), tuple(part.get_shape())) for name, part in slices.items()}


def _describe_ranks(tensors: Mapping[str, _Tensor], settings: LoraSettings) -> str:
    """The first LoRA tensor of another type or rank than the settings say; empty if there is none."""
    most = len(tensors) + MAX_SPARE_NAMES  # PEFT compares each name with each module
    for names in (settings.target_modules, settings.exclude_modules, settings.target_parameters):
        if isinstance(names, list) and len(names) > most:
            return f"the settings name {len(names):,} modules, and {WEIGHTS} holds {len(tensors):,} tensors"
    found = [
        (tensors[name], m) for name in sorted(tensors) if (m := _LORA.fullmatch(name) or _EMBEDDING.fullmatch(name))
    ]
    if not found:
        return f"{WEIGHTS} holds no LoRA tensors"
    for (dtype, shape), match in found:
        module, half = match["module"], match["half"]
        rank, expected = shape[0 if half == "A" else -1] if shape else 0, settings.rank_of(module)
        if dtype not in _TYPES:
            return f"lora_{half} of {module} is of the type {dtype}: {', '.join(sorted(_TYPES))} can be loaded"
        # One tensor holds the matrices of all experts, one after the other.
        if rank != expected and not (settings.target_parameters and rank and rank % expected == 0):
            return f"the settings give {module} rank {expected}, and its lora_{half} has rank {rank}"
    return ""


def _describe_size(tensors: Mapping[str, _Tensor], settings: LoraSettings, base: Mapping[str, Shape]) -> str:
    """The reason why the adapter is too large for its base model; empty if it isn't."""
    num_base = sum(map(prod, base.values()))
    if not num_base:
        return ""
    num_own = sum(prod(tensor.shape) for tensor in tensors.values())
    if num_own > MAX_SHARE * num_base:
        return f"its weights are {num_own:,} numbers, and the base model's are {num_base:,}"
    num_per_rank = sum(prod(shape[:-2]) * sum(shape[-2:]) for shape in base.values() if len(shape) > 1)
    if num_per_rank and settings.max_rank > (most := MAX_SHARE * num_base // num_per_rank):
        return f"rank {settings.max_rank:,} is too high for this base model: up to {most:,} can be loaded"
    if (num_copied := _count_copied(settings, base)) > num_own:
        return f"modules_to_save would copy {num_copied:,} numbers of the base model, and the file holds {num_own:,}"
    return ""


def _count_copied(settings: LoraSettings, base: Mapping[str, Shape]) -> int:
    """The numbers in the modules that PEFT copies to hold the adapter's own weights of them."""
    given = settings.modules_to_save
    names = dict.fromkeys(given if isinstance(given, list) else [given] if given else [])
    return sum(prod(shape) for name in names for weight, shape in base.items() if f".{name}." in f".{weight}.")


def _describe_misfit(adapter: Mapping[str, Shape], base: Mapping[str, Shape]) -> str:
    """The first mismatch between the adapter's modules and the base model's; empty if there is none."""
    halves = [(m["module"], m["half"], adapter[name]) for name in sorted(adapter) if (m := _LORA.fullmatch(name))]
    modules = {module for module, _, _ in halves if module != _HEAD}
    known = {module for module in modules if f"{module}.weight" in base}
    if not known:
        return ""  # the model's weights have other names on disk than in memory: vLLM reports a mismatch itself
    for module, half, shape in halves:
        axis = 1 if half == "A" else 0  # A's input is the layer's input, B's output is added to the layer's output
        if module in known and shape[axis] != (place := base[f"{module}.weight"])[axis]:
            return f"size mismatch: lora_{half} {list(shape)} on {module} {list(place)}"
    kinds = {_module_kind(module) for module in known}
    expected = {name.removesuffix(".weight") for name in base if _module_kind(name.removesuffix(".weight")) in kinds}
    num_missing, num_unknown = len(expected - modules), len(modules - known)
    return f"{num_missing} layers are missing, {num_unknown} are unknown" if num_missing or num_unknown else ""


def _module_kind(module: str) -> str:
    """A module's name without its numbers, which is the same in every layer."""
    return re.sub(r"\d+", "*", module)


def _refuse(folder: Path, problem: str) -> UserError:
    return UserError(f"the adapter at {str(folder)!r} can't be loaded: {problem}")
