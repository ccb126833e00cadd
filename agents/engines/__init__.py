"""Engines: each file or folder here generates tokens or text with one kind of model back end."""

from typing import Any

from mirrormatch.registry import Registry

__all__ = ["get", "names", "registry"]

registry: Registry[Any] = Registry("engine", "ENGINE", __name__)
get = registry.get
names = registry.names
