"""From an agent's spec, as written on a command line, to the agent.

`nano`, `nano+ADAPTER`, `hf:PATH_OR_ID+ADAPTER`, or the name of an agent's file: `random`, `optimal`, `human`. ADAPTER
is the folder of an adapter or of a run, whose newest adapter is taken.
"""

from pathlib import Path
from typing import NamedTuple

from mirrormatch import agents, prompts
from mirrormatch.agents.core.engine import Engine
from mirrormatch.agents.core.llm import LLMAgent
from mirrormatch.agents.core.records import Agent, Sampling
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.prompts.core.prompt import PromptSettings

NANO = "nano"
NANO_PATH = Path(agents.__path__[0]) / "nano"  # bundled with the package
DEFAULT_PROMPT = "boxed"


class Spec(NamedTuple):
    """A spec taken apart. `text` is the whole of it."""

    text: str
    kind: str
    target: str
    adapter: str | None


def parse_spec(text: str) -> Spec:
    """Takes a spec apart, without loading anything.

    Raises:
        UnknownName: its kind is neither an agent nor an engine.
    """
    head, plus, adapter = text.partition("+")
    kind, colon, target = head.partition(":")
    if plus and not adapter:
        raise UserError(f"{text!r} ends in '+': the folder of an adapter or of a run belongs there")
    if kind not in (known := [NANO, *agents.engines.names(), *agents.registry.names()]):
        raise UnknownName("agent", kind, known, "mirrormatch list agents")
    is_model = kind == NANO or kind in agents.engines.names()
    if plus and not is_model:
        raise UserError(f"{text!r}: only a model takes an adapter, and {kind!r} is none")
    if kind in agents.engines.names() and not target:
        raise UserError(f"{text!r} names no model: write {kind}:PATH_OR_ID")
    if kind == NANO and colon:
        raise UserError(f"{text!r}: {NANO!r} takes no path; for another model write hf:PATH_OR_ID")
    return Spec(text, kind, target, adapter or None)


def agent_from_spec(
    text: str, settings: PromptSettings | None = None, sampling: Sampling | None = None, prompt: str = DEFAULT_PROMPT
) -> Agent:
    """The agent that a spec means; prompt and sampling count for models only."""
    spec = parse_spec(text)
    if spec.kind in agents.registry.names():
        return agents.registry.get(spec.kind)(spec.target)
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
    if spec.kind in agents.registry.names():
        raise UserError(f"{spec.text!r} is not a language model: this needs one, like nano or hf:PATH_OR_ID")
    engine = engine_of(spec)
    adapter = engine.load(Path(spec.adapter)) if spec.adapter else None
    return LLMAgent(spec.text, engine, prompts.get(prompt, settings), sampling or Sampling(), adapter)


def engine_of(spec: Spec) -> Engine:
    """The engine of a model's spec, without its adapter."""
    kind, target = ("hf", str(NANO_PATH)) if spec.kind == NANO else (spec.kind, spec.target)
    engine: Engine = agents.engines.get(kind)(target)
    return engine
