"""The answers of servers with OpenAI's protocol: the fields that are read, and the kinds of their errors.

Servers agree on little: a field that some of them lack is optional here, and errors are classified by their wording.
"""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, TypeVar

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mirrormatch.agents.engines._types import Usage
from mirrormatch.agents.engines.openai.bodies import MAX_ANSWER_BYTES, Beat, MalformedAnswer, read_body
from mirrormatch.agents.engines.openai.http import ErrorAnswer, Reader, Refusal
from mirrormatch.config_file import describe_validation_error
from mirrormatch.text import replace_surrogates

Answer = TypeVar("Answer", bound=BaseModel)

PRICED_TOKENS = 1_000_000  # number of tokens that a price is for

# The wording of OpenAI, vLLM, llama.cpp, LM Studio, SGLang, TGI, Mistral, Gemini and Anthropic, in this order.
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
_SYSTEM_ROLE = re.compile(r"system|jinja|template|alternate|roles?\b", re.IGNORECASE)
_OUTAGES = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})  # finish reasons
# Kinds of errors inside a 200 that name no status, in the words of their code, type and message.
_STATUSES = (
    (429, re.compile(r"rate.?limit|too.many.requests|quota", re.IGNORECASE)),
    (404, re.compile(r"unexpected endpoint|not.found", re.IGNORECASE)),
    (401, re.compile(r"api.?key|authentication|unauthorized", re.IGNORECASE)),
    (503, re.compile(r"overloaded|unavailable|server.error|internal.error|time.?out|bad.gateway", re.IGNORECASE)),
    (400, re.compile(r"invalid.request|context.length|bad.request|not.support", re.IGNORECASE)),
)


def _content_text(value: Any) -> Any:
    """The text of a message's content, which is a text, nothing, or a list of parts."""
    if isinstance(value, list):
        value = "".join(str(part.get("text", "")) for part in value if isinstance(part, dict))
    return replace_surrogates(value) if isinstance(value, str) else "" if value is None else value


