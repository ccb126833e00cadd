"""The estimator's interface: trajectories to advantages, with a state that is saved with the run."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from mirrormatch.training.trajectories import Trajectory

State: TypeAlias = dict[str, float]


class Estimator(Protocol):
    """Computes one advantage per trajectory. Finite for all finite rewards."""

    def __call__(self, batch: Sequence[Trajectory]) -> list[float]:
        """Computes the advantages, one per trajectory, in order. May update the state."""
        ...

    def state(self) -> State:
        """The state to save, from which `restore` continues exactly."""
        ...

    def restore(self, state: State) -> None:
        """Loads a saved state."""
        ...


class MovingAverages:
    """Exponential moving averages by key, each read before it is updated.

    A key's first average is 0: the expected return of a role in a fair game.

    Args:
        decay: the share of the old average that an update keeps.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._averages: State = {}

    def read_then_update(self, key: str, value: float) -> float:
        """Returns the average before this value, then updates it."""
        before = self._averages.get(key, 0.0)
        self._averages[key] = self._decay * before + (1 - self._decay) * value
        return before

    def state(self) -> State:
        return dict(self._averages)

    def restore(self, state: State) -> None:
        self._averages = dict(state)
