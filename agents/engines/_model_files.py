"""The files of a base model: a folder in Hugging Face's format, an id, or a GGUF file, which transformers reads too."""

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

from mirrormatch.errors import UserError

GGUF = ".gguf"


class ModelFiles(NamedTuple):
    """The arguments with which transformers finds a model.

    Attributes:
        path: a folder or an id.
        gguf: the name of a GGUF file in the folder; None for Hugging Face's format.
    """

    path: str
    gguf: str | None

    @property
    def tokenizer_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `AutoTokenizer.from_pretrained`, beside the path."""
        return {} if self.gguf is None else {"gguf_file": self.gguf}

    @property
    def model_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `from_pretrained` for the model: a GGUF file's weights are dequantized."""
        if self.gguf is None:
            return {}
        from transformers import GgufConfig  # takes seconds to import

        return {"gguf_file": self.gguf, "quantization_config": GgufConfig(dequantize=True)}


def find_model_files(path: str) -> ModelFiles:
    """Finds a model's files without reading them; an id passes.

    Raises:
        UserError: there is no such folder or file, the folder holds no model or several, or the package `gguf` is
            missing.
    """
    place = Path(path).expanduser()
    if path.endswith(GGUF) and not place.is_dir():
        if not place.is_file():
            raise UserError(f"no model at {path!r}: there is no such file")
        return _check_reader(ModelFiles(str(place.parent), place.name))
    if path.startswith(("/", ".", "~")) and not place.is_dir():
        raise UserError(f"no model at {path!r}: there is no such folder")
    if not place.is_dir() or (place / "config.json").is_file():
        return ModelFiles(path, None)
    found = sorted(file.name for file in place.glob(f"*{GGUF}"))
    if not found:
        raise UserError(f"no model can be loaded from {path!r}: the folder has neither config.json nor a {GGUF} file")
    if len(found) > 1:
        raise UserError(f"{path!r} holds {len(found)} {GGUF} files: name one, for example {str(place / found[0])!r}")
    return _check_reader(ModelFiles(path, found[0]))


def _check_reader(files: ModelFiles) -> ModelFiles:
    if importlib.util.find_spec("gguf") is None:
        raise UserError(f"{files.gguf!r} needs the package gguf: pip install 'mirrormatch[gguf]'")
    return files
