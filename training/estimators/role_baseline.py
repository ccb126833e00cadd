"""Role-conditioned advantage estimation (RAE): SPIRAL, Liu et al. 2025, arXiv 2506.24119, the section of that name."""

from collections.abc import Sequence

from mirrormatch.training.estimator import MovingAverages, State
from mirrormatch.training.trajectories import Trajectory


class RoleBaseline:
    """A = R - b(game, role), with b a moving average of that role's returns.

    The seats of a game are unequal: without a baseline of its own, a role that loses on average gets negative
    advantages for all its moves. b is read before R enters it; otherwise A would shrink by its own return.

    Args:
        decay: decay of the moving average, per trajectory; 0.95 in SPIRAL.
    """

    def __init__(self, decay: float) -> None:
        self._baselines = MovingAverages(decay)

    def __call__(self, batch: Sequence[Trajectory]) -> list[float]:
        return [t.reward - self._baselines.read_then_update(f"{t.game}/{t.role}", t.reward) for t in batch]

    def state(self) -> State:
        return self._baselines.state()

    def restore(self, state: State) -> None:
        self._baselines.restore(state)


ESTIMATOR = RoleBaseline
