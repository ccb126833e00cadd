"""What generates: the interface that every engine offers, with any number of adapters on one base model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mirrormatch.agents.core.records import Completion, Sampling
from mirrormatch.prompts.core.prompt import Message


class Engine(Protocol):
    """Generates from token ids. Requests that wait at the same time are batched."""

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
