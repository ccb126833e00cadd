"""One moving average for all games and roles: the ablation of role-conditioned advantages."""

from collections.abc import Sequence

from mirrormatch.training.estimator import MovingAverages, State
from mirrormatch.training.trajectories import Trajectory

_KEY = "all"


class GlobalBaseline:
    """A = R - b, with one b over all games and roles. In zero-sum self-play b stays near 0.

    Args:
        decay: decay of the moving average, per trajectory.
    """

    def __init__(self, decay: float) -> None:
        self._baseline = MovingAverages(decay)

    def __call__(self, batch: Sequence[Trajectory]) -> list[float]:
        return [t.reward - self._baseline.read_then_update(_KEY, t.reward) for t in batch]

    def state(self) -> State:
        return self._baseline.state()

    def restore(self, state: State) -> None:
        self._baseline.restore(state)


ESTIMATOR = GlobalBaseline
