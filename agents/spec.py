"""Parses an agent's spec, as written on a command line, and loads the agent.

`nano`, `nano+ADAPTER`, `hf:PATH_OR_ID+ADAPTER`, or the name of a player: `random`, `optimal`, `human`. ADAPTER is the
folder of an adapter, or of a run, whose newest adapter is loaded. Settings of the model or its engine may follow:
`nano,temperature=0`, `vllm:PATH+ADAPTER,dtype=bfloat16,max_tokens=512`.

A path may contain a plus itself: of several, the existing folders decide which one separates the adapter.
"""

import functools
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field

from mirrormatch import prompts
from mirrormatch.agents import engines, models, players
from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._engine import (
    ChatEngine,
    Engine,
    SpecSettings,
    holds_replies,
    read_settings,
    template_date,
    turn_stop,
)
from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.agents.engines._settings import SETTINGS
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines._vllm_limits import check_installed
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.types import Agent, SelectiveAgent
from mirrormatch.config_file import MAX_COUNT, MAX_PATIENCE, MAX_TEMPERATURE, parse_settings
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.games.game import Game
from mirrormatch.prompts.prompt import Prompt, PromptSettings

_SETTINGS = re.compile(r",(?=[a-z_]+(?:\.\w+)?=)")  # a comma elsewhere belongs to a path
_DATE = "date"  # an engine's setting
HELD = ",constrain=yes"  # the setting that `play` adds to a spec
_HEAD = re.compile(r"([^:+]*)(:?)(.*)", re.DOTALL)  # the kind, a colon, and the target with its adapter
_NO_PATHS = frozenset({"openai", "scripted"})  # engines whose target is no folder


class Spec(NamedTuple):
    """A parsed spec. `text` is the whole of it."""

    text: str
    kind: str
    target: str
    adapter: str | None
    settings: SpecSettings = ()


class ModelSettings(PromptSettings):
    """A model's options in a spec: its prompt's and its sampling's. All others are its engine's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    prompt: Annotated[str | None, Field(description="prompt format: a file in prompts/formats")] = None
    max_tokens: Annotated[int | None, Field(ge=1, le=MAX_COUNT, description="token budget of one reply")] = None
    temperature: Annotated[
        float | None, Field(ge=0, le=MAX_TEMPERATURE, description="0: always the most probable token")
    ] = None
    top_p: Annotated[float | None, Field(gt=0, le=1, description="draw from the top tokens of this probability")] = None
    top_k: Annotated[int | None, Field(ge=0, le=MAX_COUNT, description="draw from this many top tokens; 0: all")] = None
    patience: Annotated[
        int, Field(ge=0, le=MAX_PATIENCE, description="number of retries after a reply that is no move")
    ] = 1
    constrain: Annotated[
        bool | None, Field(description="end each reply with a legal move, in tokens beyond the budget; default of play")
    ] = None
    thinking_tokens: Annotated[int | None, Field(ge=0, le=MAX_COUNT, description="token budget of the reasoning")] = (
        None
    )

    def make_prompt(self, name: str, default: PromptSettings) -> Prompt:
        """The prompt of that name with the spec's options in place of the default ones."""
        given = self.model_dump(include=self.model_fields_set & PromptSettings.model_fields.keys())
        return prompts.get(name, default.model_copy(update=given))

    def sampling(self, default: Sampling) -> Sampling:
        """The default sampling with the spec's options in place of its own."""
        options = self.model_dump(include={"max_tokens", "temperature", "top_p", "top_k"}, exclude_none=True)
        return replace(default, **options)


def parse_spec(text: str) -> Spec:
    """Parses a spec, without loading anything.

    Raises:
        UnknownName: its kind is neither a player nor an engine.
        UserError: a part is missing, or doesn't go with its kind.
    """
    if "\0" in text:
        raise UserError(f"{text!r} holds a NUL, which no name or path has")
    head, given = split_settings(text)
    kind, colon, rest = _HEAD.findall(head)[0]
    target, adapter = _split_adapter(rest)
    if adapter == "":
        raise UserError(f"{text!r} ends in '+': the folder of an adapter or of a run belongs there")
    if kind in players.names():
        _check_player(text, kind, adapter, given)
    elif kind in models.NAMES:
        if colon:
            raise UserError(f"{text!r}: {kind!r} takes no path; for another model write hf:PATH_OR_ID")
    elif kind in engines.names():
        if not target:
            raise UserError(f"{text!r} names no model: write {kind}:PATH_OR_ID")
    else:
        raise UnknownName("agent", kind, [*models.NAMES, *engines.names(), *players.names()], "mirrormatch list agents")
    settings = tuple((name, value) for name, _, value in (part.partition("=") for part in given))
    _check_settings(text, settings)
    return Spec(text, kind, target, adapter, settings)


