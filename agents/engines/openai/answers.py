"""The answers of servers that speak OpenAI's protocol, as far as they are read; whatever else they say is left alone.

Servers agree on little: what is missing in some of them is optional here, and errors are told apart by their words.
"""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mirrormatch.agents.engines._types import Usage
from mirrormatch.agents.engines.openai.http import MalformedAnswer, Reader, Refusal
from mirrormatch.text import replace_surrogates

Answer = TypeVar("Answer", bound=BaseModel)

MILLION = 1_000_000  # prices are for so many tokens

# The words of OpenAI, vLLM, llama.cpp, LM Studio, SGLang, TGI, Mistral, Gemini and Anthropic, in this order.
_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|exceeds? the available context|context the overflows|"
    r"longer than the model's context|inputs.{0,3} tokens \+|too large for model|input token count|prompt is too long",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"unsupported|not support|n.t support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|"
    r"extra |forbidden|instead",
    re.IGNORECASE,
)


def _content_text(value: Any) -> Any:
    """The text of what a server calls content: a text, nothing, or a list of parts."""
    if isinstance(value, list):
        value = "".join(str(part.get("text", "")) for part in value if isinstance(part, dict))
    return replace_surrogates(value) if isinstance(value, str) else "" if value is None else value


Text = Annotated[str, BeforeValidator(_content_text)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PromptDetails(_Answer):
    """About the prompt's tokens."""

    cached_tokens: int | None = None


class Tokens(_Answer):
    """What a server counted."""

    prompt_tokens: int = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: PromptDetails | None = None


class Card(_Answer):
    """A model that a server has. vLLM tells where it is from and how much it reads; adapters have a parent there."""

    id: str
    root: str | None = None
    parent: str | None = None
    max_model_len: int | None = None


class Cards(_Answer):
    """What GET /models answers."""

    data: tuple[Card, ...]


class ChatMessage(_Answer):
    """A message, or a piece of one."""

    content: Text = ""
    reasoning_content: Text = ""
    reasoning: Text = ""

    @property
    def thinking(self) -> str:
        """What stands apart, under whichever of its two names."""
        return self.reasoning_content or self.reasoning


class ChatChoice(_Answer):
    """One of the replies, of which there is one."""

    message: ChatMessage
    finish_reason: str | None = None


class ChatAnswer(_Answer):
    """What POST /chat/completions answers."""

    choices: Annotated[tuple[ChatChoice, ...], Field(min_length=1)]
    usage: Tokens | None = None


class PieceChoice(_Answer):
    """What a stream adds to a reply."""

    delta: ChatMessage = ChatMessage()
    finish_reason: str | None = None


class ChatPiece(_Answer):
    """One event of a streamed reply; the last ones may only count."""

    choices: tuple[PieceChoice, ...] = ()
    usage: Tokens | None = None
    error: Any = None


class TokenLogprobs(_Answer):
    """Of the tokens of a completion."""

    token_logprobs: tuple[float, ...]
    top_logprobs: tuple[dict[str, float], ...] = ()


class TokenChoice(_Answer):
    """One completion in tokens, as vLLM gives it."""

    token_ids: tuple[int, ...]
    logprobs: TokenLogprobs
    finish_reason: Literal["stop", "length"]


class TokenAnswer(_Answer):
    """What vLLM's POST /completions answers."""

    model: str
    choices: Annotated[tuple[TokenChoice, ...], Field(min_length=1)]
    usage: Tokens | None = None


class Meter:
    """Counts what an engine has done.

    Args:
        price_in: of a million tokens of prompts.
        price_out: of a million generated tokens.
    """

    def __init__(self, price_in: float = 0.0, price_out: float = 0.0) -> None:
        self.usage = Usage()
        self._price_in = price_in
        self._price_out = price_out

    def count_retry(self) -> None:
        """One more request was sent again."""
        self.usage = self.usage.plus(Usage(retries=1))

    def count_answer(self, counted: Tokens | None) -> None:
        """One more request was answered; not every server counts tokens."""
        told = counted or Tokens()
        details = told.prompt_tokens_details or PromptDetails()
        num_out = told.completion_tokens or 0
        self.usage = self.usage.plus(
            Usage(
                requests=1,
                prompt_tokens=told.prompt_tokens,
                cached_tokens=details.cached_tokens or 0,
                completion_tokens=num_out,
                cost=(told.prompt_tokens * self._price_in + num_out * self._price_out) / MILLION,
            )
        )


def answer_reader(model: type[Answer]) -> Reader[Answer]:
    """Reads a whole answer."""

    async def read(response: httpx.Response) -> Answer:
        return parse_answer(await response.aread(), model)

    return read


async def read_text(response: httpx.Response) -> str:
    """Reads an answer that is no JSON."""
    return (await response.aread()).decode("utf-8", "replace")


def parse_answer(raw: bytes, model: type[Answer]) -> Answer:
    """An answer, from JSON.

    Raises:
        Broken: no JSON, or of another shape.
    """
    try:
        return model.model_validate(json.loads(raw.decode("utf-8", "replace")))
    except ValidationError as problem:
        error = problem.errors()[0]
        raise MalformedAnswer(f"{'.'.join(map(str, error['loc']))}: {error['msg']}") from None
    except ValueError as problem:
        raise MalformedAnswer(f"no JSON: {problem}") from None


def is_overflow(refusal: Refusal) -> bool:
    """Whether the server refused because the prompt, or prompt and reply, don't fit into the model's context."""
    return refusal.status == 413 or (refusal.status in (400, 422) and bool(_OVERFLOW.search(refusal.reason)))


def find_unsupported(refusal: Refusal, sent: Iterable[str]) -> str | None:
    """The first of the parameters sent that the server says it doesn't take; None where it says nothing like that."""
    if refusal.status not in (400, 422) or not _UNSUPPORTED.search(refusal.reason):
        return None
    places = {name: re.search(rf"\b{name}\b", refusal.reason) for name in sent}
    named = {name: found.start() for name, found in places.items() if found}
    return min(named, key=lambda name: named[name], default=None)