Text = Annotated[str, BeforeValidator(_content_text)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]  # exact in a floating-point number
TokenId = Annotated[int, Field(ge=0, lt=1 << 31)]
Logprob = Annotated[float, Field(allow_inf_nan=False)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PromptDetails(_Answer):
    """Counts of the prompt's tokens."""

    cached_tokens: Count | None = None


class Tokens(_Answer):
    """A server's token counts."""

    prompt_tokens: Count = 0
    completion_tokens: Count | None = 0
    prompt_tokens_details: PromptDetails | None = None


class Meta(_Answer):
    """What llama.cpp adds to a card."""

    n_vocab: Annotated[int, Field(ge=0, le=1 << 22)] = 0


class Card(_Answer):
    """A model that a server offers. vLLM adds its folder or id, its context, and an adapter's parent."""

    id: str
    root: str | None = None
    parent: str | None = None
    max_model_len: Count | None = None
    owned_by: str | None = None
    meta: Annotated[Meta | None, BeforeValidator(lambda given: given if isinstance(given, dict) else None)] = None


class Cards(_Answer):
    """The answer of GET /models, which is a list alone on some servers."""

    data: tuple[Card, ...]

    @model_validator(mode="before")
    @classmethod
    def _wrap_list(cls, given: Any) -> Any:
        return {"data": given} if isinstance(given, list) else given


class ChatMessage(_Answer):
    """A message, or a piece of one in a stream."""

    content: Text = ""
    reasoning_content: Text = ""
    reasoning: Text = ""

    @property
    def thinking(self) -> str:
        """The reasoning in a field of its own, which has either of two names."""
        return self.reasoning_content or self.reasoning


class ChatChoice(_Answer):
    """One of the replies; a request is for a single one."""

    message: ChatMessage
    finish_reason: str | None = None


class ChatAnswer(_Answer):
    """The answer of POST /chat/completions."""

    choices: Annotated[tuple[ChatChoice, ...], Field(min_length=1)]
    usage: Tokens | None = None


class PieceChoice(_Answer):
    """A stream's addition to a reply."""

    delta: ChatMessage = ChatMessage()
    finish_reason: str | None = None


class ChatPiece(_Answer):
    """One event of a streamed reply; the last ones may contain counts alone."""

    choices: tuple[PieceChoice, ...] = ()
    usage: Tokens | None = None


class TokenLogprobs(_Answer):
    """Log-probs of a completion's tokens."""

    token_logprobs: tuple[Logprob, ...]
    top_logprobs: tuple[dict[str, Logprob], ...] = ()


class TokenChoice(_Answer):
    """One completion in tokens, as vLLM returns it."""

    token_ids: tuple[TokenId, ...]
    logprobs: TokenLogprobs
    finish_reason: Literal["stop", "length"]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        num_ids, num_logprobs = len(self.token_ids), len(self.logprobs.token_logprobs)
        if num_ids != num_logprobs:
            raise ValueError(f"{num_ids} tokens with {num_logprobs} log-probs")
        return self


class TokenAnswer(_Answer):
    """The answer of vLLM's POST /completions."""

    model: str
    choices: Annotated[tuple[TokenChoice, ...], Field(min_length=1)]
    usage: Tokens | None = None


class TokenPieceChoice(_Answer):
    """A stream's addition to a completion in tokens."""

    token_ids: tuple[TokenId, ...] | None = None
    logprobs: TokenLogprobs | None = None
    finish_reason: str | None = None


class TokenPiece(_Answer):
    """One event of a streamed completion in tokens; the last one may contain counts alone."""

    model: str
    choices: tuple[TokenPieceChoice, ...] = ()
    usage: Tokens | None = None


class Meter:
    """Counts an engine's requests, tokens and cost.

    Args:
        price_in: price of a million prompt tokens.
        price_out: price of a million generated tokens.
    """

    def __init__(self, price_in: float = 0.0, price_out: float = 0.0) -> None:
        self.usage = Usage()
        self._price_in = price_in
        self._price_out = price_out

    def count_retry(self) -> None:
        """Counts a repeated request."""
        self.usage = self.usage.plus(Usage(retries=1))

    def count_answer(self, counted: Tokens | None) -> None:
        """Counts an answered request; not every server returns token counts."""
        counts = counted or Tokens()
        details = counts.prompt_tokens_details or PromptDetails()
        num_out = counts.completion_tokens or 0
        self.usage = self.usage.plus(
            Usage(
                requests=1,
                prompt_tokens=counts.prompt_tokens,
                cached_tokens=details.cached_tokens or 0,
                completion_tokens=num_out,
                cost=(counts.prompt_tokens * self._price_in + num_out * self._price_out) / PRICED_TOKENS,
            )
        )


def answer_reader(model: type[Answer], limit: int = MAX_ANSWER_BYTES) -> Reader[Answer]:
    """A reader of whole JSON answers of up to `limit` bytes."""

    async def read(response: httpx.Response, beat: Beat) -> Answer:
        return parse_answer(await read_body(response, limit), model)

    return read


async def read_text(response: httpx.Response, beat: Beat) -> str:
    """Reads an answer that isn't JSON."""
    return (await read_body(response)).decode("utf-8", "replace")


def parse_answer(raw: bytes, model: type[Answer]) -> Answer:
    """Parses an answer in JSON.

    Raises:
        MalformedAnswer: it isn't JSON, or has another shape.
        ErrorAnswer: it contains an error.
    """
    try:
        found = json.loads(raw.decode("utf-8", "replace"))
        if error := _find_error(found):
            raise ErrorAnswer(_error_status(error), json.dumps({"error": error}).encode())
        return validate_answer(found, model)
    except (ValueError, RecursionError) as problem:
        raise MalformedAnswer(f"no JSON: {problem}") from None


def validate_answer(found: Any, model: type[Answer]) -> Answer:
    """Checks a parsed answer's shape.

    Raises:
        MalformedAnswer: it has another one.
    """
    try:
        return model.model_validate(found)
    except ValidationError as problem:
        raise MalformedAnswer(describe_validation_error(problem)) from None


def check_finish(choice: ChatChoice) -> ChatChoice:
    """A reply, which may be empty or cut off, but was ended by the model or the budget.

    Raises:
        ErrorAnswer: the server ended it for an outage.
        MalformedAnswer: nothing ended it, and it is empty.
    """
    if choice.finish_reason in _OUTAGES:
        raise ErrorAnswer(503, f"the reply ends with finish_reason {choice.finish_reason!r}".encode())
    if choice.finish_reason is None and not (choice.message.content or choice.message.thinking):
        raise MalformedAnswer("an empty reply without a finish_reason")
    return choice


def _find_error(answer: Any) -> Any:
    """The error inside an answer: at its top, or in its choice; None if there is none."""
    if not isinstance(answer, dict):
        return None
    if answer.get("object") == "error":
        return answer
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return answer.get("error") or (first.get("error") if isinstance(first, dict) else None)


def _error_status(error: Any) -> int | None:
    """The status that an error names in a number or in words; None if it names none."""
    fields = error if isinstance(error, dict) else {"message": error}
    named = [str(fields.get(name, "")) for name in ("code", "status", "status_code", "type", "message")]
    numbers = (int(n) for n in named[:3] if re.fullmatch("[45][0-9][0-9]", n))
    words = (status for text in named for status, kind in _STATUSES if kind.search(text))
    return next(numbers, None) or next(words, None)


def is_overflow(refusal: Refusal) -> bool:
    """Whether the server refused because the prompt, or prompt and reply, don't fit into the model's context."""
    return refusal.status == 413 or (refusal.status in (400, 422) and bool(_OVERFLOW.search(refusal.reason)))


def may_refuse_system_role(refusal: Refusal) -> bool:
    """Whether the server may have refused the messages for the system role among them."""
    return refusal.status == 500 or (refusal.status in (400, 422) and names_role(refusal))


def names_role(refusal: Refusal) -> bool:
    """Whether the reason is about roles or the chat template."""
    return bool(_SYSTEM_ROLE.search(refusal.reason))


def find_unsupported(refusal: Refusal, sent: Iterable[str]) -> str | None:
    """The first sent parameter that the refusal names as unsupported; None if it names none."""
    if refusal.status not in (400, 422) or not _UNSUPPORTED.search(refusal.reason):
        return None
    places = {name: re.search(rf"\b{name}\b", refusal.reason) for name in sent}
    named = {name: found.start() for name, found in places.items() if found}
    return min(named, key=lambda name: named[name], default=None)