def check_spec(text: str, game: Game[Any, Any] | None = None, *, loads: bool = True) -> Spec:
    """Parses a spec and checks all that can be checked without loading a model: settings, prompt, paths, arguments.

    Args:
        text: the spec.
        game: the game that the agent will play, if there is one.
        loads: whether the agent will be loaded here; otherwise its engine's library need not be installed.

    Raises:
        UserError: the agent can't be loaded, or can't play the game.
    """
    spec = parse_spec(text)
    if spec.kind in players.names():
        agent = players.get(spec.kind)(spec.target)
        if game is not None and isinstance(agent, SelectiveAgent):
            agent.check(game)
        return spec
    own = _check_model_settings(spec)
    if own.prompt is not None:
        prompts.formats.get(own.prompt)
    if spec.kind not in _NO_PATHS:
        find_model_files(engine_target(spec))
    read_card(spec)
    if loads:
        _check_engine(spec)
    return spec


def _check_engine(spec: Spec) -> None:
    """Checks that an engine's library is installed, and that a server's address is one.

    Raises:
        UserError: it isn't.
    """
    if spec.kind == "vllm":
        check_installed()
    elif spec.kind == "openai":
        from mirrormatch.agents.engines.openai import parse_target  # httpx takes a third of a second to import

        parse_target(spec.target)


def read_card(spec: Spec) -> RequestSettings | None:
    """The prompt and sampling that the card of a spec's adapter records; None without an adapter or such a record.

    Raises:
        UserError: there is no adapter, or its card is broken.
    """
    if spec.adapter is None:
        return None
    return _adapters.read_request(_adapters.find_adapter(Path(spec.adapter).expanduser()))


def _check_model_settings(spec: Spec) -> ModelSettings:
    """Parses a model's own settings and checks those of its engine.

    Raises:
        UserError: a setting is unknown, and the message names the nearest, or its value is invalid.
    """
    kind = "hf" if spec.kind in models.NAMES else spec.kind
    rest = tuple((name, value) for name, value in spec.settings if name not in ModelSettings.model_fields)
    if (model := SETTINGS.get(kind)) is not None:
        allowed = [*ModelSettings.model_fields, *model.model_fields]
        for name in (name for name, _ in rest if name.partition(".")[0] not in allowed):
            raise UnknownName(f"setting of {spec.kind}", name, allowed)
        read_settings(kind, model, rest)
    return parse_settings({k: v for k, v in spec.settings if k in ModelSettings.model_fields}, ModelSettings, spec.text)


def split_settings(text: str) -> tuple[str, list[str]]:
    """Splits a spec into the model with its adapter and the settings."""
    head, *settings = _SETTINGS.split(text)
    return head, settings


def _split_adapter(text: str) -> tuple[str, str | None]:
    """Splits TARGET+ADAPTER; the adapter is None without a plus.

    Paths may contain a plus: the one before an existing folder separates, or else the one after an existing folder, or
    else the first. An existing folder isn't split, and no adapter is a URL.
    """
    pluses = [k for k, character in enumerate(text) if character == "+" and "://" not in text[k:]]
    if not pluses or _is_folder(text):
        return text, None
    before_folder = [k for k in pluses if text[k + 1 :] and _is_folder(text[k + 1 :])]
    after_folder = [k for k in pluses if text[:k] and _is_folder(text[:k])]
    k = (before_folder or after_folder or pluses)[0]
    return text[:k], text[k + 1 :]


def _check_player(text: str, kind: str, adapter: str | None, settings: list[str]) -> None:
    if adapter is not None:
        raise UserError(f"{text!r}: only a model takes an adapter, and {kind!r} is none")
    if settings:
        raise UserError(f"{text!r}: only a model takes settings, and {kind!r} is none")


def _is_folder(text: str) -> bool:
    return os.path.isdir(os.path.expanduser(text))  # a Path raises for a text that is too long


def _check_settings(text: str, settings: SpecSettings) -> None:
    names = [name for name, _ in settings]
    if twice := [name for k, name in enumerate(names) if name in names[:k]]:
        raise UserError(f"{text!r}: {twice[0]!r} is set more than once")
    before, plus, adapter = text.rpartition("+")
    if plus and settings and settings[-1][1].endswith(f"+{adapter}") and _is_folder(adapter):
        raise UserError(f"{text!r}: the adapter goes before the settings: {add_adapter(before, Path(adapter))!r}")


def add_adapter(text: str, adapter: Path) -> str:
    """The spec of a base model with an adapter on it, in place of one that it has."""
    head, settings = split_settings(remove_adapter(text))
    return ",".join([f"{head}+{adapter}", *settings])


def remove_adapter(text: str) -> str:
    """The spec of the base model alone."""
    head, settings = split_settings(text)
    kind, colon, rest = _HEAD.findall(head)[0]
    return ",".join([f"{kind}{colon}{_split_adapter(rest)[0]}", *settings])


def agent_from_spec(text: str, request: RequestSettings | None = None, constrain: bool = False) -> Agent:
    """Loads the agent of a spec; all other arguments apply to models only."""
    spec = parse_spec(text)
    if spec.kind in players.names():
        return players.get(spec.kind)(spec.target)
    return model_agent(spec, request, constrain)


