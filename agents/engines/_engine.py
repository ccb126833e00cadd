"""What generates: the interface that every engine offers, with any number of adapters on one base model."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict

from mirrormatch.agents.engines._types import ChatReply, Completion, Sampling, Usage
from mirrormatch.config_file import parse_settings
from mirrormatch.prompts.prompt import Message

SpecSettings: TypeAlias = tuple[tuple[str, str], ...]  # names and values, as written
AnySettings = TypeVar("AnySettings", bound=BaseModel)


class Engine(Protocol):
    """Generates from token ids. Requests that wait at the same time are batched."""

    @property
    def base(self) -> str | None:
        """Where transformers load the same base model from, to train it: a folder or an id; None if from nowhere."""
        ...

    @property
    def usage(self) -> Usage:
        """What it has done since it started."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names the base model by its content; see `adapters.fingerprint`."""
        ...

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The prompt's ids; nothing inside a message can become a special token."""
        ...

    def complete(self, text: str) -> tuple[int, ...]:
        """The ids of a text that the model itself is to say, special spellings counted."""
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
            prompt_ids: from `encode`.
            sampling: how tokens are drawn.
            adapter: a content hash from `load`; None for the base model.
            seed: of this request alone. Equal requests give equal tokens, up to the rounding of batched arithmetic.
        """
        ...

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        """The log-probability of each continuation id at temperature 1, in nats."""
        ...

    def load(self, adapter_path: Path) -> str:
        """Makes an adapter available and returns its content hash. The same content again costs nothing.

        Raises:
            UserError: no adapter there, or one for another base model.
        """
        ...


@runtime_checkable
class SleepingEngine(Protocol):
    """Shares a GPU with the training: it gives its memory back while nobody plays."""

    def sleep(self) -> None:
        """Gives the memory back; nobody is answered until `wake`."""
        ...

    def wake(self) -> None:
        """Takes the memory again; an engine that is awake stays so."""
        ...


@runtime_checkable
class StreamingEngine(Protocol):
    """Tells a reply while it is written, to whoever waits for it.

    Attributes:
        on_text: given each piece, on a thread of the engine's own; an empty one says that the reply begins anew.
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
class ChatEngine(Protocol):
    """Generates from messages: a server that keeps its tokens to itself. It plays and is evaluated, never trained."""

    async def chat(
        self, messages: Sequence[Message], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> ChatReply:
        """One reply; the arguments are those of `Engine.generate`."""
        ...


class NoSettings(BaseModel):
    """What an engine takes that has nothing to turn; those of other engines have fields with a doc line each."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_settings(engine: str, model: type[AnySettings], given: SpecSettings) -> AnySettings:
    """An engine's settings, from words as they stand in a spec: `vllm:PATH,dtype=bfloat16`.

    Raises:
        UserError: no such setting, or not that value.
    """
    return parse_settings(dict(given), model, f"{engine}: {', '.join(f'{k}={v}' for k, v in given)}")
