"""The bundled models, one folder each, in Hugging Face's format."""

from pathlib import Path

__all__ = ["NANO", "NANO_PATH"]

NANO = "nano"  # about a million parameters; plays the three classics
NANO_PATH = Path(__file__).with_name(NANO)
