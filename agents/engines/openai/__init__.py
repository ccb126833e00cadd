"""Any server with OpenAI's protocol: `openai:MODEL@URL`, like `openai:nano@http://127.0.0.1:8000/v1`.

The server's list of models decides between two engines. vLLM lists a model's folder or id: if its tokenizer can be
read here, the engine sends tokens, and the model can be trained and take adapters (vllm_server.py). Every other server
is sent messages (chat_server.py). The key is read from the environment and kept out of all records, logs and errors.
"""

import atexit
import difflib
import functools
import os
import re
from typing import Annotated, Literal, NamedTuple

import httpx
from pydantic import BaseModel, ConfigDict, Field

from mirrormatch.agents.engines._background_loop import BackgroundLoop
from mirrormatch.agents.engines._engine import SpecSettings, read_settings
from mirrormatch.agents.engines._token_engine import load_tokenizer
from mirrormatch.agents.engines.openai.answers import Card, Cards, Meter, answer_reader
from mirrormatch.agents.engines.openai.chat_server import ChatServer, refusal_message
from mirrormatch.agents.engines.openai.http import Client, Refusal, RetryPolicy, is_local
from mirrormatch.agents.engines.openai.vllm_lora import PREFIX
from mirrormatch.agents.engines.openai.vllm_server import TokenServer
from mirrormatch.errors import UserError

DEFAULT_KEY_ENV = "OPENAI_API_KEY"
MAX_LISTED_MODELS = 8  # in the error for an unknown model: hosted servers have hundreds
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[\x21-\x7e]+")  # the characters allowed in a header


class OpenAISettings(BaseModel):
    """The engine's options: `openai:MODEL@URL,stream=yes,deadline_s=600`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: Annotated[float, Field(gt=0, description="longest wait for a byte, or a streamed event")] = 60.0
    deadline_s: Annotated[float, Field(gt=0, description="longest time for one reply, retries included")] = 120.0
    outage_s: Annotated[float, Field(ge=0, description="longest wait for an unreachable server, besides")] = 120.0
    backoff_s: Annotated[float, Field(gt=0, description="longest first wait before a retry; it doubles")] = 0.5
    max_connections: Annotated[int, Field(ge=1, description="number of requests at once")] = 64
    price_in: Annotated[float, Field(ge=0, description="price of a million prompt tokens, to compute the cost")] = 0.0
    price_out: Annotated[float, Field(ge=0, description="price of a million generated tokens")] = 0.0
    key_env: Annotated[str, Field(description="name of the environment variable with the key")] = DEFAULT_KEY_ENV
    stream: Annotated[
        bool | None, Field(description="stream replies; messages only; none: for players who watch the reply")
    ] = None
    mode: Annotated[
        Literal["auto", "token", "chat"],
        Field(description="what is sent; auto: tokens if possible"),
    ] = "auto"
    mixed: Annotated[
        bool, Field(description="base and adapter rows in one batch: faster, but wrong in vLLM's builds for CPUs")
    ] = False


class Target(NamedTuple):
    """A model's name on its server, and the server's URL."""

    model: str
    url: str


@functools.cache  # never evicted: `atexit` closes the connections
def engine(target: str, settings: SpecSettings = ()) -> ChatServer | TokenServer:
    """The engine of a served model: one per process, whose agents share its connections."""
    found = connect(target, settings)
    atexit.register(found.close)
    return found


def connect(text: str, settings: SpecSettings = ()) -> ChatServer | TokenServer:
    """Reads the server's list of models and makes the engine for one of them.

    Raises:
        UserError: the server or the model isn't there, or doesn't support the wanted mode.
    """
    _check_key_env(settings)
    chosen = read_settings("openai", OpenAISettings, settings)
    target = parse_target(text)
    meter = Meter(chosen.price_in, chosen.price_out)
    policy = RetryPolicy(chosen.timeout_s, chosen.deadline_s, chosen.outage_s, chosen.backoff_s)
    client = Client(target.url, read_key(target.url, chosen.key_env), policy, chosen.max_connections, meter.count_retry)
    try:
        return _make_engine(target, chosen, client, meter)
    except BaseException:
        _loop().call(client.close())
        raise


def parse_target(text: str) -> Target:
    """Parses MODEL@URL.

    Raises:
        UserError: the text has another form.
    """
    found = re.fullmatch(r"(.+?)@(https?://[^\s]+)", text)
    if not found:
        raise UserError(f"openai:{text!r} is not MODEL@URL: write it like openai:llama3.2@http://127.0.0.1:11434/v1")
    try:
        url = httpx.URL(found[2])
    except httpx.InvalidURL as problem:
        raise UserError(f"{found[2]!r} is no URL: {problem}") from None
    if url.userinfo or url.query:
        raise UserError("the URL of a server takes no password or query: a key comes from the environment (key_env)")
    if not url.host:
        raise UserError(f"{found[2]!r} names no host")
    return Target(found[1], found[2].rstrip("/"))


def read_key(url: str, key_env: str) -> str | None:
    """The key from the environment. The default key is never sent over plain HTTP to another host.

    Raises:
        UserError: the named variable is empty, or contains characters that no key has.
    """
    key = os.environ.get(key_env, "").strip()
    if not key and key_env != DEFAULT_KEY_ENV:
        raise UserError(f"key_env={key_env}: there is no such environment variable, or it is empty")
    if key and not _KEY.fullmatch(key):
        raise UserError(f"the key in {key_env} holds characters that no key has (it isn't shown here)")
    if key_env == DEFAULT_KEY_ENV and url.startswith("http://") and not is_local(url):
        return None
    return key or None


def _check_key_env(settings: SpecSettings) -> None:
    """Checks the variable's name before any message could quote it: a user may have written the key itself."""
    if not _VARIABLE.fullmatch(dict(settings).get("key_env", DEFAULT_KEY_ENV)):
        raise UserError("key_env takes the name of an environment variable; what was given is none (nor shown here)")


