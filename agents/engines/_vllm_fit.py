"""Whether an adapter belongs on a base model, told from the shapes of their weights on disk.

vLLM takes what it finds a place for: an adapter of another width or with other layers is copied in as far as it goes,
without a word. So shapes are compared here before vLLM sees it.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from safetensors import SafetensorError, safe_open

from mirrormatch.agents.engines import _adapters as adapters
from mirrormatch.errors import UserError

Shapes: TypeAlias = dict[str, tuple[int, ...]]

_LORA = re.compile(r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<half>[AB])\.weight")
_HEAD = "lm_head"  # shares its weights with the embedding in many models, and then has none of its own


def check_fit(folder: Path, base: str, base_folder: Path) -> None:
    """Refuses an adapter whose weights belong to a model of another shape.

    Args:
        folder: the adapter's.
        base: what users call the base model.
        base_folder: where its weights are.

    Raises:
        UserError: they do.
    """
    if "quantization_config" in json.loads((base_folder / "config.json").read_text(encoding="utf-8")):
        return  # its weights are stored in shapes of their own
    try:
        misfit = _misfit(_shapes([folder / adapters.WEIGHTS]), _shapes(sorted(base_folder.glob("*.safetensors"))))
    except SafetensorError as problem:
        misfit = " ".join(str(problem).split())
    if misfit:
        raise UserError(f"the adapter at {str(folder)!r} does not fit {base!r}: {misfit}")


def _misfit(adapter: Shapes, base: Shapes) -> str:
    """What of the adapter has no place in the base model, or the other way round; nothing if they belong together."""
    halves = [(m["module"], m["half"], adapter[name]) for name in sorted(adapter) if (m := _LORA.fullmatch(name))]
    modules = {module for module, _, _ in halves if module != _HEAD}
    known = {module for module in modules if f"{module}.weight" in base}
    if not known:
        return ""  # the model's weights have other names on disk than in memory: vLLM will tell
    for module, half, shape in halves:
        axis = 1 if half == "A" else 0  # A reads what the layer reads, B adds to what it gives
        if module in known and shape[axis] != (place := base[f"{module}.weight"])[axis]:
            return f"size mismatch: lora_{half} {list(shape)} on {module} {list(place)}"
    kinds = {_kind(module) for module in known}
    expected = {name.removesuffix(".weight") for name in base if _kind(name.removesuffix(".weight")) in kinds}
    num_missing, num_unknown = len(expected - modules), len(modules - known)
    return f"{num_missing} layers are missing, {num_unknown} are unknown" if num_missing or num_unknown else ""


def _kind(module: str) -> str:
    """A module's name without its numbers: what layers have in common."""
    return re.sub(r"\d+", "*", module)


def _shapes(paths: Iterable[Path]) -> Shapes:
    shapes: Shapes = {}
    for path in paths:
        with safe_open(path, framework="pt") as file:
            shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    return shapes
