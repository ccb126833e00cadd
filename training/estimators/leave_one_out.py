"""Leave-one-out advantages: RLOO, Ahmadian et al. 2024, arXiv 2402.14740, section 4.2 (after Kool et al. 2019).

A group holds the trajectories of one seat on one deal: `play.samples_per_deal` games that begin alike.
"""

from collections.abc import Sequence

from mirrormatch.training.estimator import CreditSettings, Stateless, group_by_deal, spread_advantages
from mirrormatch.training.types import Credit, Trajectory


class LeaveOneOut(Stateless):
    """A = R - mean of the group's other rewards; 0 for a group of a single game."""

    Settings = CreditSettings
    needs = frozenset({"samples_per_deal"})

    def __init__(self, settings: CreditSettings) -> None:
        self._turn_discount = settings.turn_discount

    def __call__(self, batch: Sequence[Trajectory]) -> Credit:
        advantages = [0.0] * len(batch)
        for group in group_by_deal(batch):
            total = sum(batch[k].reward for k in group)
            for k in group if len(group) > 1 else ():
                advantages[k] = batch[k].reward - (total - batch[k].reward) / (len(group) - 1)
        return spread_advantages(batch, advantages, self._turn_discount)


ESTIMATOR = LeaveOneOut
