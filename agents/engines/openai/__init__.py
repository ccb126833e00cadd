"""Any server with OpenAI's protocol: `openai:MODEL@URL`, like `openai:nano@http://127.0.0.1:8000/v1`.

The server's list of models decides between three engines. vLLM lists a model's folder or id: if its tokenizer can be
read here, the engine sends tokens, and the model can be trained and take adapters (vllm_server.py). llama.cpp's server
has the tokenizer itself and takes tokens too, without adapters (llama_server.py). Every other server is sent messages
(chat_server.py). A model that the server doesn't list is tried: many servers know it under more than one name. The key
is read from the environment and kept out of all records, logs and errors.
"""

import atexit
import functools
import os
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import httpx

from mirrormatch.agents.engines._background_loop import BackgroundLoop
from mirrormatch.agents.engines._engine import SpecSettings, read_settings
from mirrormatch.agents.engines._settings import DEFAULT_KEY_ENV, OpenAISettings
from mirrormatch.agents.engines._token_engine import load_tokenizer
from mirrormatch.agents.engines.openai.answers import Card, Cards, ChatAnswer, Meter, parse_answer, read_text
from mirrormatch.agents.engines.openai.bodies import MalformedAnswer
from mirrormatch.agents.engines.openai.chat_server import ChatServer, list_models, refusal_message
from mirrormatch.agents.engines.openai.http import (
    Client,
    ErrorAnswer,
    Refusal,
    RetryPolicy,
    extract_reason,
    is_local,
)
from mirrormatch.agents.engines.openai.llama_server import LlamaServer, Props, read_props
from mirrormatch.agents.engines.openai.vllm_lora import PREFIX
from mirrormatch.agents.engines.openai.vllm_server import NoTokenIds, TokenServer
from mirrormatch.errors import UserError

_PROBED = range(500, 600)  # statuses that end a probe, instead of being retried
_LLAMA = "llamacpp"  # the owner of llama.cpp's models in its list
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[\x21-\x7e]+")  # the characters allowed in a header


AnyServer: TypeAlias = ChatServer | LlamaServer | TokenServer


class Target(NamedTuple):
    """A model's name on its server, and the server's URL."""

    model: str
    url: str


@functools.cache  # never evicted: `atexit` closes the connections
def engine(target: str, settings: SpecSettings = ()) -> AnyServer:
    """The engine of a served model: one per process, whose agents share its connections."""
    found = connect(target, settings)
    atexit.register(found.close)
    return found


def connect(text: str, settings: SpecSettings = ()) -> AnyServer:
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


def _make_engine(target: Target, chosen: OpenAISettings, client: Client, meter: Meter) -> AnyServer:
    cards = _fetch_cards(target, client)
    names = [card.id for card in cards if not card.id.startswith(PREFIX)]
    card = _find_card(target.model, cards)
    num_tokens = card.meta.n_vocab if card is not None and card.meta is not None else 0
    if card is not None and card.owned_by == _LLAMA and num_tokens and chosen.mode != "chat":
        props = _find_llama(client)
        if props is not None:
            return LlamaServer(target.model, num_tokens, props, client, _loop(), meter, chosen.stream, chosen)
    reason = _reason_for_chat(target, card, names, chosen)
    if card is not None and not reason:
        assert card.root is not None and card.max_model_len is not None
        same = frozenset(c.id for c in cards if c.root == card.root and not c.parent)
        context, mixed, stream = card.max_model_len, chosen.mixed, chosen.stream
        try:
            return TokenServer(card.id, same, card.root, context, client, _loop(), meter, mixed, stream, chosen)
        except NoTokenIds as problem:
            reason = str(problem)
    if chosen.mode == "token":
        raise UserError(f"{target.model!r} at {target.url!r} can't be sent tokens: {reason}")
    _check_template(target, chosen)
    listed = () if card else names
    return ChatServer(target.model, client, _loop(), meter, reason, chosen.stream, listed, chosen.template)


def _check_template(target: Target, chosen: OpenAISettings) -> None:
    """Refuses settings of the chat template where the server renders it."""
    given = [name for name in ("chat_template", "date") if getattr(chosen, name) is not None]
    if given:
        raise UserError(f"{given[0]}=: {target.url!r} renders its own chat template; template.NAME=VALUE is sent to it")


def _find_card(model: str, cards: Sequence[Card]) -> Card | None:
    """The model's card, also under the longer name that Ollama or Gemini lists; llama.cpp answers to every name."""
    by_name = {card.id: card for card in cards}
    names = (model, f"{model}:latest", f"models/{model}")
    if len(cards) == 1 and cards[0].owned_by == _LLAMA:
        return cards[0]
    return next((by_name[name] for name in names if name in by_name), None)


def _fetch_cards(target: Target, client: Client) -> tuple[Card, ...]:
    """The server's list of models; empty if it has none but takes messages.

    Raises:
        UserError: it refuses the key, or has no such address.
    """
    try:
        return _read_cards(client, "models")
    except Refusal as refusal:
        if refusal.status in (401, 403):
            raise UserError(refusal_message(target.url, target.model, refusal)) from None
        reason = f": {refusal.reason}" if refusal.reason else ""
        missing = f"{target.url!r} lists no models ({refusal.status}{reason})"
    except MalformedAnswer as problem:
        missing = f"{target.url!r} lists no models ({client.sanitize(str(problem))})"
    if not target.url.endswith("/v1") and _has_cards(client, "v1/models"):
        raise UserError(f"{missing}, did you mean {target.url + '/v1'!r}?")
    if not _takes_messages(target, client):
        raise UserError(missing)
    return ()


def _read_cards(client: Client, path: str) -> tuple[Card, ...]:
    text = client.hide_key(_loop().call(client.request(path, None, read_text, waits=False)))
    try:
        return parse_answer(text.encode(), Cards).data
    except ErrorAnswer as problem:
        raise Refusal(problem.status or 404, client.sanitize(extract_reason(problem.raw))) from None


def _has_cards(client: Client, path: str) -> bool:
    try:
        return bool(_read_cards(client, path))
    except (Refusal, MalformedAnswer):
        return False


def _takes_messages(target: Target, client: Client) -> bool:
    """Whether the server has an address for messages: an empty conversation is refused there, but not as missing."""
    body = {"model": target.model, "messages": [], "max_tokens": 1}
    try:
        text = _loop().call(client.request("chat/completions", body, read_text, waits=False, final=_PROBED))
        parse_answer(text.encode(), ChatAnswer)
    except Refusal as refusal:
        is_unknown_model = "model" in refusal.reason.lower()
        return not (300 <= refusal.status < 400) and (refusal.status not in (404, 405) or is_unknown_model)
    except ErrorAnswer as problem:
        return problem.status != 404
    except MalformedAnswer:
        return False
    return True


def _find_llama(client: Client) -> Props | None:
    """The settings of a llama.cpp server; None if it doesn't show them."""
    try:
        return _loop().call(read_props(client))
    except (Refusal, MalformedAnswer, UserError):
        return None


def _reason_for_chat(target: Target, card: Card | None, names: Sequence[str], chosen: OpenAISettings) -> str:
    """Why the model is sent messages; empty if it can be sent tokens."""
    if chosen.mode == "chat":
        return "mode=chat is set"
    if card is None:
        return f"the server doesn't list it; it lists {list_models(target.model, names)}"
    if card.parent:
        return f"it is an adapter; name its base, {card.parent!r}"
    if not card.root or not card.max_model_len:
        return "only the servers of vLLM and llama.cpp expose token ids, and only vLLM's takes adapters"
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
