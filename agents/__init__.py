"""The agents: `get` one by its spec, list their `names`. Each file directly in the folder `agents/` is one agent.

A spec is a name, or a model and an adapter: `random`, `nano+runs/demo`, `hf:PATH`.
"""

from collections.abc import Callable
from typing import Any

from mirrormatch.agents.core.records import Agent, Completion, Decision, Episode, Reply, Sampling, Turn
from mirrormatch.registry import Registry

__all__ = [
    "Agent", "Completion", "Decision", "Episode", "Reply", "Sampling", "Turn", "engines", "get", "names", "registry",
]  # fmt: skip

NANO = "nano"  # the bundled model, which no file in the folder stands for

registry: Registry[Callable[[str], Agent]] = Registry("agent", "mirrormatch.agents", "AGENT")
engines: Registry[Any] = Registry("engine", "mirrormatch.agents.engines", "ENGINE")


def get(spec: str) -> Agent:
    """The agent that a spec names.

    Raises:
        UnknownName: no such agent (a `LookupError` that names the nearest).
        UserError: a model or an adapter that can't be used.
    """
    from mirrormatch.agents.core.spec import agent_from_spec

    return agent_from_spec(spec)


def names() -> list[str]:
    """Every agent that has a name of its own, sorted. Models beyond the bundled one are named by their engine."""
    return sorted({*registry.names(), NANO})
