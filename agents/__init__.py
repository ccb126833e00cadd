"""Agents: `get` loads one by its spec, `names` lists them.

A spec is a name, or a model and an adapter: `random`, `nano+runs/demo`, `hf:PATH`. Each file in the folder
`agents/players/` is an agent, each file or folder in `agents/engines/` a kind of model.
"""

from mirrormatch.agents import engines, environments, models, players
from mirrormatch.agents.engines._types import ChatReply, Completion, Sampling, Usage
from mirrormatch.agents.types import Agent, Decision, Episode, Reply, Start, Turn

__all__ = [
    "Agent", "ChatReply", "Completion", "Decision", "Episode", "Reply", "Sampling", "Start", "Turn", "Usage",
    "engines", "environments", "get", "names", "players",
]  # fmt: skip


def get(spec: str, *, constrain: bool = False) -> Agent:
    """Loads the agent of a spec.

    Args:
        spec: the spec.
        constrain: hold a model's answers to legal moves where its engine can and the spec doesn't decide it.

    Raises:
        UnknownName: no such agent (a `LookupError` that names the nearest).
        UserError: the model or the adapter can't be loaded.
    """
    from mirrormatch.agents.spec import agent_from_spec  # imports pydantic, which `names` does without

    return agent_from_spec(spec, constrain=constrain)


def names() -> list[str]:
    """The names of the players and the bundled models, sorted. Other models are named by their engine and path."""
    return sorted({*players.names(), *models.NAMES})
