"""llama.cpp's server, which takes and returns token ids with log-probs, and decodes answers by a grammar.

Prompts are encoded as for local models, by the server's tokenizer (llama_tokenizer.py). Its default filters (top_k 40,
top_p 0.95, min_p 0.05) are off unless requested. Adapters are chosen when the server starts, so its models play and are
evaluated, never trained.
"""

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field

from mirrormatch.agents.engines._background_loop import BackgroundLoop
from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._token_engine import EncodingEngine
from mirrormatch.agents.engines._types import Completion, Sampling, Usage
from mirrormatch.agents.engines.openai.answers import (
    Count,
    Logprob,
    Meter,
    PromptDetails,
    TokenId,
    Tokens,
    answer_reader,
    is_overflow,
    parse_answer,
)
from mirrormatch.agents.engines.openai.bodies import MAX_ANSWER_BYTES, Beat, read_body, read_events
from mirrormatch.agents.engines.openai.chat_server import refusal_message
from mirrormatch.agents.engines.openai.http import Client, Refusal
from mirrormatch.agents.engines.openai.llama_grammar import to_gbnf
from mirrormatch.agents.engines.openai.llama_tokenizer import Answer, Content, LlamaTokenizer
from mirrormatch.errors import UserError

_PATH = "/completion"
_SEEDS = (1 << 32) - 1  # the greatest one means a random seed
_FORCED = 1_000.0  # a bias that outweighs every logit
_LEAST_PROBABILITY = 1e-38  # a rounded zero
_WHOLE_VOCABULARY = 1 << 22  # more tokens than any model has
_VOCABULARY_BYTES = 128 << 20  # of an answer that lists it; usual are 20 MB


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Slot(_Answer):
    """The part of the server's settings that holds for one request at a time."""

    n_ctx: Annotated[Count, Field(ge=1)]


class Props(_Answer):
    """The answer of GET /props."""

    default_generation_settings: Slot
    chat_template: str = ""
    bos_token: str = ""
    eos_token: str = ""


class Candidate(_Answer):
    """A token with its log-probability at temperature 1, or its probability after temperature and filters."""

    id: TokenId
    logprob: Logprob = 0.0
    prob: Annotated[float | None, Field(ge=0, le=1.001)] = None  # rounded


class Drawn(Candidate):
    """A drawn token, and the most probable ones in its place."""

    top_logprobs: tuple[Candidate, ...] = ()


class Timings(_Answer):
    """The server's counts of the prompt's tokens, those from its cache apart."""

    cache_n: Count = 0
    prompt_n: Count = 0


class Piece(_Answer):
    """An answer of POST /completion, or one event of a streamed one.

    Tokens inside a character are missing in a stream, and have no probabilities in either.
    """

    content: str = ""
    tokens: tuple[TokenId, ...] = ()
    completion_probabilities: tuple[Drawn, ...] = ()
    stop_type: Literal["none", "eos", "limit", "word"] | None = None
    tokens_predicted: Count = 0
    timings: Timings = Timings()


