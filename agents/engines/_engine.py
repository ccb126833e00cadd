"""The interface of every engine: generation with any number of adapters on one base model."""

import contextlib
import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict

from mirrormatch.agents.engines._types import ChatReply, Completion, Sampling, Thought, Usage
from mirrormatch.config_file import parse_settings
from mirrormatch.prompts.prompt import Message

SpecSettings: TypeAlias = tuple[tuple[str, str], ...]  # names and values, as written in a spec
AnySettings = TypeVar("AnySettings", bound=BaseModel)


class Engine(Protocol):
    """Generates from token ids. Concurrent requests are batched."""

    @property
    def base(self) -> str | None:
        """The folder or id that transformers loads the same base model from, to train it; None if there is none."""
        ...

    @property
    def usage(self) -> Usage:
        """The engine's counts since its start."""
        ...

    @property
    def fingerprint(self) -> str:
        """The base model's name by content; see `adapters.fingerprint`."""
        ...

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The prompt's ids; nothing inside a message can become a special token."""
        ...

    def complete(self, text: str) -> tuple[int, ...]:
        """The ids of a text for the model to continue, with special tokens where they are spelled."""
        ...

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end the model's turn."""
        ...

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        """One completion.

        Args:
            prompt_ids: ids from `encode`.
            sampling: how tokens are drawn.
            adapter: a content hash from `load`; None for the base model.
            seed: seed of this request. Equal requests give equal tokens, up to the rounding of batched arithmetic.
        """
        ...

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        """The log-probability of each continuation id at temperature 1, in nats."""
        ...

    def load(self, adapter_path: Path) -> str:
        """Loads an adapter and returns its content hash. A repeated call returns at once.

        Raises:
            UserError: there is no adapter, or it is for another base model.
        """
        ...


@runtime_checkable
class HoldingEngine(Protocol):
    """An engine that holds a reply to a regular expression, the `constraint` of its sampling."""

    @property
    def holds_replies(self) -> bool:
        """Whether it does."""
        ...


def holds_replies(engine: object) -> bool:
    """Whether the engine holds a reply to a regular expression."""
    return isinstance(engine, HoldingEngine) and engine.holds_replies


@runtime_checkable
class SleepingEngine(Protocol):
    """An engine that frees its GPU memory for training between games."""

    def sleep(self) -> None:
        """Frees the memory; no request is answered until `wake`."""
        ...

    def wake(self) -> None:
        """Allocates the memory again; does nothing in an engine that is awake."""
        ...


@runtime_checkable
class LocalEngine(Protocol):
    """An engine that computes in this process, with a number type and a number of threads of its choice."""

    @property
    def computation(self) -> str:
        """The choice in words: "bfloat16, 1 thread, measured"."""
        ...

    @property
    def timings(self) -> tuple[str, ...]:
        """The timed candidates in words: "float32, 1 thread: 0.1230 s"; empty if nothing was timed."""
        ...


@runtime_checkable
class StreamingEngine(Protocol):
    """Streams partial replies to a callback.

    Attributes:
        on_text: called with each piece, on a thread of the engine's own; an empty one marks the beginning of the reply,
            also that of a repeated request.
    """

    on_text: Callable[[str], None] | None


@contextlib.contextmanager
def stream_replies(engine: object, callback: Callable[[str], None]) -> Iterator[None]:
    """Streams partial replies to a callback during the block; has no effect on an engine that doesn't stream."""
    if not isinstance(engine, StreamingEngine):
        yield
        return
    engine.on_text = callback
    try:
        yield
    finally:
        engine.on_text = None


@runtime_checkable
class DialogueEngine(Protocol):
    """An engine that renders turns in plain text where the model has no chat template."""

    @property
    def turn_stop(self) -> str | None:
        """The stop string that ends the model's turn; None for a model with a chat template."""
        ...


def turn_stop(engine: object) -> str | None:
    """The stop string that ends a turn of the engine's model; None if a token does."""
    return engine.turn_stop if isinstance(engine, DialogueEngine) else None


@runtime_checkable
class TemplatedEngine(Protocol):
    """An engine whose prompts come from the model's own chat template."""

    @property
    def thought(self) -> Thought | None:
        """The reasoning that the template opens for the model; None if it opens none."""
        ...


@runtime_checkable
class DatedEngine(Protocol):
    """An engine that renders the model's chat template itself, with a date of its choice."""

    @property
    def template_date(self) -> datetime.date | None:
        """The date that the template writes into prompts; None if it writes none."""
        ...

    def fix_date(self, date: datetime.date) -> None:
        """Sets the date in prompts, to repeat or continue what began on that day."""
        ...


def opened_thought(engine: object) -> Thought | None:
    """The reasoning that the engine's chat template opens for the model, if it opens any."""
    return engine.thought if isinstance(engine, TemplatedEngine) else None


def template_date(engine: object) -> datetime.date | None:
    """The date in the engine's prompts; None if they have none."""
    return engine.template_date if isinstance(engine, DatedEngine) else None


@runtime_checkable
class ChatEngine(Protocol):
    """Generates from messages, without token ids. Its models play and are evaluated, never trained."""

    async def chat(
        self, messages: Sequence[Message], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> ChatReply:
        """One reply; the arguments are those of `Engine.generate`."""
        ...


class NoSettings(BaseModel):
    """The options of an engine without any; those of other engines are documented fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_settings(engine: str, model: type[AnySettings], given: SpecSettings) -> AnySettings:
    """Parses an engine's settings from a spec: `vllm:PATH,dtype=bfloat16,template.enable_thinking=false`.

    Raises:
        UserError: a setting is unknown, or its value is invalid.
    """
    values: dict[str, Any] = {}
    for name, value in given:
        section, dot, key = name.partition(".")
        if dot:
            values.setdefault(section, {})[key] = value
        else:
            values[name] = value
    return parse_settings(values, model, f"{engine}: {', '.join(f'{k}={v}' for k, v in given)}")
