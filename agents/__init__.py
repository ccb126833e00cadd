"""The agents: `get` one by its spec, list their `names`.

A spec is a name, or a model and an adapter: `random`, `nano+runs/demo`, `hf:PATH`. Each file in the folder
`agents/players/` is an agent, each file or folder in `agents/engines/` a kind of model.
"""

from mirrormatch.agents import engines, environments, models, players
from mirrormatch.agents.engines._types import ChatReply, Completion, Sampling, Usage
from mirrormatch.agents.types import Agent, Decision, Episode, Reply, Turn

__all__ = [
    "Agent", "ChatReply", "Completion", "Decision", "Episode", "Reply", "Sampling", "Turn", "Usage", "engines",
    "environments", "get", "names", "players",
]  # fmt: skip


def get(spec: str) -> Agent:
    """The agent that a spec names.

    Raises:
        UnknownName: no such agent (a `LookupError` that names the nearest).
        UserError: a model or an adapter that can't be used.
    """
    from mirrormatch.agents.spec import agent_from_spec  # loads pydantic, which names need not wait for

    return agent_from_spec(spec)


def names() -> list[str]:
    """Every agent that has a name of its own, sorted. Models beyond the bundled one are named by their engine."""
    return sorted({*players.names(), models.NANO})
