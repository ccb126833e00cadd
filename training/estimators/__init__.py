"""Estimators: each file here turns rewards into advantages in one way."""

from collections.abc import Callable

from mirrormatch.registry import Registry
from mirrormatch.training.estimator import Estimator

__all__ = ["get", "names", "registry"]

registry: Registry[Callable[[float], Estimator]] = Registry("estimator", "ESTIMATOR", __name__)  # made with its decay
get = registry.get
names = registry.names