class LlamaServer(EncodingEngine):
    """One model on a llama.cpp server.

    Log-probs are those of `Completion`, with one exception: at temperatures other than 0 and 1, top_p and top_k are
    applied before them.

    Attributes:
        on_text: see `StreamingEngine`.

    Args:
        model: the name given to the model.
        num_tokens: size of its vocabulary.
        props: the server's settings.
        client: the server.
        loop: the client's event loop.
        meter: counts requests and tokens.
        stream: whether completions are streamed. One that isn't may take no longer than the client's `timeout_s`.
        template: the chat template's options.
    """

    def __init__(
        self,
        model: str,
        num_tokens: int,
        props: Props,
        client: Client,
        loop: BackgroundLoop,
        meter: Meter,
        stream: bool = True,
        template: TemplateSettings | None = None,
    ) -> None:
        self.base: str | None = None
        self.fingerprint = f"{model}@{client.url}"
        self.on_text: Callable[[str], None] | None = None
        self._model = model
        self._context = props.default_generation_settings.n_ctx
        self._client = client
        self._loop = loop
        self._meter = meter
        self._stream = stream
        tokenizer = LlamaTokenizer(model, num_tokens, props.chat_template, props.bos_token, props.eos_token, self._ask)
        super().__init__(tokenizer, template or TemplateSettings(), frozenset())

    @property
    def usage(self) -> Usage:
        """The engine's counts since its start."""
        return self._meter.usage

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        assert adapter is None, f"adapter {adapter} was never loaded"
        room = min(sampling.max_tokens, self._context - len(prompt_ids))
        if room < 1:
            return Completion.empty(adapter)
        try:
            return await self._loop.run(self._generate(prompt_ids, sampling, room, seed))
        except Refusal as refusal:
            if is_overflow(refusal):
                return Completion.empty(adapter)
            raise self._error(refusal) from None

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        if len(prompt_ids) + len(continuation_ids) > self._context:
            num = len(prompt_ids) + len(continuation_ids)
            raise UserError(f"{num} tokens can't be scored: {self._model!r} reads {self._context} at most")
        try:
            return await self._loop.run(self._score(tuple(prompt_ids), tuple(continuation_ids)))
        except Refusal as refusal:
            raise self._error(refusal) from None

    def load(self, adapter_path: Path) -> str:
        raise UserError(
            f"{self._model!r} at {self._client.url!r} can't take the adapter {str(adapter_path)!r}: "
            "llama.cpp loads adapters in its own format, when it starts"
        )

    def close(self) -> None:
        """Closes all connections."""
        self._loop.call(self._client.close())

    def _ask(self, path: str, body: Any, model: type[Answer]) -> Answer:
        try:
            return self._loop.call(self._client.request(path, body, answer_reader(model)))
        except Refusal as refusal:
            raise self._error(refusal) from None

    def _error(self, refusal: Refusal) -> UserError:
        return UserError(refusal_message(self._client.url, self._model, refusal))

    # Generation.

    async def _generate(self, prompt_ids: Sequence[int], sampling: Sampling, room: int, seed: int) -> Completion:
        body = self._body(prompt_ids, sampling, room, seed)
        read = functools.partial(self._read, budget=room)
        pieces = await self._client.request(_PATH, {**body, "stream": self._stream}, read)
        if self._stream and _has_gap(pieces):
            pieces = await self._client.request(_PATH, {**body, "stream": False}, read)
        last = pieces[-1]
        ids = tuple(i for piece in pieces for i in piece.tokens)
        drawn = [d for piece in pieces for d in piece.completion_probabilities]
        self._count(last.timings, len(ids))
        is_ended = last.stop_type == "eos" and len(ids) > 0
        if is_ended:
            self._encoder.end_ids |= {ids[-1]}
        shown = {"tokens": ids[:-1] if is_ended else ids}
        text = (await self._client.request("/detokenize", shown, answer_reader(Content))).content
        return Completion(
            token_ids=ids,
            logprobs=await self._align(tuple(prompt_ids), ids, drawn, sampling.temperature),
            text=self._client.hide_key(text),
            finish="length" if last.stop_type == "limit" else "stop",
            adapter=None,
        )

    def _count(self, counts: Timings, num_generated: int) -> None:
        """Counts an answered request."""
        cached = PromptDetails(cached_tokens=counts.cache_n)
        num_prompt = counts.cache_n + counts.prompt_n
        self._meter.count_answer(
            Tokens(prompt_tokens=num_prompt, completion_tokens=num_generated, prompt_tokens_details=cached)
        )

    def _body(self, prompt_ids: Sequence[int], sampling: Sampling, max_tokens: int, seed: int) -> dict[str, Any]:
        """A request, with every parameter for which the server has a default that would change the distribution."""
        body: dict[str, Any] = {
            "prompt": list(prompt_ids),
            "n_predict": max_tokens,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": 0.0,
            "typical_p": 1.0,
            "repeat_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "samplers": ["top_k", "top_p", "temperature"],
            "seed": seed % _SEEDS,
            "n_probs": 1,
            "post_sampling_probs": sampling.temperature not in (0.0, 1.0),
            "return_tokens": True,
            "cache_prompt": True,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.constraint:
            body["grammar"] = to_gbnf(sampling.constraint)
        return body

    async def _read(self, response: httpx.Response, beat: Beat, budget: int) -> list[Piece]:
        """Reads a completion, in one piece or streamed."""
        if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            return [parse_answer(await read_body(response), Piece)]
        self._show("")
        pieces = list[Piece]()
        async for data in read_events(response, beat, budget):
            piece = parse_answer(data.encode(), Piece)
            pieces.append(piece)
            self._show(piece.content)
        if not pieces or pieces[-1].stop_type is None:
            raise httpx.RemoteProtocolError("the stream ended before the completion did")
        return pieces

    def _show(self, text: str) -> None:
        if self.on_text is not None:
            self.on_text(text)

    async def _align(
        self, prompt_ids: tuple[int, ...], ids: tuple[int, ...], drawn: Sequence[Drawn], temperature: float
    ) -> tuple[float, ...]:
        """One log-prob per id; those that the server left out are requested."""
        left, found = list(drawn), list[float]()
        for k, token in enumerate(ids):
            if left and left[0].id == token:
                first = left.pop(0)
                found.append(first.logprob if first.prob is None else math.log(max(first.prob, _LEAST_PROBABILITY)))
            else:
                found.append(await self._score_token((*prompt_ids, *ids[:k]), token, temperature or 1.0))
        return tuple(found)

    # Scoring.

    async def _score(self, prompt_ids: tuple[int, ...], ids: tuple[int, ...]) -> tuple[float, ...]:
        """One after the other: the server reads only the newest token each time."""
        return tuple([await self._score_token((*prompt_ids, *ids[:k]), token) for k, token in enumerate(ids)])

    async def _score_token(self, ids: Sequence[int], token: int, temperature: float = 1.0) -> float:
        """The log-prob of the token after the ids: the server reports it for a token that a bias forces.

        A part of a character, and another temperature, take the log-probs of the whole vocabulary.
        """
        if temperature == 1.0 and (forced := await self._force(ids, token, 1)):
            return forced[0].logprob
        ends = await self._force(ids, min(self.end_ids), _WHOLE_VOCABULARY)
        logits = {c.id: c.logprob / temperature for end in ends[:1] for c in end.top_logprobs}
        if token not in logits:
            raise UserError(f"the server at {self._client.url!r} gives no log-prob of the token {token}")
        return logits[token] - math.log(math.fsum(map(math.exp, logits.values())))

    async def _force(self, ids: Sequence[int], token: int, num_listed: int) -> tuple[Drawn, ...]:
        body = self._body(ids, Sampling(temperature=0), 1, 0)
        body |= {"logit_bias": [[token, _FORCED]], "n_probs": num_listed}
        read = answer_reader(Piece, MAX_ANSWER_BYTES if num_listed == 1 else _VOCABULARY_BYTES)
        return (await self._client.request(_PATH, body, read)).completion_probabilities


async def read_props(client: Client) -> Props:
    """The server's settings.

    Raises:
        Refusal: it isn't llama.cpp's server, or doesn't show them.
    """
    return await client.request("/props", None, answer_reader(Props), waits=False)


def _has_gap(pieces: Sequence[Piece]) -> bool:
    """Whether the stream left tokens out, which are parts of characters."""
    return sum(len(piece.tokens) for piece in pieces) < pieces[-1].tokens_predicted
