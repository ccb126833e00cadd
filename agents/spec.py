"""From an agent's spec, as written on a command line, to the agent.

`nano`, `nano+ADAPTER`, `hf:PATH_OR_ID+ADAPTER`, or the name of an agent's file: `random`, `optimal`, `human`. ADAPTER
is the folder of an adapter or of a run, whose newest adapter is taken. A model may be followed by settings, its own or
its engine's: `nano,temperature=0`, `vllm:PATH+ADAPTER,dtype=bfloat16,max_tokens=512`.

A path may hold a plus itself: where there are several, the folders that exist tell which of them means an adapter.
"""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch import prompts
from mirrormatch.agents import engines, players
from mirrormatch.agents.engines._engine import ChatEngine, Engine, SpecSettings
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import NANO, NANO_PATH
from mirrormatch.agents.types import Agent
from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.prompts.prompt import PromptSettings

DEFAULT_PROMPT = "boxed"


_SETTINGS = re.compile(r",(?=[a-z_]+=)")  # a comma elsewhere belongs to a path
_KIND = re.compile("[^:+]*")
_NO_PATHS = frozenset({"openai", "scripted"})  # engines whose target is no folder


class Spec(NamedTuple):
    """A spec taken apart. `text` is the whole of it."""

    text: str
    kind: str
    target: str
    adapter: str | None
    settings: SpecSettings = ()


class ModelSettings(BaseModel):
    """What a spec may turn about a model; whatever else stands there is its engine's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_tokens: Annotated[int | None, Field(ge=1, description="budget of one reply")] = None
    temperature: Annotated[float | None, Field(ge=0, description="0: always the most probable token")] = None
    top_p: Annotated[float | None, Field(gt=0, le=1, description="of the most probable tokens together")] = None
    top_k: Annotated[int | None, Field(ge=0, description="of the most probable tokens; 0: all")] = None
    patience: Annotated[int, Field(ge=0, description="replies after one that is no move")] = 1
    constrain: Annotated[bool, Field(description="decode the answer so that it is a legal move")] = False
    thinking_tokens: Annotated[int | None, Field(ge=0, description="budget of the reasoning")] = None

    def sampling(self, otherwise: Sampling) -> Sampling:
        """How tokens are drawn, where it isn't otherwise."""
        said = self.model_dump(include={"max_tokens", "temperature", "top_p", "top_k"}, exclude_none=True)
        return replace(otherwise, **said)


def parse_spec(text: str) -> Spec:
    """Takes a spec apart, without loading anything.

    Raises:
        UnknownName: its kind is neither an agent nor an engine.
    """
    named, *given = _SETTINGS.split(text)
    kind = named[: _KIND.match(named).end()]  # type: ignore[union-attr]  # it matches everything
    colon, rest = named[len(kind) :][:1] == ":", named[len(kind) :].removeprefix(":")
    target, plus, adapter = _split_at_plus(rest)
    if plus and not adapter:
        raise UserError(f"{text!r} ends in '+': the folder of an adapter or of a run belongs there")
    if kind not in (known := [NANO, *engines.names(), *players.names()]):
        raise UnknownName("agent", kind, known, "mirrormatch list agents")
    is_model = kind == NANO or kind in engines.names()
    if plus and not is_model:
        raise UserError(f"{text!r}: only a model takes an adapter, and {kind!r} is none")
    if kind in engines.names() and not target:
        raise UserError(f"{text!r} names no model: write {kind}:PATH_OR_ID")
    if kind == NANO and colon:
        raise UserError(f"{text!r}: {NANO!r} takes no path; for another model write hf:PATH_OR_ID")
    if given and not is_model:
        raise UserError(f"{text!r}: only a model takes settings, and {kind!r} is none")
    settings = tuple((name, value) for name, _, value in (part.partition("=") for part in given))
    _check_settings(text, settings)
    return Spec(text, kind, target, adapter or None, settings)


