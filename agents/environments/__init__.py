"""Environments: each file here offers our games through the interface of another library."""

from collections.abc import Callable
from typing import Any

from mirrormatch.games.game import Game
from mirrormatch.registry import Registry

__all__ = ["get", "names", "registry"]

registry: Registry[Callable[[Game[Any, Any] | str], Any]] = Registry("environment", "ENVIRONMENT", __name__)
get = registry.get
names = registry.names
