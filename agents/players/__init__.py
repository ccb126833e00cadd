"""Players: each file here is an agent with a name of its own."""

from collections.abc import Callable

from mirrormatch.agents.types import Agent
from mirrormatch.registry import Registry

__all__ = ["get", "names", "registry"]

registry: Registry[Callable[[str], Agent]] = Registry("agent", "AGENT", __name__)
get = registry.get
names = registry.names
