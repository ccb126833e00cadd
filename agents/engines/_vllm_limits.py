"""Limits of vLLM, in this process and on a server: temperatures, ranks of adapters, and whether it is installed."""

import importlib.util
from pathlib import Path

from mirrormatch.agents.engines._adapter_settings import LoraSettings
from mirrormatch.errors import UserError

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # supported by vLLM's kernels
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 2.0  # vLLM silently raises lower ones, and refuses higher ones


def check_installed() -> None:
    """Checks that vLLM is there, without importing it.

    Raises:
        UserError: it isn't installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise UserError("vLLM is not installed: pip install 'mirrormatch[vllm]'")


def check_temperature(temperature: float) -> None:
    """Refuses temperatures that vLLM would change or refuse.

    Raises:
        UserError: it is neither 0 nor in the supported range.
    """
    if temperature and not MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE:
        raise UserError(f"temperature {temperature:g}: vLLM takes 0 and {MIN_TEMPERATURE:g} to {MAX_TEMPERATURE:g}")


def check_adapter(folder: Path, settings: LoraSettings, max_rank: int) -> None:
    """Refuses adapter settings that vLLM doesn't support.

    Raises:
        UserError: the rank is too high, or the adapter has several ranks or scales, or biases of its own.
    """
    if settings.r > max_rank:
        raise UserError(
            f"the adapter at {str(folder)!r} has rank {settings.r}, but vLLM was started for ranks up to {max_rank}: "
            f"add ',max_lora_rank={settings.r}' to the model's spec"
        )
    if settings.rank_pattern or settings.alpha_pattern:
        named = "rank_pattern" if settings.rank_pattern else "alpha_pattern"
        raise UserError(
            f"the adapter at {str(folder)!r} sets {named}, and vLLM supports one rank and one scale per adapter: "
            "use the transformers engine, hf:PATH"
        )
    if settings.lora_bias:
        raise UserError(
            f"the adapter at {str(folder)!r} sets lora_bias, which vLLM ignores: use the transformers engine, hf:PATH"
        )
