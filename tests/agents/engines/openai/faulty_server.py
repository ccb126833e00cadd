"""A scripted server with OpenAI's protocol, which misbehaves on purpose.

In a test it is a thread: `FaultyServer()` answers every request plainly, unless `faults` has another answer for it.
As a program, `python faulty_server.py PORT`, it is a process that can be killed; its answers depend on the prompt and
the seed alone. It imports nothing but the standard library.
"""

import asyncio
import hashlib
import json
import re
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self, TypeAlias

MODEL = "tiny"
CONTEXT = 512
MAX_RANK = 16
NUM_TOKENS = 6  # of a completion in tokens, the end token included


class Received(NamedTuple):
    """A received request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Fault: TypeAlias = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def raw_answer(body: bytes, status: int = 200, **headers: str) -> Fault:
    """Answers with these bytes."""

    async def answer(asked: Received, writer: asyncio.StreamWriter) -> None:
        named = {"content-type": "application/json", "content-length": str(len(body))}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        writer.write(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body)
        await writer.drain()

    return answer


def json_answer(body: Any, status: int = 200, **headers: str) -> Fault:
    """Answers with JSON."""
    return raw_answer(json.dumps(body).encode(), status, **headers)


def error_answer(status: int, message: str, **headers: str) -> Fault:
    """Answers with an error in OpenAI's form."""
    return json_answer({"error": {"message": message, "type": "error", "param": None, "code": None}}, status, **headers)


def chat_body(content: Any, finish: str = "stop", **more: Any) -> Any:
    """The body of a chat completion."""
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 6}}
    message = {"role": "assistant", "content": content, **more}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}


def event_stream(*events: Any, stalls: bool = False, comments: bool = False) -> Fault:
    """Answers with server-sent events; then closes the connection, or stalls, with or without comments."""

    async def answer(asked: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event)
            writer.write(f"data: {text}\n\n".encode())
        await writer.drain()
        while stalls:
            if comments:
                writer.write(b": still here\n\n")
            await asyncio.sleep(0.005)
        writer.close()

    return answer


def reply_events(*texts: str, finish: str | None = "stop", usage: Any = None) -> tuple[Any, ...]:
    """The events of a streamed reply."""
    deltas = [{"choices": [{"delta": {"content": text}, "finish_reason": None}]} for text in texts]
    last: Any = {"choices": [{"delta": {}, "finish_reason": finish}]}
    counted: Any = {"choices": [], "usage": usage or {"prompt_tokens": 7, "completion_tokens": len(texts)}}
    return (*deltas, last, counted, "[DONE]")


