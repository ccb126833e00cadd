"""The reward's interface: trajectories with what the game paid to trajectories with what it is worth to the learner."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import Step, Trajectory


class Reward(Protocol):
    """One term of the reward.

    A term returns every trajectory that it got, in order, and changes only `reward` and `penalty` of the replies.
    """

    Settings: ClassVar[type[PluginSettings]]
    needs: ClassVar[frozenset[str]]

    def __init__(self, settings: Any) -> None: ...

    async def __call__(self, batch: Sequence[Trajectory]) -> list[Trajectory]:
        """Adds the term to a step's trajectories."""
        ...


def change_steps(trajectory: Trajectory, change: Callable[[Step], Step]) -> Trajectory:
    """Applies a change to each reply of a trajectory."""
    return trajectory._replace(steps=tuple(change(step) for step in trajectory.steps))
