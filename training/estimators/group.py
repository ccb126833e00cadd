"""Group-relative advantages: GRPO, Shao et al. 2024, arXiv 2402.03300, section 4.1; without std as in Dr. GRPO.

A group holds the trajectories of one seat on one deal: `play.samples_per_deal` games that begin alike.
"""

from collections.abc import Sequence
from math import isclose
from statistics import fmean, pstdev
from typing import Annotated

from pydantic import Field

from mirrormatch.training.estimator import CreditSettings, Stateless, group_by_deal, spread_advantages
from mirrormatch.training.types import Credit, Trajectory

EPSILON = 1e-9  # rewards that differ by less are equal: sums of the same payments in another order


class GroupSettings(CreditSettings):
    """The settings of `group`."""

    std: Annotated[
        bool, Field(description="divide by the group's standard deviation, as in GRPO; false as in Dr. GRPO")
    ] = True


class Group(Stateless):
    """A = (R - mean of the group) / std of the group; 0 for a group of equal rewards, and for one of a single game.

    The mean contains the trajectory's own return, which scales the advantage by 1 - 1/n of a group of n and changes its
    direction in no other way (`leave_one_out` has no such factor).
    """

    Settings = GroupSettings
    needs = frozenset({"samples_per_deal"})

    def __init__(self, settings: GroupSettings) -> None:
        self._settings = settings

    def __call__(self, batch: Sequence[Trajectory]) -> Credit:
        advantages = [0.0] * len(batch)
        for group in group_by_deal(batch):
            rewards = [batch[k].reward for k in group]
            mean = fmean(rewards)
            if isclose(max(rewards), min(rewards), rel_tol=EPSILON, abs_tol=EPSILON):
                continue  # a std near 0 would make rounding errors as large as any advantage
            scale = pstdev(rewards) if self._settings.std else 1.0
            for k in group:
                advantages[k] = (batch[k].reward - mean) / scale
        return spread_advantages(batch, advantages, self._settings.turn_discount)


ESTIMATOR = Group
