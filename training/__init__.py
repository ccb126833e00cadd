"""The trainer: from episodes to trajectories, advantages and updates of LoRA adapters.

Each folder with a plural name is a kind of plug-in, and each file in it one of them.
"""

from mirrormatch.training import builders, estimators, matchmakers, objectives, rewards, sources
from mirrormatch.training.builder import Builder
from mirrormatch.training.estimator import Estimator
from mirrormatch.training.matchmaker import Matchmaker
from mirrormatch.training.objective import Objective
from mirrormatch.training.reward import Reward
from mirrormatch.training.source import Source

__all__ = [
    "Builder",
    "Estimator",
    "Matchmaker",
    "Objective",
    "Reward",
    "Source",
    "builders",
    "estimators",
    "matchmakers",
    "objectives",
    "rewards",
    "sources",
]
