"""+1, 0 or -1 for a win, a draw or a loss at any stake: the reward of SPIRAL."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import Trajectory

_VALUES = {"win": 1.0, "draw": 0.0, "loss": -1.0}


class OutcomeSettings(PluginSettings):
    """The settings of `outcome`."""

    changes_game: Annotated[
        bool,
        Field(description="accept games in which the outcome asks for other play than the return, as a single hand"),
    ] = False


class Outcome:
    """The last reply's reward is +1, 0 or -1 by the role's outcome.

    Where wins differ in size this is another game: in a single hand of Kuhn poker a fold then costs as much as a lost
    call, never folding becomes optimal, and exploitability in chips ends at 0.333. In games of mixed motives mutual
    cooperation and mutual defection are both a draw. Such games are refused unless `changes_game` accepts them.
    """

    Settings = OutcomeSettings
    needs = frozenset({"equal_wins"})

    def __init__(self, settings: OutcomeSettings) -> None:
        del settings

    async def __call__(self, batch: Sequence[Trajectory]) -> list[Trajectory]:
        return [_add_outcome(t) for t in batch]


def _add_outcome(trajectory: Trajectory) -> Trajectory:
    *earlier, last = trajectory.steps
    paid = last._replace(reward=last.reward + _VALUES[trajectory.outcome])
    return trajectory._replace(steps=(*earlier, paid))


REWARD = Outcome
