"""Role-conditioned advantage estimation (RAE): SPIRAL, Liu et al. 2025, arXiv 2506.24119, the section of that name."""

from mirrormatch.training.estimator import BaselineEstimator
from mirrormatch.training.types import Trajectory


class RoleEma(BaselineEstimator):
    """A = R - b(game, part), with b a moving average of the returns of that part.

    The parts of a game are unequal: without a baseline of its own, a part that loses on average gets negative
    advantages for all its moves. Where parts are dealt (spy, civilian), the seat says nothing: the key is the part. In
    all other games the part is the seat, as in SPIRAL.

    SPIRAL reads the average before it is updated, as here; its average starts at 0 and stays biased towards it.
    """

    def key(self, trajectory: Trajectory) -> str:
        return f"{trajectory.game}/{trajectory.part}"


ESTIMATOR = RoleEma
