"""Limits of vLLM, in this process and on a server: temperatures, and ranks of adapters."""

import json
from pathlib import Path

from mirrormatch.agents.engines import _adapters
from mirrormatch.errors import UserError

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # supported by vLLM's kernels
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 2.0  # vLLM silently raises lower ones, and refuses higher ones


def check_temperature(temperature: float) -> None:
    """Refuses temperatures that vLLM would change or refuse.

    Raises:
        UserError: it is neither 0 nor in the supported range.
    """
    if temperature and not MIN_TEMPERATURE <= temperature <= MAX_TEMPERATURE:
        raise UserError(f"temperature {temperature:g}: vLLM takes 0 and {MIN_TEMPERATURE:g} to {MAX_TEMPERATURE:g}")


def check_adapter(folder: Path, max_rank: int) -> None:
    """Refuses adapter settings that vLLM doesn't support.

    Raises:
        UserError: the rank is too high, or the adapter has several ranks or scales, or biases of its own.
    """
    settings = json.loads((folder / _adapters.CONFIG).read_text(encoding="utf-8"))
    rank = int(settings.get("r") or 0)
    if rank > max_rank:
        raise UserError(
            f"the adapter at {str(folder)!r} has rank {rank}, but vLLM was started for ranks up to {max_rank}: "
            f"add ',max_lora_rank={rank}' to the model's spec"
        )
    if patterns := [p for p in ("rank_pattern", "alpha_pattern") if settings.get(p)]:
        raise UserError(
            f"the adapter at {str(folder)!r} sets {patterns[0]}, and vLLM supports one rank and one scale per adapter: "
            "use the transformers engine, hf:PATH"
        )
    if settings.get("lora_bias"):
        raise UserError(
            f"the adapter at {str(folder)!r} sets lora_bias, which vLLM ignores: use the transformers engine, hf:PATH"
        )
