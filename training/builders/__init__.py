"""Builders: each file here turns credited trajectories into the sequences of an update in one way."""

from mirrormatch.registry import Registry
from mirrormatch.training.builder import Builder

__all__ = ["get", "names", "registry"]

registry: Registry[type[Builder]] = Registry("builder", "BUILDER", __name__)
get = registry.get
names = registry.names
