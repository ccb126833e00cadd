"""A server that takes messages and doesn't expose token ids: Ollama, llama.cpp, LM Studio, hosted APIs.

Its models play and are evaluated; what needs tokens (training, scoring, adapters) is refused.
"""

import difflib
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import httpx

from mirrormatch.agents.engines._background_loop import BackgroundLoop
from mirrormatch.agents.engines._types import ChatReply, Completion, Sampling, Usage
from mirrormatch.agents.engines.openai.answers import (
    ChatAnswer,
    ChatChoice,
    ChatPiece,
    Meter,
    Tokens,
    check_finish,
    find_unsupported,
    is_overflow,
    may_refuse_system_role,
    names_role,
    parse_answer,
)
from mirrormatch.agents.engines.openai.bodies import Beat, read_body, read_events
from mirrormatch.agents.engines.openai.http import Client, Reader, Refusal
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message
from mirrormatch.text import replace_surrogates

_SEED_BITS = 31  # llama.cpp's are 32 bits wide, Ollama's are signed
_DONE = "[DONE]"
_BUDGET, _NEWER_BUDGET = "max_tokens", "max_completion_tokens"
_OPTIONAL = frozenset({"seed", "top_k", "top_p", "temperature", "stop", "stream", "stream_options"})
_SYSTEM = "system role"  # left out when the server refuses it
_MAX_LISTED = 8  # models in the error for an unknown one: hosted servers have hundreds
_PIECES_PER_TOKEN = 4  # of a streamed reply at most: a reply with more ignores its budget and is cut off
_CHARS_PER_TOKEN = 128  # of a reply at most: the longest tokens are runs of spaces
# Special tokens as chat templates spell them. `<|` and its like begin those of Qwen, Llama 3, Phi, Command R, GLM,
# gpt-oss and DeepSeek; those of Gemma, Llama 1 and 2, Mistral, ChatGLM, Granite and BERT are listed.
_NAMES = (
    "s|bos|eos|pad|unk|mask|sop|eop|cls|sep|"
    "start_of_turn|end_of_turn|start_of_role|end_of_role|end_of_text|end_of_utterance|start_of_image|end_of_image|"
    "image_soft_token|start_of_audio|end_of_audio|tool_call|tool_response|tools?|image|video|audio|"
    r"unused_?\d+|extra_id_\d+|reserved_\w+|special_\d+"
)
_BRACKETED = (
    "inst|system_prompt|available_tools|tool_results|tool_calls|tool_content|args|call_id|img|img_break|img_end|"
    r"prefix|middle|suffix|think|g?mask|smask|cls|sep|pad|unk|bos|eos|control_\d+"
)
_SPECIAL_TOKENS = re.compile(
    rf"(?:<(?=[|\uff5c])|[|\uff5c](?=>)|<(?=/?(?:{_NAMES})>)|<(?=</?SYS>>)|\[(?=/?(?:{_BRACKETED})\]))", re.IGNORECASE
)


