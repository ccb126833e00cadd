"""Matchmakers: each file here assigns players to seats in one way."""

from mirrormatch.registry import Registry
from mirrormatch.training.matchmaker import Matchmaker

__all__ = ["get", "names", "registry"]

registry: Registry[type[Matchmaker]] = Registry("matchmaker", "MATCHMAKER", __name__)
get = registry.get
names = registry.names
