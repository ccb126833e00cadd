"""vLLM's own server, which takes and returns token ids with log-probs: its completions can be trained on.

Prompts are encoded here, with the tokenizer of the served model, which keeps an opponent's text from becoming a special
token. Every answer names its model, and the name contains the adapter's hash.
"""

import asyncio
import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._adapter_settings import read_lora_settings
from mirrormatch.agents.engines._adapter_weights import check_finite, check_fit, check_weights
from mirrormatch.agents.engines._background_loop import BackgroundLoop
from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._token_engine import TokenEngine, load_tokenizer, read_end_ids
from mirrormatch.agents.engines._types import Completion, Sampling, Usage
from mirrormatch.agents.engines._vllm_limits import RANKS, check_adapter, check_temperature
from mirrormatch.agents.engines.openai.answers import (
    Meter,
    TokenAnswer,
    TokenPiece,
    is_overflow,
    parse_answer,
    validate_answer,
)
from mirrormatch.agents.engines.openai.bodies import Beat, MalformedAnswer, read_body, read_events
from mirrormatch.agents.engines.openai.chat_server import refusal_message
from mirrormatch.agents.engines.openai.http import Client, Refusal
from mirrormatch.agents.engines.openai.vllm_lora import PREFIX, BatchGate, ServedAdapters
from mirrormatch.errors import UserError

NUM_SCORED = 64  # places per request: vLLM compares 128 tokens at most, and a request costs more than a place
_MAX_ATTEMPTS = 3  # of one request, when the server has lost its adapter
_PATH = "completions"


class NoTokenIds(Exception):
    """The server lists its models as vLLM does, but its completions have no token ids with log-probs (SGLang)."""


