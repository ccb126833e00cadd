"""One moving average for all games and parts: the ablation of role-conditioned advantages."""

from mirrormatch.training.estimator import BaselineEstimator
from mirrormatch.training.types import Trajectory


class Global(BaselineEstimator):
    """A = R - b, with one b over all games and parts. In zero-sum self-play b stays near 0."""

    def key(self, trajectory: Trajectory) -> str:
        del trajectory
        return "all"


ESTIMATOR = Global
