"""Rewards: each file here is one term that says what a reply was worth. A run's terms are applied in order."""

from mirrormatch.registry import Registry
from mirrormatch.training.reward import Reward

__all__ = ["get", "names", "registry"]

registry: Registry[type[Reward]] = Registry("reward", "REWARD", __name__)
get = registry.get
names = registry.names
