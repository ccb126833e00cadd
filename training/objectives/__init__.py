"""Objectives: each file here is one term of the loss. A run minimises the weighted sum of its terms."""

from mirrormatch.registry import Registry
from mirrormatch.training.objective import Objective

__all__ = ["get", "names", "registry"]

registry: Registry[type[Objective]] = Registry("objective", "OBJECTIVE", __name__)
get = registry.get
names = registry.names
