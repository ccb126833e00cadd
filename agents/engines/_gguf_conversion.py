"""Converts a GGUF file to a folder in Hugging Face's format, once, for engines that read no GGUF (vLLM on a CPU).

The folder is in the user's cache, under the file's name and fingerprint. It holds the dequantized numbers in single
precision, as transformers reads them, and a card with the file's fingerprint: to adapters both are one base model.
"""

import contextlib
import io
import os
import shutil
import sys
from pathlib import Path

from safetensors import SafetensorError

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._model_files import ModelFiles, find_model_files
from mirrormatch.agents.engines._token_engine import LOADING_ERRORS, load_tokenizer, loading_error
from mirrormatch.errors import UserError
from mirrormatch.files import PART, remove_leftovers


def convert_if_gguf(path: str) -> str:
    """The folder or id of the model for an engine that reads no GGUF file.

    Raises:
        UserError: there is no model, or it can't be converted.
    """
    files = find_model_files(path)
    if files.gguf is None:
        return path
    source = Path(files.path).expanduser() / files.gguf
    fingerprint = _adapters.file_fingerprint(source)
    target = cache_folder() / f"{source.stem}-{fingerprint}"
    if not target.is_dir():
        _convert(files, fingerprint, target)
    return str(target)


def cache_folder() -> Path:
    """The folder of converted models."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "mirrormatch" / "models"


def _convert(files: ModelFiles, fingerprint: str, target: Path) -> None:
    """Writes a folder of another name and renames it: a reader finds the whole model or none, also after a kill."""
    print(f"mirrormatch: converting {files.gguf} once, to {target}", file=sys.stderr)
    remove_leftovers(target.parent, target.name)
    part = target.with_name(f".{target.name}.{os.getpid()}{PART}")
    try:
        part.mkdir(parents=True)
        _save_dequantized(files, part)
        _adapters.write_origin(part, fingerprint)
        part.rename(target)
    except (OSError, SafetensorError) as problem:
        if not target.is_dir():  # another process was faster
            raise UserError(f"{files.gguf!r} can't be converted to {str(target)!r}: {problem}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _save_dequantized(files: ModelFiles, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    source = str(Path(files.path) / str(files.gguf))
    tokenizer = load_tokenizer(source)
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        try:
            model = AutoModelForCausalLM.from_pretrained(files.path, dtype=torch.float32, **files.model_arguments)
        except LOADING_ERRORS as problem:
            raise loading_error(source, problem) from None
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
