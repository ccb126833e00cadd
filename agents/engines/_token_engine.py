"""The shared part of engines that take token ids: the base model's folder, fingerprint, tokenizer and encoding.

Generation is the engine's own. transformers is imported on first use: it takes seconds.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message


class TokenEngine:
    """The part of an `Engine` that follows from its base model's tokenizer and files.

    Attributes:
        base: the folder or id that transformers loads the base model from.

    Args:
        base: see above.
        tokenizer: the base model's tokenizer.
    """

    def __init__(self, base: str, tokenizer: Any) -> None:
        self.base = base
        self._encoder = ChatEncoder(tokenizer)

    @functools.cached_property
    def fingerprint(self) -> str:
        """The base model's name by content; see `_adapters.fingerprint`."""
        files = find_model_files(self.base)
        if files.gguf is not None:
            return _adapters.file_fingerprint(Path(files.path).expanduser() / files.gguf)
        return _adapters.fingerprint(self._base_folder)

    @functools.cached_property
    def _base_folder(self) -> Path:
        from transformers.utils.hub import cached_file

        return Path(str(cached_file(self.base, "config.json", local_files_only=True))).parent

    @property
    def end_ids(self) -> frozenset[int]:
        return self._encoder.end_ids

    @property
    def turn_stop(self) -> str | None:
        return self._encoder.turn_stop

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return self._encoder.encode(messages)

    def complete(self, text: str) -> tuple[int, ...]:
        return self._encoder.complete(text)


def load_tokenizer(path: str, local_only: bool = False) -> Any:
    """The tokenizer of a model.

    Args:
        path: a folder in Hugging Face format, an id, or a GGUF file.
        local_only: don't download it.

    Raises:
        UserError: it can't be loaded.
    """
    from transformers import AutoTokenizer

    files = find_model_files(path)
    try:
        return AutoTokenizer.from_pretrained(files.path, local_files_only=local_only, **files.tokenizer_arguments)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as problem:
        raise loading_error(path, problem) from None


def loading_error(path: str, problem: Exception) -> UserError:
    """The error for a model that a library couldn't load: the first line of its reason."""
    reason = (str(problem).strip().splitlines() or [""])[0]
    return UserError(f"no model can be loaded from {path!r}: {reason}")
