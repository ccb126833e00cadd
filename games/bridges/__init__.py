"""Libraries of games: each file or folder here is a bridge to one, and its games are named `LIBRARY/NAME`."""

from mirrormatch.games.bridges._bridge import Bridge
from mirrormatch.registry import Registry

__all__ = ["Bridge", "get", "names", "registry"]

registry: Registry[Bridge] = Registry("bridge", "BRIDGE", __name__, label=("library", "libraries"))
get = registry.get
names = registry.names
