"""Sources: each file here supplies the experience of a step in one way."""

from mirrormatch.registry import Registry
from mirrormatch.training.source import Source

__all__ = ["get", "names", "registry"]

registry: Registry[type[Source]] = Registry("source", "SOURCE", __name__)
get = registry.get
names = registry.names
