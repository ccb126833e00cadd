"""The shared part of engines that take token ids: the base model's folder, fingerprint, tokenizer and encoding.

Generation is the engine's own. transformers is imported on first use: it takes seconds.
"""

import contextlib
import datetime
import functools
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._adapter_weights import read_shapes
from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.agents.engines._types import Thought
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message

# What libraries raise for files that are missing, broken or cut off, or of a kind that they don't know.
LOADING_ERRORS = (OSError, ValueError, KeyError, IndexError, ImportError, RuntimeError, SafetensorError, struct.error)


class EncodingEngine:
    """The part of an `Engine` that follows from its tokenizer.

    Attributes:
        holds_replies: see `HoldingEngine`.

    Args:
        tokenizer: the model's tokenizer.
        template: the chat template's options.
        end_ids: tokens that end a turn by the model's own configuration.
    """

    holds_replies = True

    def __init__(self, tokenizer: Any, template: TemplateSettings, end_ids: frozenset[int]) -> None:
        self._template = template
        self._configured_end_ids = end_ids
        self._encoder = ChatEncoder(tokenizer, template, end_ids)

    @property
    def end_ids(self) -> frozenset[int]:
        return self._encoder.end_ids

    @property
    def turn_stop(self) -> str | None:
        return self._encoder.turn_stop

    @property
    def thought(self) -> Thought | None:
        return self._encoder.template.thought

    @property
    def template_date(self) -> datetime.date | None:
        template = self._encoder.template
        return template.date if template.shows_date else None

    def fix_date(self, date: datetime.date) -> None:
        if date != self._encoder.template.date:
            settings = self._template.model_copy(update={"date": date})
            self._encoder = ChatEncoder(self._encoder.tokenizer, settings, self._configured_end_ids)

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return self._encoder.encode(messages)

    def complete(self, text: str) -> tuple[int, ...]:
        return self._encoder.complete(text)


class TokenEngine(EncodingEngine):
    """The part of an `Engine` that follows from its base model's tokenizer and files.

    Attributes:
        base: the folder or id that transformers loads the base model from.

    Args:
        base: see above.
        tokenizer: see `EncodingEngine`.
        template: see `EncodingEngine`.
        end_ids: see `EncodingEngine`.
    """

    def __init__(self, base: str, tokenizer: Any, template: TemplateSettings, end_ids: frozenset[int]) -> None:
        super().__init__(tokenizer, template, end_ids)
        self.base = base

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

    @functools.cached_property
    def _base_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the base model's weights by name; empty where its files don't show them."""
        config = json.loads((self._base_folder / "config.json").read_text(encoding="utf-8"))
        return {} if "quantization_config" in config else read_shapes(self._base_folder)


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
    except LOADING_ERRORS as problem:
        raise loading_error(path, problem) from None


def find_end_ids(*configs: Any) -> frozenset[int]:
    """The tokens that end generation by a model's configurations, each of which names none, one or several."""
    named = (getattr(config, "eos_token_id", None) for config in configs)
    return frozenset(k for ids in named for k in (ids if isinstance(ids, list | tuple) else [ids]) if k is not None)


def read_end_ids(path: str, local_only: bool = False) -> frozenset[int]:
    """The tokens that end generation by the configuration files of a model that runs elsewhere.

    Args:
        path: a folder in Hugging Face format, an id, or a GGUF file, which names them in its tokenizer.
        local_only: don't download them.
    """
    from transformers import GenerationConfig, PreTrainedConfig

    files = find_model_files(path)
    if files.gguf is not None:
        return frozenset()
    found: list[Any] = []
    for kind in (PreTrainedConfig, GenerationConfig):
        with contextlib.suppress(OSError):  # many models have no generation_config.json
            found.append(kind.from_pretrained(files.path, local_files_only=local_only))
    return find_end_ids(*found)


def loading_error(path: str, problem: Exception) -> UserError:
    """The error for a model that a library couldn't load: the first line of its reason."""
    reason = (str(problem).strip().splitlines() or [""])[0]
    return UserError(f"no model can be loaded from {path!r}: {reason}")
