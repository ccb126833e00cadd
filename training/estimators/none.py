"""No baseline: the advantage is the reward itself (REINFORCE, Williams 1992)."""

from collections.abc import Sequence

from mirrormatch.training.estimator import CreditSettings, Stateless, spread_advantages
from mirrormatch.training.types import Credit, Trajectory


class NoBaseline(Stateless):
    """A = R. Unbiased, with the greatest variance; also the estimator of rewards that are advantages already."""

    Settings = CreditSettings
    needs = frozenset[str]()

    def __init__(self, settings: CreditSettings) -> None:
        self._turn_discount = settings.turn_discount

    def __call__(self, batch: Sequence[Trajectory]) -> Credit:
        return spread_advantages(batch, [t.reward for t in batch], self._turn_discount)


ESTIMATOR = NoBaseline
