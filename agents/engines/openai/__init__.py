"""Any server that speaks OpenAI's protocol: `openai:MODEL@URL`, like `openai:nano@http://127.0.0.1:8000/v1`.

What the server says about its models decides how it is asked. vLLM tells where a model is from: if that can be read
here, it is asked in tokens, and can be trained and given adapters (openai_tokens.py). Every other server is sent
messages (openai_chat.py). The key is read from the environment and kept out of everything that is written or shown.
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
MAX_LISTED_MODELS = 8  # models named to somebody who asked for one that isn't there: hosted servers have hundreds
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[\x21-\x7e]+")  # what may stand in a header


class OpenAISettings(BaseModel):
    """What may be turned about the engine: `openai:MODEL@URL,stream=yes,deadline_s=600`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: Annotated[float, Field(gt=0, description="without a byte, or a streamed event, from the server")] = 60.0
    deadline_s: Annotated[float, Field(gt=0, description="for one reply, retries included")] = 120.0
    outage_s: Annotated[float, Field(ge=0, description="for a server that is gone, beside the deadline")] = 120.0
    backoff_s: Annotated[float, Field(gt=0, description="longest first wait before a retry; it doubles")] = 0.5
    max_connections: Annotated[int, Field(ge=1, description="requests under way at once")] = 64
    price_in: Annotated[float, Field(ge=0, description="of a million tokens of prompts, for the costs")] = 0.0
    price_out: Annotated[float, Field(ge=0, description="of a million generated tokens")] = 0.0
    key_env: Annotated[str, Field(description="the environment variable with the key")] = DEFAULT_KEY_ENV
    stream: Annotated[
        bool | None, Field(description="take replies as they are written; messages only; none: while somebody watches")
    ] = None
    mode: Annotated[Literal["auto", "token", "chat"], Field(description="tokens, messages, or what there is")] = "auto"
    mixed: Annotated[
        bool, Field(description="base and adapter rows at once: faster, but wrong in vLLM's builds for CPUs")
    ] = False


class Target(NamedTuple):
    """A model, as its server calls it, and where the server is."""

    model: str
    url: str


@functools.cache
def engine(target: str, settings: SpecSettings = ()) -> ChatServer | TokenServer:
    """The engine of a served model: one per process, so that all its agents share connections."""
    found = connect(target, settings)
    atexit.register(found.close)
    return found


def connect(target: str, settings: SpecSettings = ()) -> ChatServer | TokenServer:
    """Asks the server what it has, and how it can be asked.

    Raises:
        UserError: no such server or model, or none that can be asked in the wanted way.
    """
    _check_key_env(settings)
    chosen = read_settings("openai", OpenAISettings, settings)
    place = parse_target(target)
    meter = Meter(chosen.price_in, chosen.price_out)
    policy = RetryPolicy(chosen.timeout_s, chosen.deadline_s, chosen.outage_s, chosen.backoff_s)
    client = Client(place.url, read_key(place.url, chosen.key_env), policy, chosen.max_connections, meter.count_retry)
    try:
        return _make_engine(place, chosen, client, meter)
    except BaseException:
        _loop().call(client.close())
        raise


def parse_target(target: str) -> Target:
    """Takes MODEL@URL apart.

    Raises:
        UserError: it isn't that.
    """
    found = re.fullmatch(r"(.+?)@(https?://[^\s]+)", target)
    if not found:
        raise UserError(f"openai:{target!r} is not MODEL@URL: write it like openai:llama3.2@http://127.0.0.1:11434/v1")
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
    """The key from the environment. Over plain HTTP, one that nobody named leaves this machine not at all.

    Raises:
        UserError: the named variable is empty, or holds what can't be a key.
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
    """Before any message could repeat it: somebody may have written the key itself."""
    if not _VARIABLE.fullmatch(dict(settings).get("key_env", DEFAULT_KEY_ENV)):
        raise UserError("key_env takes the name of an environment variable; what was given is none (nor shown here)")


def _make_engine(place: Target, chosen: OpenAISettings, client: Client, meter: Meter) -> ChatServer | TokenServer:
    cards = _fetch_cards(place, client)
    card = next((card for card in cards if card.id == place.model), None)
    if card is None:
        raise _unknown_model_error(place, [card.id for card in cards if not card.id.startswith(PREFIX)])
    why = _reason_for_chat(card, chosen)
    if why and chosen.mode == "token":
        raise UserError(f"{place.model!r} at {place.url!r} can't be asked in tokens: {why}")
    if why:
        return ChatServer(place.model, client, _loop(), meter, why, chosen.timeout_s, chosen.stream)
    assert card.root is not None and card.max_model_len is not None
    names = frozenset(c.id for c in cards if c.root == card.root and not c.parent)
    return TokenServer(card.id, names, card.root, card.max_model_len, client, _loop(), meter, chosen.mixed)


def _fetch_cards(place: Target, client: Client) -> tuple[Card, ...]:
    try:
        return _loop().call(client.request("models", None, answer_reader(Cards), waits=False)).data
    except Refusal as refusal:
        if refusal.status not in (404, 405) and not 300 <= refusal.status < 400:
            raise UserError(refusal_message(place.url, place.model, refusal)) from None
        near = "" if place.url.endswith("/v1") else f", did you mean {place.url + '/v1'!r}?"
        said = f": {refusal.reason}" if refusal.reason else ""
        raise UserError(f"{place.url!r} lists no models ({refusal.status}{said}){near}") from None


def _unknown_model_error(place: Target, names: list[str]) -> UserError:
    """Names what is there, nearest first."""
    nearest = sorted(names, key=lambda n: -difflib.SequenceMatcher(None, n.lower(), place.model.lower()).ratio())
    named = ", ".join(repr(n) for n in nearest[:MAX_LISTED_MODELS])
    more = f" and {len(nearest) - MAX_LISTED_MODELS} more" if len(nearest) > MAX_LISTED_MODELS else ""
    return UserError(f"{place.url!r} has no model {place.model!r}; it serves {named or 'none'}{more}")


def _reason_for_chat(card: Card, chosen: OpenAISettings) -> str:
    """Why the model is sent messages; nothing where it can be asked in tokens."""
    if chosen.mode == "chat":
        return "mode=chat was asked for"
    if chosen.stream:
        return "stream=yes was asked for, which goes with messages only"
    if card.parent:
        return f"it is an adapter; ask for its base, {card.parent!r}"
    if not card.root or not card.max_model_len:
        return "only vLLM's server tells tokens and takes adapters"
    try:
        load_tokenizer(card.root, local_only=True)
    except UserError as problem:
        return f"its tokenizer can't be read here: {problem}"
    return ""


@functools.cache
def _loop() -> BackgroundLoop:
    """One thread for all servers."""
    return BackgroundLoop("openai")


ENGINE = engine