class TokenServer(TokenEngine):
    """One base model on a vLLM server, and any number of LoRA adapters on it.

    Log-probs are those of `Completion`, with one exception: with top_p or top_k, a server started with
    `--logprobs-mode processed_logprobs` reports log-probs after their filtering.

    Args:
        model: the server's name of the base model.
        names: all of the server's names of it.
        root: the base model's folder or id, on the server and here.
        context: maximum number of tokens of prompt and reply together.
        client: the server.
        loop: the client's event loop.
        meter: counts requests and tokens.
        mixed: generate base rows and adapter rows together: safe on GPUs.
        stream: whether completions are streamed. One that isn't may take no longer than the client's `timeout_s`.
        template: the chat template's options.

    Raises:
        NoTokenIds: it isn't vLLM's server.
    """

    def __init__(
        self,
        model: str,
        names: frozenset[str],
        root: str,
        context: int,
        client: Client,
        loop: BackgroundLoop,
        meter: Meter,
        mixed: bool = False,
        stream: bool = True,
        template: TemplateSettings | None = None,
    ) -> None:
        ends = read_end_ids(root, local_only=True)
        super().__init__(root, load_tokenizer(root, local_only=True), template or TemplateSettings(), ends)
        self._model = model
        self._names = names
        self._context = context
        self._client = client
        self._loop = loop
        self._meter = meter
        self._adapters = ServedAdapters(client)
        self._sides = BatchGate(mixed)
        self._stream = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        self._at_temperature = loop.call(self._returns_logprobs_at_temperature())

    @property
    def usage(self) -> Usage:
        """The engine's counts since its start."""
        return self._meter.usage

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        self._check_temperature(sampling)
        room = self._context - len(prompt_ids)
        if room < 1:
            return Completion.empty(adapter)
        body = self._body(prompt_ids, sampling, min(sampling.max_tokens, room), seed) | self._stream
        try:
            choice = (await self._loop.run(self._post(body, adapter))).choices[0]
        except Refusal as refusal:
            if is_overflow(refusal):
                return Completion.empty(adapter)
            raise UserError(refusal_message(self._client.url, self._model, refusal)) from None
        return Completion(
            token_ids=choice.token_ids,
            logprobs=choice.logprobs.token_logprobs,
            text=self._client.hide_key(self._encoder.decode(choice.token_ids)),
            finish=choice.finish_reason,
            adapter=adapter,
        )

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        ids = (*prompt_ids, *continuation_ids)
        if len(ids) > self._context:
            raise UserError(f"{len(ids)} tokens can't be scored: {self._model!r} reads {self._context} at most")
        places = range(len(prompt_ids), len(ids))
        groups = [places[k : k + NUM_SCORED] for k in range(0, len(places), NUM_SCORED)]
        found = await asyncio.gather(*(self._loop.run(self._score(ids, group, adapter)) for group in groups))
        return tuple(itertools.chain(*found))

    def load(self, adapter_path: Path) -> str:
        folder = _adapters.find_adapter(adapter_path)
        settings = read_lora_settings(folder)
        check_weights(folder, settings, self._base_shapes)
        name = _adapters.content_hash(folder)
        _adapters.check_base(folder, self.base, self.fingerprint)
        check_adapter(folder, settings, RANKS[-1])
        check_fit(folder, self.base, self._base_shapes)
        check_finite(folder)
        self._loop.call(self._adapters.add(name, folder))
        return name

    def close(self) -> None:
        """Closes all connections."""
        self._loop.call(self._client.close())

    def _check_temperature(self, sampling: Sampling) -> None:
        temperature = sampling.temperature
        check_temperature(temperature)
        if temperature not in (0.0, 1.0) and not self._at_temperature:
            raise UserError(
                f"temperature {temperature:g}: the server at {self._client.url!r} reports log-probs at temperature 1 "
                "only; start it with --logprobs-mode processed_logprobs, or add ',mode=chat' to play without them"
            )

    def _body(self, prompt_ids: Sequence[int], sampling: Sampling, max_tokens: int, seed: int) -> dict[str, Any]:
        """A request, with every parameter for which the served model's folder could contain a default."""
        body: dict[str, Any] = {
            "prompt": list(prompt_ids),
            "max_tokens": max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": seed,
            "logprobs": 0,  # of the drawn token only
            "return_token_ids": True,
            "add_special_tokens": False,
            "skip_special_tokens": False,  # a stop string may be one
            "ignore_eos": True,  # the encoder defines the tokens that end a turn, in every engine
            "stop_token_ids": sorted(self.end_ids),
        }
        if sampling.stop:
            body |= {"stop": list(sampling.stop), "include_stop_str_in_output": True}
        if sampling.constraint:
            body["structured_outputs"] = {"regex": sampling.constraint}
        return body

    async def _score(self, ids: Sequence[int], places: Sequence[int], adapter: str | None) -> tuple[float, ...]:
        """The log-probabilities of the ids at these places, each requested as the next token after the ids before it.

        The server reads the prompts' common beginning once. vLLM's own way, `prompt_logprobs`, reads everything again,
        and ends its process on a CPU when adapters are enabled.
        """
        body = self._body(ids, Sampling(temperature=0), 1, 0) | {
            "prompt": [list(ids[:k]) for k in places],
            "logprob_token_ids": sorted({ids[k] for k in places}),
            "return_tokens_as_token_ids": True,
        }
        try:
            choices = (await self._post(body, adapter)).choices
        except Refusal as refusal:
            raise UserError(refusal_message(self._client.url, self._model, refusal)) from None
        tops = [choice.logprobs.top_logprobs for choice in choices]
        names = [f"token_id:{ids[k]}" for k in places]
        if len(tops) != len(names) or any(not top or name not in top[0] for top, name in zip(tops, names, strict=True)):
            raise UserError(f"the server at {self._client.url!r} doesn't score given tokens: vLLM 0.31 does")
        return tuple(top[0][name] for top, name in zip(tops, names, strict=True))

    async def _post(self, body: dict[str, Any], adapter: str | None) -> TokenAnswer:
        """The server's answer to one request, checked to be the requested model's."""
        async with self._sides.enter(adapter is not None):
            for num_left in reversed(range(_MAX_ATTEMPTS)):
                name = self._model if adapter is None else await self._adapters.ensure_loaded(adapter)
                try:
                    read = functools.partial(read_tokens, budget=body["max_tokens"])
                    answer = await self._client.request(_PATH, {"model": name, **body}, read)
                    break
                except Refusal as refusal:
                    if adapter is None or refusal.status != 404 or not num_left:
                        raise
                    self._adapters.forget(adapter)
        allowed = self._names if adapter is None else {PREFIX + adapter}
        if answer.model not in allowed:
            raise UserError(f"{self._client.url!r} was asked for {name!r}, and {answer.model!r} answered")
        self._meter.count_answer(answer.usage)
        return answer

    async def _returns_logprobs_at_temperature(self) -> bool:
        """Whether log-probs are those at a request's temperature: with top_k = 1 the token then has log-prob 0."""
        sampling = Sampling(temperature=0.5, top_k=1)
        body = self._body(self.complete("a")[-1:], sampling, 1, 0)
        try:
            answer = await self._client.request(_PATH, {"model": self._model, **body}, _read_probe)
        except Refusal as refusal:
            if refusal.status in (401, 403):
                raise UserError(refusal_message(self._client.url, self._model, refusal)) from None
            raise NoTokenIds(f"its completions take no token ids ({refusal.status}: {refusal.reason})") from None
        return answer.choices[0].logprobs.token_logprobs == (0.0,)


async def read_tokens(response: httpx.Response, beat: Beat, budget: int) -> TokenAnswer:
    """Reads a completion of up to `budget` tokens, whole or streamed."""
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        answer = await _read_stream(response, beat, budget)
    else:
        answer = parse_answer(await read_body(response), TokenAnswer)
    if (most := max(len(choice.token_ids) for choice in answer.choices)) > budget:
        raise MalformedAnswer(f"a completion of {most} tokens, of which {budget} were requested")
    return answer


async def _read_stream(response: httpx.Response, beat: Beat, budget: int) -> TokenAnswer:
    ids, logprobs = list[int](), list[float]()
    model, finish, usage = "", None, None
    async for data in read_events(response, beat, budget):
        if data == "[DONE]":
            break
        piece = parse_answer(data.encode(), TokenPiece)
        model, usage = piece.model, piece.usage or usage
        for choice in piece.choices[:1]:
            ids += choice.token_ids or ()
            logprobs += choice.logprobs.token_logprobs if choice.logprobs else ()
            finish = choice.finish_reason or finish
    if finish is None:
        raise httpx.RemoteProtocolError("the stream ended before the completion did")
    whole = {"token_ids": ids, "logprobs": {"token_logprobs": logprobs}, "finish_reason": finish}
    answer = validate_answer({"model": model, "choices": [whole]}, TokenAnswer)
    return answer.model_copy(update={"usage": usage})


async def _read_probe(response: httpx.Response, beat: Beat) -> TokenAnswer:
    try:
        return parse_answer(await read_body(response), TokenAnswer)
    except MalformedAnswer:
        raise NoTokenIds("its completions have no token ids") from None
