"""The records that an engine takes and returns: sampling settings, completions, chat replies and usage counts.

Records are frozen. Nothing here depends on a tokenizer, a game or a file.
"""

from dataclasses import dataclass, fields
from typing import Literal, NamedTuple


class Thought(NamedTuple):
    """The reasoning that a chat template opens for the model: its replies begin inside of it.

    Attributes:
        opening: the end of every prompt, which a reply continues.
        closing: the text that closes it.
    """

    opening: str
    closing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn.

    Train with `top_p = 1`, `top_k = 0` and no constraint: log-probs are of the full distribution.
    """

    max_tokens: int = 256
    temperature: float = 1.0  # 0: the most probable token
    top_p: float = 1.0
    top_k: int = 0  # 0: off
    stop: tuple[str, ...] = ()
    constraint: str | None = None  # a regular expression that the whole reply matches (_answer_regex.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What an engine generated for one prompt.

    Attributes:
        token_ids: the ids as sampled, the end-of-turn token included.
        logprobs: one per id, natural log, of `softmax(logits / temperature)` before top_p and top_k.
        text: the decoded text, without the end-of-turn token.
        finish: "stop" at an end-of-turn token or stop string, "length" at the token budget.
        adapter: content hash of the adapter that generated it; None for the base model.
        num_forced: number of tokens that were inserted, not sampled (log-prob 0); a reply with any can't be trained on.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    finish: Literal["stop", "length"]
    adapter: str | None
    num_forced: int = 0

    @staticmethod
    def empty(adapter: str | None) -> "Completion":
        """The completion of a token budget of 0, also of a prompt that fills the context: a truncated reply."""
        return Completion(token_ids=(), logprobs=(), text="", finish="length", adapter=adapter)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """The reply of a server that doesn't expose token ids.

    Attributes:
        text: the reply, without reasoning that the server returns in a field of its own.
        thinking: that reasoning; empty if there is none.
        finish: see `Completion`.
    """

    text: str
    thinking: str
    finish: Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """An engine's counts since its start.

    Attributes:
        requests: number of requests answered.
        prompt_tokens: number of tokens in all prompts.
        cached_tokens: number of prompt tokens whose keys and values were reused instead of computed.
        completion_tokens: number of tokens generated.
        retries: number of requests sent again.
        cost: total cost, in the currency of the given prices; 0 without prices.
    """

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0
    cost: float = 0.0

    def plus(self, other: "Usage") -> "Usage":
        """The field-wise sum."""
        return Usage(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def since(self, earlier: "Usage") -> "Usage":
        """The field-wise difference to an earlier count."""
        return Usage(**{f.name: getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)})

    def __str__(self) -> str:
        cached = f" ({self.cached_tokens:,} of them read before)" if self.cached_tokens else ""
        retried = f", {self.retries:,} retries" if self.retries else ""
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        return (
            f"{self.requests:,} requests, {self.prompt_tokens:,} prompt tokens{cached}, "
            f"{self.completion_tokens:,} generated{retried}{cost}"
        )
