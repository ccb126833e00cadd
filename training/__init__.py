"""The trainer: trajectories, advantages, self-play runs, and the recipe of the nano model.

Each file directly in `training/estimators/` is one estimator.
"""

from collections.abc import Callable

from mirrormatch.registry import Registry
from mirrormatch.training.core.estimator import Estimator

__all__ = ["Estimator", "estimators"]

estimators: Registry[Callable[[float], Estimator]]  # each is made with its decay
estimators = Registry("estimator", "mirrormatch.training.estimators", "ESTIMATOR")
