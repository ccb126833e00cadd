"""Estimators: each file here turns rewards into advantages in one way."""

from mirrormatch.registry import Registry
from mirrormatch.training.estimator import Estimator

__all__ = ["get", "names", "registry"]

registry: Registry[type[Estimator]] = Registry("estimator", "ESTIMATOR", __name__)
get = registry.get
names = registry.names
