"""The game's payments divided by its highest stake, which lets games of different stakes be mixed."""

from collections.abc import Sequence

from mirrormatch import games
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.reward import change_steps
from mirrormatch.training.types import Trajectory


class Scaled:
    """A reply's reward is what the game paid after it / max(|min_return|, |max_return|) of the game's declared facts.

    A positive factor per game: the best policy of every game stays the best.
    """

    Settings = PluginSettings
    needs = frozenset[str]()

    def __init__(self, settings: PluginSettings) -> None:
        del settings

    async def __call__(self, batch: Sequence[Trajectory]) -> list[Trajectory]:
        return [_scale(t) for t in batch]


def _scale(trajectory: Trajectory) -> Trajectory:
    info = games.get(trajectory.game).info
    stake = max(abs(info.min_return), abs(info.max_return))
    return change_steps(trajectory, lambda step: step._replace(reward=step.reward + step.earned / stake))


REWARD = Scaled