def _make_engine(target: Target, chosen: OpenAISettings, client: Client, meter: Meter) -> ChatServer | TokenServer:
    cards = _fetch_cards(target, client)
    card = next((card for card in cards if card.id == target.model), None)
    if card is None:
        raise _unknown_model_error(target, [card.id for card in cards if not card.id.startswith(PREFIX)])
    reason = _reason_for_chat(card, chosen)
    if reason and chosen.mode == "token":
        raise UserError(f"{target.model!r} at {target.url!r} can't be sent tokens: {reason}")
    if reason:
        return ChatServer(target.model, client, _loop(), meter, reason, chosen.timeout_s, chosen.stream)
    assert card.root is not None and card.max_model_len is not None
    names = frozenset(c.id for c in cards if c.root == card.root and not c.parent)
    return TokenServer(card.id, names, card.root, card.max_model_len, client, _loop(), meter, chosen.mixed)


def _fetch_cards(target: Target, client: Client) -> tuple[Card, ...]:
    try:
        return _loop().call(client.request("models", None, answer_reader(Cards), waits=False)).data
    except Refusal as refusal:
        if refusal.status not in (404, 405) and not 300 <= refusal.status < 400:
            raise UserError(refusal_message(target.url, target.model, refusal)) from None
        near = "" if target.url.endswith("/v1") else f", did you mean {target.url + '/v1'!r}?"
        reason = f": {refusal.reason}" if refusal.reason else ""
        raise UserError(f"{target.url!r} lists no models ({refusal.status}{reason}){near}") from None


def _unknown_model_error(target: Target, names: list[str]) -> UserError:
    """The error that lists the server's models, the nearest name first."""
    nearest = sorted(names, key=lambda n: -difflib.SequenceMatcher(None, n.lower(), target.model.lower()).ratio())
    named = ", ".join(repr(n) for n in nearest[:MAX_LISTED_MODELS])
    more = f" and {len(nearest) - MAX_LISTED_MODELS} more" if len(nearest) > MAX_LISTED_MODELS else ""
    return UserError(f"{target.url!r} has no model {target.model!r}; it serves {named or 'none'}{more}")


def _reason_for_chat(card: Card, chosen: OpenAISettings) -> str:
    """Why the model is sent messages; empty if it can be sent tokens."""
    if chosen.mode == "chat":
        return "mode=chat is set"
    if chosen.stream:
        return "stream=yes is set, which works with messages only"
    if card.parent:
        return f"it is an adapter; name its base, {card.parent!r}"
    if not card.root or not card.max_model_len:
        return "only vLLM's server exposes token ids and takes adapters"
    try:
        load_tokenizer(card.root, local_only=True)
    except UserError as problem:
        return f"its tokenizer can't be read here: {problem}"
    return ""


@functools.cache
def _loop() -> BackgroundLoop:
    """The event loop of all servers' clients; it has one thread."""
    return BackgroundLoop("openai")


ENGINE = engine