def _split_at_plus(text: str) -> tuple[str, str, str]:
    """The model's path, the plus and the adapter's: the plus with a folder behind it, or else before it, or the first.

    What is a folder as a whole has no adapter, and no URL is one.
    """
    if _is_folder(text):
        return text, "", ""
    places = [k for k, character in enumerate(text) if character == "+" and "://" not in text[k:]]
    behind = [k for k in places if text[k + 1 :] and _is_folder(text[k + 1 :])]
    before = [k for k in places if text[:k] and _is_folder(text[:k])]
    if not places:
        return text, "", ""
    found = (behind or before or places)[0]
    return text[:found], "+", text[found + 1 :]


def _is_folder(text: str) -> bool:
    return os.path.isdir(os.path.expanduser(text))  # a Path raises where a text is too long for one


def _check_settings(text: str, settings: SpecSettings) -> None:
    names = [name for name, _ in settings]
    if twice := [name for k, name in enumerate(names) if name in names[:k]]:
        raise UserError(f"{text!r}: {twice[0]!r} is set more than once")
    before, plus, adapter = text.rpartition("+")
    if plus and settings and settings[-1][1].endswith(f"+{adapter}") and _is_folder(adapter):
        raise UserError(f"{text!r}: an adapter stands before the settings: {add_adapter(before, Path(adapter))!r}")


def add_adapter(text: str, adapter: Path) -> str:
    """The spec of a base model with an adapter on it."""
    named, *given = _SETTINGS.split(text)
    return ",".join([f"{named}+{adapter}", *given])


def agent_from_spec(
    text: str, settings: PromptSettings | None = None, sampling: Sampling | None = None, prompt: str = DEFAULT_PROMPT
) -> Agent:
    """The agent that a spec means; prompt and sampling count for models only."""
    spec = parse_spec(text)
    if spec.kind in players.names():
        return players.get(spec.kind)(spec.target)
    return model_agent(spec, settings, sampling, prompt)


def model_agent(
    spec: Spec | str,
    settings: PromptSettings | None = None,
    sampling: Sampling | None = None,
    prompt: str = DEFAULT_PROMPT,
) -> LLMAgent:
    """The language-model agent that a spec means.

    Raises:
        UserError: the spec means an agent that isn't a language model.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    if spec.kind in players.names():
        raise UserError(f"{spec.text!r} is not a language model: this needs one, like nano or hf:PATH_OR_ID")
    engine = load_engine(spec)
    adapter = engine.load(Path(spec.adapter).expanduser()) if spec.adapter else None
    own = parse_settings({k: v for k, v in spec.settings if k in ModelSettings.model_fields}, ModelSettings, spec.text)
    if own.thinking_tokens is not None and isinstance(engine, ChatEngine):
        raise UserError(f"{spec.text!r}: thinking_tokens needs a server that tells its tokens, and this one doesn't")
    return LLMAgent(
        spec.text,
        engine,
        prompts.get(prompt, settings),
        own.sampling(sampling or Sampling()),
        adapter,
        max_retries=own.patience,
        constrain=own.constrain,
        thinking_tokens=own.thinking_tokens,
    )


def engine_target(spec: Spec) -> str:
    """What the engine of a spec is given. `nano` is the bundled model to every engine that reads a folder."""
    if spec.kind in _NO_PATHS:
        return spec.target
    target = NANO if spec.kind == NANO else spec.target
    if target.startswith("~"):
        return str(Path(target).expanduser())
    return str(NANO_PATH) if target == NANO and not Path(target).exists() else target


def load_engine(spec: Spec) -> Engine:
    """The engine of a model's spec, without its adapter."""
    kind = "hf" if spec.kind == NANO else spec.kind
    settings = tuple(sorted((k, v) for k, v in spec.settings if k not in ModelSettings.model_fields))
    engine: Engine = engines.get(kind)(engine_target(spec), settings)
    return engine
