"""What an estimator is: from trajectories to advantages, with a state that is saved with the run."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from mirrormatch.training.trajectories import Trajectory

State: TypeAlias = dict[str, float]


class Estimator(Protocol):
    """Gives every trajectory one advantage. Finite on any finite rewards."""

    def __call__(self, batch: Sequence[Trajectory]) -> list[float]:
        """One advantage per trajectory, in order. May update the state."""
        ...

    def state(self) -> State:
        """All that must be saved to go on exactly."""
        ...

    def restore(self, state: State) -> None:
        """Takes up a saved state."""
        ...


class MovingAverages:
    """Exponential moving averages by key, each read before it is updated.

    A key's first average is 0: the expected return of a role in a fair game.

    Args:
        decay: the share of itself that an average keeps per observation.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._averages: State = {}

    def read_then_update(self, key: str, value: float) -> float:
        """The average before this value."""
        before = self._averages.get(key, 0.0)
        self._averages[key] = self._decay * before + (1 - self._decay) * value
        return before

    def state(self) -> State:
        return dict(self._averages)

    def restore(self, state: State) -> None:
        self._averages = dict(state)