def model_agent(spec: Spec | str, request: RequestSettings | None = None, constrain: bool = False) -> LLMAgent:
    """Loads the language-model agent of a spec.

    Args:
        spec: the spec.
        request: how the model is asked, for what the spec doesn't set; by default as the card of its adapter records.
        constrain: hold answers to legal moves where the engine can and the spec doesn't decide it.

    Raises:
        UserError: the spec's agent isn't a language model.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    if spec.kind in players.names():
        raise UserError(f"{spec.text!r} is not a language model: this needs one, like nano or hf:PATH_OR_ID")
    own = _check_model_settings(spec)
    engine = load_engine(spec)
    adapter = engine.load(Path(spec.adapter).expanduser()) if spec.adapter else None
    default = request or read_card(spec) or RequestSettings()
    if own.thinking_tokens is not None and isinstance(engine, ChatEngine):
        raise UserError(f"{spec.text!r}: thinking_tokens needs a server that exposes token ids, and this one doesn't")
    text = name_agent(spec.text, engine)
    name = own.prompt or default.prompt or default_format(engine, f"{spec.kind}:{spec.target}")
    if own.constrain and not holds_replies(engine):
        raise UserError(f"{spec.text!r}: constrain=yes needs hf, vllm, or a server of vLLM or llama.cpp")
    if own.constrain is None and constrain and holds_replies(engine):
        own, text = own.model_copy(update={"constrain": True}), text + HELD
    return LLMAgent(
        text,
        engine,
        own.make_prompt(name, default.settings_for(name)),
        own.sampling(default.sampling),
        adapter,
        max_retries=own.patience,
        constrain=bool(own.constrain),
        thinking_tokens=own.thinking_tokens,
        record_name=record_name(text, engine, adapter),
    )


def default_format(engine: Engine, model: str) -> str:
    """The prompt format for a model where none was chosen; for one without a chat template with a note on stderr."""
    if turn_stop(engine) is None:
        return prompts.formats.DEFAULT
    name = prompts.formats.WITHOUT_TEMPLATE
    _print_once(f"{model}: no chat template, so the model continues a dialogue in plain text (prompt={name})")
    return name


@functools.cache
def _print_once(line: str) -> None:
    print(f"mirrormatch: {line}", file=sys.stderr)


def engine_target(spec: Spec) -> str:
    """The target for a spec's engine. `nano` and `smollm` are these models for every engine that reads files."""
    if spec.kind in _NO_PATHS:
        return spec.target
    target = spec.kind if spec.kind in models.NAMES else spec.target
    if target in models.NAMES:  # ./nano is a folder of that name
        return str(models.find_model(target))
    return str(Path(target).expanduser()) if target.startswith("~") else target


def name_agent(text: str, engine: Engine) -> str:
    """The spec that repeats the agent's prompts on another day: with the date that the chat template shows."""
    date = template_date(engine)
    return text if date is None or f",{_DATE}=" in text else f"{text},{_DATE}={date.isoformat()}"


def hide_paths(text: str) -> str:
    """The spec, or a path alone, with the last part of each path in it, for files that are passed on."""
    try:
        spec = parse_spec(text)
    except UserError:
        return _last_part("", text)
    model = f"{spec.kind}:{_last_part(spec.kind, spec.target)}" if spec.target else spec.kind
    adapter = "" if spec.adapter is None else f"+{_last_part('', spec.adapter)}"
    return ",".join([f"{model}{adapter}", *(f"{name}={_last_part('', value)}" for name, value in spec.settings)])


def record_name(text: str, engine: Engine, adapter: str | None) -> str:
    """The name of a model's agent in episodes: `hf:NAME#hash`, with the hash of its adapter, or else of its weights.

    Args:
        text: the agent's spec.
        engine: its engine.
        adapter: the content hash of its adapter; None for the base model.
    """
    spec = parse_spec(hide_paths(text))
    name = f"{spec.kind}:{spec.target}" if spec.target else spec.kind
    has_files = spec.kind not in (*models.NAMES, *_NO_PATHS)
    content = adapter or (engine.fingerprint if has_files else None)
    settings = (f"{key}={value}" for key, value in spec.settings)
    return ",".join([f"{name}#{content}" if content else name, *settings])


def _last_part(kind: str, text: str) -> str:
    """The last part of a path; the text itself if it is none, but an id, a name or a model on a server."""
    if kind in _NO_PATHS or "\0" in text:
        return text
    is_path = text.startswith(("/", ".", "~")) or ("/" in text and os.path.exists(text))
    return os.path.basename(os.path.abspath(os.path.expanduser(text))) if is_path else text


def load_engine(spec: Spec) -> Engine:
    """Loads the engine of a model's spec, without its adapter."""
    kind = "hf" if spec.kind in models.NAMES else spec.kind
    settings = tuple(sorted((k, v) for k, v in spec.settings if k not in ModelSettings.model_fields))
    engine: Engine = engines.get(kind)(engine_target(spec), settings)
    return engine
