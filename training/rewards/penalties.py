"""A penalty of its own for each reply that is no move, apart from the game's return and bounded per game."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from mirrormatch.games.types import ProblemKind
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import Step, Trajectory


class PenaltySettings(PluginSettings):
    """The settings of `penalties`, in the unit of advantages."""

    illegal: Annotated[float, Field(ge=0, description="penalty of a reply that is no legal move; 1.5 in SPIRAL")] = 0.5
    truncated: Annotated[float, Field(ge=0, description="penalty of a reply that the token budget cut off")] = 0.5
    cap: Annotated[
        float, Field(ge=0, description="bound on the sum of a role's penalties in one game: form must not own the loss")
    ] = 1.0


class Penalties:
    """Every failed reply gets minus its penalty, until the role's penalties in this game reach the cap.

    A penalty is credit of that reply alone. As part of the return it would raise the baseline of all other replies, and
    replies that were moves would be blamed for it.
    """

    Settings = PenaltySettings
    needs = frozenset[str]()

    def __init__(self, settings: PenaltySettings) -> None:
        self._settings = settings

    async def __call__(self, batch: Sequence[Trajectory]) -> list[Trajectory]:
        return [self._punish(t) for t in batch]

    def _punish(self, trajectory: Trajectory) -> Trajectory:
        left, steps = self._settings.cap, list[Step]()
        for step in trajectory.steps:
            penalty = min(left, self._penalty(step))
            left -= penalty
            steps.append(step._replace(penalty=step.penalty - penalty))
        return trajectory._replace(steps=tuple(steps))

    def _penalty(self, step: Step) -> float:
        if step.problem is None:
            return 0.0
        return self._settings.truncated if step.problem is ProblemKind.TRUNCATED else self._settings.illegal


REWARD = Penalties
