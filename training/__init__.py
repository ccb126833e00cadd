"""The trainer: from episodes to trajectories, advantages and updates of a LoRA adapter.

Each file in the folder `training/estimators/` is one estimator.
"""

from mirrormatch.training import estimators
from mirrormatch.training.estimator import Estimator

__all__ = ["Estimator", "estimators"]
