"""The game's own payments, in its own unit."""

from collections.abc import Sequence

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.reward import change_steps
from mirrormatch.training.types import Trajectory


class Return:
    """A reply's reward is what the game paid the role after it; a trajectory's sum is the role's return.

    For one game. Over several with different stakes, the one with the highest owns the gradient: `scaled` is for those.
    """

    Settings = PluginSettings
    needs = frozenset[str]()

    def __init__(self, settings: PluginSettings) -> None:
        del settings

    async def __call__(self, batch: Sequence[Trajectory]) -> list[Trajectory]:
        return [change_steps(t, lambda step: step._replace(reward=step.reward + step.earned)) for t in batch]


REWARD = Return