async def silence(asked: Received, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()


async def drop(asked: Received, writer: asyncio.StreamWriter) -> None:
    """Closes the connection without an answer."""
    writer.transport.abort()


async def drop_in_mid_body(asked: Received, writer: asyncio.StreamWriter) -> None:
    """Closes the connection in the middle of the body."""
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"choices": [')
    await writer.drain()
    writer.close()


@dataclass
class FaultyServer:
    """The server in a thread, for a `with` block.

    Attributes:
        root: its model's folder, as vLLM lists it; None imitates any other server.
        lora: whether it takes adapters.
        key: the required key.
        at_temperature: whether its log-probs are those at a request's temperature.
        claimed_model: the model named in its answers; None names the requested one.
        models: the names in its list of models, which are those that it answers to.
        aliases: further names that it answers to.
        listing: the form of its list of models; None: there is no list.
        list_answer: the answer to a request for the list of models; None for the list.
        owner: the owner of its models in the list; "llamacpp" imitates a llama.cpp server that hides its settings.
        token_ids: whether its completions have token ids; False imitates SGLang.
        missing: the answer at every other address.
        refusal: the answer to messages with a system role; None takes them.
        reply_s: seconds that a reply takes, one after the other; None answers all at once.
        streams: whether it streams; otherwise it answers a request for a stream with a whole reply.
        faults: one for each of the next POSTs; None answers plainly.
        always: a fault for every POST.
        port: the port to listen on; 0 chooses one.
    """

    root: str | None = None
    lora: bool = True
    key: str | None = None
    at_temperature: bool = True
    claimed_model: str | None = None
    models: tuple[str, ...] = (MODEL,)
    aliases: tuple[str, ...] = ()
    listing: Literal["object", "list"] | None = "object"
    list_answer: Fault | None = None
    owner: str | None = None
    token_ids: bool = True
    missing: Fault = field(default_factory=lambda: json_answer({"detail": "Not Found"}, 404))
    refusal: Fault | None = None
    reply_s: float | None = None
    streams: bool = True
    faults: deque[Fault | None] = field(default_factory=deque)
    always: Fault | None = None
    port: int = 0
    received: list[Received] = field(default_factory=list)
    adapters: dict[str, str] = field(default_factory=dict)
    client_left: threading.Event = field(default_factory=threading.Event)  # by a client without its answer
    max_at_once: int = 0
    waiting_at: list[int] = field(default_factory=list)  # number of requests in the server at each reply's end
    _inside: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def posts(self) -> list[Received]:
        """The requests without those for models and log-probs, which an engine sends when it connects."""
        return [a for a in self.received if a.method == "POST" and not _is_probe(a)]

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty server", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, at: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def start(self) -> None:
        self._turn = asyncio.Lock()
        self._server = await asyncio.start_server(self._handle_connection, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        for socket in self._server.sockets:
            self._loop.remove_reader(socket.fileno())
        mine = asyncio.current_task()
        while tasks := [t for t in asyncio.all_tasks() if t is not mine]:
            await asyncio.sleep(0)  # a task that is cancelled before its first step would leave its socket open
            self._server.close()  # earlier, asyncio would leave connections open that it is accepting
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._server.close()
        await asyncio.sleep(0)  # transports close their sockets one turn later

    async def _handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _read_request(reader)) is not None:
                self.received.append(asked)
                self._inside += 1
                self.max_at_once = max(self.max_at_once, self._inside)
                try:
                    await self._answer_or_leave(asked, reader, writer)
                    self.waiting_at.append(self._inside - 1)
                finally:
                    self._inside -= 1
                if writer.is_closing():
                    return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _answer_or_leave(
        self, asked: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = asyncio.ensure_future(self._answer(asked)(asked, writer))
        left = asyncio.ensure_future(_wait_for_end(reader))
        try:
            await asyncio.wait((answer, left), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                self.client_left.set()
                raise ConnectionResetError
            await answer
        finally:
            for task in (answer, left):
                task.cancel()
            await asyncio.gather(answer, left, return_exceptions=True)

    def _answer(self, asked: Received) -> Fault:
        if self.key is not None and asked.headers.get("authorization") != f"Bearer {self.key}":
            return error_answer(401, f"Incorrect API key provided: {asked.headers.get('authorization', 'none')}")
        if asked.method == "POST" and not _is_probe(asked):
            fault = self.faults.popleft() if self.faults else self.always
            if fault is not None:
                return fault
        if asked.path == "/v1/models" and self.list_answer is not None:
            return self.list_answer
        plain = {
            "/v1/models": self._models if self.listing else None,
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._completion,
            "/v1/load_lora_adapter": self._load if self.lora else None,
            "/v1/unload_lora_adapter": self._unload if self.lora else None,
        }.get(asked.path)
        return plain(asked.body) if plain else self.missing

    def _models(self, body: Any) -> Fault:
        vllm = {"root": self.root, "max_model_len": CONTEXT, "parent": None} if self.root else {}
        cards = [{"id": name, "object": "model", "owned_by": self.owner, **vllm} for name in self.models]
        held = [{"id": name, "root": path, "parent": MODEL} for name, path in self.adapters.items()]
        listed = [*cards, *held]
        return json_answer(listed if self.listing == "list" else {"object": "list", "data": listed})

    def _chat(self, body: Any) -> Fault:
        """Replies with a legal move of the last list of moves, or else a number, chosen by prompt and seed."""
        if body["model"] not in (*self.models, *self.aliases, *self.adapters):
            return error_answer(404, f"model '{body['model']}' not found")
        if not body["messages"]:
            return error_answer(400, "messages are empty")
        if self.refusal is not None and any(m["role"] == "system" for m in body["messages"]):
            return self.refusal
        prompt = body["messages"][-1]["content"]
        listed = re.findall(r"Legal moves: (.*)\.", prompt)
        moves = listed[-1].split(", ") if listed else [str(n) for n in range(10)]
        text = f"<think>Well.</think>\\boxed{{{moves[_draw(body['messages'], body.get('seed')) % len(moves)]}}}"
        whole = chat_body(text)
        if body.get("stream") and self.streams:
            return self._in_turn(event_stream(*reply_events(text[:9], text[9:], usage=whole["usage"])))
        return self._in_turn(json_answer(whole))

    def _in_turn(self, fault: Fault) -> Fault:
        """The same answer after `reply_s` seconds, and after all earlier ones."""
        if self.reply_s is None:
            return fault

        async def answer(asked: Received, writer: asyncio.StreamWriter) -> None:
            async with self._turn:
                await asyncio.sleep(self.reply_s or 0)
                await fault(asked, writer)

        return answer

    def _completion(self, body: Any) -> Fault:
        if body["model"] not in (*self.models, *self.adapters):
            return error_answer(404, f"The model `{body['model']}` does not exist.")
        if "logprob_token_ids" in body:
            tops = {f"token_id:{token}": -token / 100 for token in body["logprob_token_ids"]}
            scored = {"token_logprobs": [-0.5], "top_logprobs": [tops]}
            choices = [{"token_ids": [1], "logprobs": scored, "finish_reason": "length"} for _ in body["prompt"]]
            return json_answer({"model": body["model"], "choices": choices})
        num = min(NUM_TOKENS, body["max_tokens"])
        drawn = _draw(body["model"], body["prompt"], body["seed"])
        ids = [100 + (drawn >> 8 * k) % 100 for k in range(num)]
        if num == NUM_TOKENS:
            ids[-1] = body["stop_token_ids"][0]
        logprob = 0.0 if _is_probe(Received("POST", "/v1/completions", {}, body)) and self.at_temperature else -0.5
        choice = {
            "token_ids": ids,
            "logprobs": {"token_logprobs": [logprob] * num},
            "finish_reason": "stop" if num == NUM_TOKENS else "length",
        }
        if not self.token_ids:
            del choice["token_ids"]
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": num}
        model = self.claimed_model or body["model"]
        if body.get("stream"):
            return self._in_turn(event_stream(*_completion_events(model, choice), {"model": model, "usage": usage}))
        return self._in_turn(json_answer({"model": model, "choices": [choice], "usage": usage}))

    def _load(self, body: Any) -> Fault:
        name, path = body["lora_name"], body["lora_path"]
        if name in self.adapters:
            return error_answer(400, f"The lora adapter '{name}' has already been loaded.")
        with open(f"{path}/adapter_config.json", encoding="utf-8") as file:
            rank = json.load(file)["r"]
        if rank > MAX_RANK:
            return error_answer(500, f"add_lora failed: LoRA rank {rank} is greater than max_lora_rank {MAX_RANK}.")
        self.adapters[name] = path
        return raw_answer(b"Success")

    def _unload(self, body: Any) -> Fault:
        if body["lora_name"] not in self.adapters:
            return error_answer(404, "The lora adapter cannot be found.")
        del self.adapters[body["lora_name"]]
        return raw_answer(b"Success")


def _completion_events(model: str, choice: Any) -> Iterator[Any]:
    """The events of a streamed completion, two tokens each, the last of which ends it."""
    ids, logprobs = choice["token_ids"], choice["logprobs"]["token_logprobs"]
    for k in range(0, len(ids), 2):
        finish = choice["finish_reason"] if k + 2 >= len(ids) else None
        part = {"token_ids": ids[k : k + 2], "logprobs": {"token_logprobs": logprobs[k : k + 2]}}
        yield {"model": model, "choices": [{**part, "finish_reason": finish}]}


async def _wait_for_end(reader: asyncio.StreamReader) -> None:
    """Waits until the client disconnects, without reading further requests."""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.002)


def _is_probe(asked: Received) -> bool:
    """Whether the request probes for log-probs at a request's temperature."""
    return asked.path == "/v1/completions" and (asked.body["top_k"], asked.body["max_tokens"]) == (1, 1)


def _draw(*what: Any) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(what).encode()).digest()[:8], "big")


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    first = (await reader.readline()).decode().split()
    if not first:
        return None
    headers = {}
    while (line := (await reader.readline()).decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(first[0], first[1], headers, json.loads(body) if body else None)


async def serve(port: int) -> None:
    """Serves until the process is killed."""
    await FaultyServer(port=port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
