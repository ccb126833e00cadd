"""The trainer: trajectories, advantages, self-play runs, and the recipe of the nano model.

Each file directly in `training/estimators/` is one estimator.
"""

from pathlib import Path

__path__ = [str(Path(__file__).with_suffix(""))]  # this module is the front door of the folder beside it

from collections.abc import Callable

from mirrormatch.registry import Registry
from mirrormatch.training.core.estimator import Estimator

__all__ = ["Estimator", "estimators"]

estimators: Registry[Callable[[float], Estimator]]  # each is made with its decay
estimators = Registry("estimator", "mirrormatch.training.estimators", "ESTIMATOR")