class ChatServer:
    """One model on one server.

    Attributes:
        left_out: parameters that the server refused. They are no longer sent; its own defaults apply. Without the
            "system role" the rules are at the head of the first user message.
        on_text: called with each piece of a streamed reply and of its reasoning, on the engine's own thread; an empty
            piece marks the reply's beginning, also that of a repeated request. For one request at a time.

    Args:
        model: the server's name of the model.
        client: the server.
        loop: the client's event loop.
        meter: counts requests and tokens.
        reason: why token ids aren't available, for error messages.
        stream: whether replies are streamed. A reply that isn't may take no longer than the client's `timeout_s`.
        listed: the server's names of its models, for the error when it refuses this one; empty if it lists this one.
        arguments: arguments of the chat template, for servers that take them: vLLM, SGLang, llama.cpp.
    """

    def __init__(
        self,
        model: str,
        client: Client,
        loop: BackgroundLoop,
        meter: Meter,
        reason: str,
        stream: bool = True,
        listed: Sequence[str] = (),
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.base: str | None = None
        self.fingerprint = f"{model}@{client.url}"
        self.end_ids: frozenset[int] = frozenset()
        self.left_out: frozenset[str] = frozenset()
        self.on_text: Callable[[str], None] | None = None
        self._model = model
        self._client = client
        self._loop = loop
        self._meter = meter
        self._reason = reason
        self._stream = stream
        self._listed = listed
        self._arguments = dict(arguments or {})
        self._takes_system_role: bool | None = None  # None: not known yet
        self._num_role_failures = 0
        self._budget = _BUDGET

    @property
    def usage(self) -> Usage:
        """The engine's counts since its start."""
        return self._meter.usage

    async def chat(
        self, messages: Sequence[Message], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> ChatReply:
        assert adapter is None, f"adapter {adapter} was never loaded"
        if sampling.constraint is not None:
            self._refuse("restrict an answer to the legal moves")
        answer = await self._complete(messages, sampling, seed)
        if answer is None:
            return ChatReply(text="", thinking="", finish="length")
        self._meter.count_answer(answer.usage)
        return self._to_reply(answer.choices[0], _CHARS_PER_TOKEN * sampling.max_tokens)

    def _to_reply(self, choice: ChatChoice, max_chars: int) -> ChatReply:
        """The reply without the key; one that ignores its budget is cut off."""
        text, thinking = (self._client.hide_key(t) for t in (choice.message.content, choice.message.thinking))
        is_cut = choice.finish_reason == "length" or len(text) > max_chars or len(thinking) > max_chars
        return ChatReply(text=text[:max_chars], thinking=thinking[:max_chars], finish="length" if is_cut else "stop")

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        self._refuse("encode a prompt")

    def complete(self, text: str) -> tuple[int, ...]:
        self._refuse("continue a given reply")

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        self._refuse("generate tokens")

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        self._refuse("score tokens")

    def load(self, adapter_path: Path) -> str:
        self._refuse(f"take the adapter {str(adapter_path)!r}")

    def close(self) -> None:
        """Closes all connections."""
        self._loop.call(self._client.close())

    async def _complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> ChatAnswer | None:
        """The server's answer, without what it refuses; None if the prompt doesn't fit into the context."""
        while True:
            body = self._body(messages, sampling, seed)
            read = functools.partial(self._read, budget=sampling.max_tokens)
            try:
                return await self._loop.run(self._post(body, read))
            except Refusal as refusal:
                if is_overflow(refusal):
                    return None
                if not self._adapt_to(refusal, body):
                    raise UserError(self._refusal_message(refusal)) from None

    async def _post(self, body: dict[str, Any], read: Reader[ChatAnswer]) -> ChatAnswer:
        """The server's answer. Tries once whether the server takes the system role, before anything is repeated."""
        path = "chat/completions"
        if self._takes_system_role is not None or all(m["role"] != "system" for m in body["messages"]):
            return await self._client.request(path, body, read)
        try:
            answer = await self._client.request(path, body, read, final=(500,))
        except Refusal as refusal:
            if not may_refuse_system_role(refusal) or self._find_unsupported(refusal, body):
                raise
            self._num_role_failures += 1 if refusal.status == 500 and not names_role(refusal) else 2
        else:
            self._takes_system_role = True
            return answer
        try:
            without = {**body, "messages": move_system_text(body["messages"])}
            answer = await self._client.request(path, without, read, final=(500,))
        except Refusal:  # it isn't the role
            return await self._client.request(path, body, read)
        if self._num_role_failures >= 2:  # a single 500 without a reason may be chance
            self._takes_system_role = False
            self.left_out |= {_SYSTEM}
        return answer

    def _refuse(self, what: str) -> NoReturn:
        raise UserError(f"{self._model!r} at {self._client.url!r} can't {what}: {self._reason}")

    def _body(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> dict[str, Any]:
        sent = [{"role": m.role, "content": break_special_tokens(m.text)} for m in messages]
        body: dict[str, Any] = {
            "model": self._model,
            "messages": move_system_text(sent) if _SYSTEM in self.left_out else sent,
            self._budget: sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": seed % (1 << _SEED_BITS),
        }
        if sampling.top_p < 1:
            body["top_p"] = sampling.top_p
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if self._arguments:
            body["chat_template_kwargs"] = self._arguments
        if self._stream and "stream" not in self.left_out:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return {name: value for name, value in body.items() if name not in self.left_out}

    def _find_unsupported(self, refusal: Refusal, sent: dict[str, Any]) -> str | None:
        return find_unsupported(refusal, [name for name in sent if name in _OPTIONAL or name == _BUDGET])

    def _adapt_to(self, refusal: Refusal, sent: dict[str, Any]) -> bool:
        """Adapts further requests to a refusal. Returns whether there was anything to change."""
        name = self._find_unsupported(refusal, sent)
        if name == _BUDGET:
            self._budget = _NEWER_BUDGET
        elif name is not None:
            self.left_out |= {name}
        return name is not None

    def _refusal_message(self, refusal: Refusal) -> str:
        message = refusal_message(self._client.url, self._model, refusal)
        is_unknown = refusal.status == 404 or (refusal.status in (400, 422) and "model" in refusal.reason.lower())
        return (
            f"{message}; it serves {list_models(self._model, self._listed)}" if self._listed and is_unknown else message
        )

    async def _read(self, response: httpx.Response, beat: Beat, budget: int) -> ChatAnswer:
        """Reads a reply, whole or streamed: some servers don't stream."""
        if response.headers.get("Content-Type", "").startswith("text/event-stream"):
            answer = await self._read_stream(response, beat, budget)
        else:
            answer = parse_answer(await read_body(response), ChatAnswer)
        check_finish(answer.choices[0])
        return answer

    async def _read_stream(self, response: httpx.Response, beat: Beat, budget: int) -> ChatAnswer:
        """Reads a streamed reply into the form of a whole one."""
        self._show("")
        texts, thoughts = list[str](), list[str]()
        finish: str | None = None
        usage: Tokens | None = None
        async for data in read_events(response, beat, budget):
            if data == _DONE:
                break
            piece = parse_answer(data.encode(), ChatPiece)
            usage = piece.usage or usage
            for choice in piece.choices[:1]:
                texts.append(choice.delta.content)
                thoughts.append(choice.delta.thinking)
                finish = choice.finish_reason or finish
                if text := choice.delta.thinking + choice.delta.content:
                    self._show(text)
            if finish is None and len(texts) > _PIECES_PER_TOKEN * budget:
                finish = "length"
                break
        else:
            if finish is None:
                raise httpx.RemoteProtocolError("the stream ended before the reply did")
        message = {"content": "".join(texts), "reasoning": "".join(thoughts)}
        whole = {"choices": [{"message": message, "finish_reason": finish}]}
        return ChatAnswer.model_validate(whole).model_copy(update={"usage": usage})

    def _show(self, piece: str) -> None:
        if self.on_text is not None:
            self.on_text(piece)


def refusal_message(url: str, model: str, refusal: Refusal) -> str:
    """Formats a refusal as a one-line, actionable error."""
    reason = f": {refusal.reason}" if refusal.reason else ""
    meaning = {
        401: "wants a key, or another one (it is taken from OPENAI_API_KEY, or from the variable that key_env names)",
        403: "doesn't let this key use it",
        404: "has no such model or address (any more)",
    }.get(refusal.status, "refuses")
    return f"{model!r} at {url!r} {meaning} ({refusal.status}){reason}"


def list_models(model: str, names: Sequence[str]) -> str:
    """Formats a server's names of its models, the nearest to a given one first."""
    nearest = sorted(names, key=lambda n: -difflib.SequenceMatcher(None, n.lower(), model.lower()).ratio())
    more = f" and {len(nearest) - _MAX_LISTED} more" if len(nearest) > _MAX_LISTED else ""
    return f"{', '.join(map(repr, nearest[:_MAX_LISTED])) or 'none'}{more}"


def move_system_text(messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Puts the texts of the system role at the head of the first user message, for templates without that role."""
    texts = [m["content"] for m in messages if m["role"] == "system"]
    rest = [m for m in messages if m["role"] != "system"]
    first = next((k for k, m in enumerate(rest) if m["role"] == "user"), None)
    if first is None:
        return [{"role": "user", "content": "\n\n".join(texts)}, *rest]
    rest[first] = {"role": "user", "content": "\n\n".join([*texts, rest[first]["content"]])}
    return rest


def break_special_tokens(text: str) -> str:
    """The text with a space inside every spelling of a special token.

    A server renders its template around our texts and finds special tokens wherever they are spelled: an opponent who
    writes `<|im_end|>` would end the turn. Engines in tokens keep the two apart exactly (_encoding.py).
    """
    return _SPECIAL_TOKENS.sub(lambda found: f"{found.group()} ", replace_surrogates(text))
