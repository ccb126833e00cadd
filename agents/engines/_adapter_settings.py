"""The settings of a LoRA adapter, checked before PEFT or vLLM reads them: plain names and finite numbers.

PEFT takes a text for module names, and every key of a pattern, as a regular expression, and follows paths and names of
Python modules. A hostile adapter could hang the process or open a file, so the settings have a closed form here, and
PEFT is given these values instead of the file.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mirrormatch.agents.engines._adapter_kinds import describe_unsupported
from mirrormatch.agents.engines._adapters import read_config
from mirrormatch.config_file import describe_validation_error
from mirrormatch.errors import UserError

MAX_ALPHA = 1e6  # usual are 8 to 512
MAX_NAMES = 100_000  # of modules: DeepSeek's experts are 46,000
MAX_LAYERS, MAX_SAVED = 10_000, 100
MAX_PATTERNS = 500  # PEFT compiles each of them for each module, and Python remembers 512 compiled ones
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}(?:\.[A-Za-z0-9_-]{1,200}){0,100}")
_ANYWHERE, _WHOLE = ".*\\.", "^"  # before a name in a pattern, as PEFT writes and documents them


def _check_names(value: Any) -> Any:
    """Refuses what isn't a plain name or a list of them."""
    names = value if isinstance(value, list) else [] if value is None else [value]
    if len(names) > MAX_NAMES:
        raise ValueError(f"it has {len(names):,} entries, up to {MAX_NAMES:,} can be loaded")
    if wrong := [n for n in names if not (isinstance(n, str) and _NAME.fullmatch(n))]:
        raise ValueError(f"{str(wrong[0])[:80]!r} is not the plain name of a module, as PEFT writes it in a list")
    return value


def _check_keys(value: Any) -> Any:
    _check_names([key.removeprefix(_ANYWHERE).removeprefix(_WHOLE) for key in value] if isinstance(value, dict) else [])
    return value


Names = Annotated[list[str] | str | None, BeforeValidator(_check_names)]
Rank = Annotated[int, Field(ge=1, lt=1 << 31)]
Alpha = Annotated[float, Field(ge=0, le=MAX_ALPHA)]


class LoraSettings(BaseModel):
    """The settings that PEFT follows at inference; their names and defaults are PEFT's."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    r: Rank = 8
    lora_alpha: Alpha = 8
    lora_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    use_rslora: bool = False
    use_dora: bool = False
    lora_bias: bool = False
    fan_in_fan_out: bool = False
    ensure_weight_tying: bool = False
    rank_pattern: Annotated[dict[str, Rank], BeforeValidator(_check_keys), Field(max_length=MAX_PATTERNS)] = {}
    alpha_pattern: Annotated[dict[str, Alpha], BeforeValidator(_check_keys), Field(max_length=MAX_PATTERNS)] = {}
    target_modules: Names = None
    exclude_modules: Names = None
    target_parameters: Names = None
    modules_to_save: Annotated[
        Annotated[list[str], Field(max_length=MAX_SAVED)] | str | None, BeforeValidator(_check_names)
    ] = None
    layers_pattern: Names = None
    layers_to_transform: Annotated[list[int], Field(max_length=MAX_LAYERS)] | int | None = None

    def rank_of(self, module: str) -> int:
        """The rank at a module: that of the first pattern which ends its name, or else the adapter's."""
        return next((rank for key, rank in self.rank_pattern.items() if _fits(key, module)), self.r)

    @property
    def max_rank(self) -> int:
        """The highest rank of any module."""
        return max(self.r, *self.rank_pattern.values(), 1)


def _fits(key: str, module: str) -> bool:
    """Whether a pattern's key is for a module."""
    if key.startswith(_WHOLE):
        return key.removeprefix(_WHOLE) == module
    return f".{module}".endswith(f".{key.removeprefix(_ANYWHERE)}")


def read_lora_settings(folder: Path) -> LoraSettings:
    """Reads the settings of an adapter.

    Raises:
        UserError: it isn't a LoRA, would change the base model, or a setting isn't a plain name or a finite number; the
            message has the reason and, if there is one, the cure.
    """
    values = read_config(folder)
    if problem := describe_unsupported(values):
        raise UserError(f"the adapter at {str(folder)!r} can't be loaded: {problem}")
    try:
        return LoraSettings.model_validate(values)
    except ValidationError as invalid:
        raise UserError(
            f"the adapter at {str(folder)!r} can't be loaded: {describe_validation_error(invalid)}"
        ) from None
