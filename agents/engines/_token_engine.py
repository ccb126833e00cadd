"""What all engines share that are asked in tokens: the base model's place on this machine, its name, its encoding.

How tokens are generated isn't known here. transformers is imported when a model is looked for: it takes seconds.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mirrormatch.agents.engines import _adapters as adapters
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message


class TokenEngine:
    """The part of an `Engine` that its base model's own tokenizer and files make.

    Attributes:
        base: the folder or id that transformers load the base model from.

    Args:
        base: see above.
        tokenizer: the base model's.
    """

    def __init__(self, base: str, tokenizer: Any) -> None:
        self.base = base
        self._encoder = ChatEncoder(tokenizer)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Names the base model; see `adapters.fingerprint`."""
        return adapters.fingerprint(self._base_folder)

    @functools.cached_property
    def _base_folder(self) -> Path:
        from transformers.utils.hub import cached_file

        return Path(str(cached_file(self.base, "config.json", local_files_only=True))).parent

    @property
    def end_ids(self) -> frozenset[int]:
        return self._encoder.end_ids

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return self._encoder.encode(messages)

    def complete(self, text: str) -> tuple[int, ...]:
        return self._encoder.complete(text)


def check_folder(path: str) -> None:
    """Refuses a path that can't hold a model; an id passes.

    Raises:
        UserError: there is no such folder, or it has no configuration.
    """
    if path.startswith(("/", ".", "~")) and not Path(path).expanduser().is_dir():
        raise UserError(f"no model at {path!r}: there is no such folder")
    if Path(path).is_dir() and not (Path(path) / "config.json").is_file():
        raise UserError(f"no model can be loaded from {path!r}: the folder has no config.json")
