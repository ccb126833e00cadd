"""The control arm: rewards shuffled among the trajectories of one game and part."""

import random
from collections.abc import Sequence

from mirrormatch.seeds import derive
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import Trajectory


class Shuffled:
    """Every trajectory gets the rewards of another one of its game and part; the terms before it set them.

    Tokens, steps, and the distribution of rewards stay as they are; only the connection between play and reward is
    cut. What a run with this term gains owes nothing to the rewards: format, length and drift are left.
    """

    Settings = PluginSettings
    needs = frozenset[str]()

    def __init__(self, settings: PluginSettings) -> None:
        del settings

    async def __call__(self, batch: Sequence[Trajectory]) -> list[Trajectory]:
        groups: dict[tuple[str, str], list[int]] = {}
        for k, t in enumerate(batch):
            groups.setdefault((t.game, t.part), []).append(k)
        found = list(batch)
        for group in groups.values():
            sources = list(group)
            random.Random(derive(batch[group[0]].deal, "shuffled")).shuffle(sources)
            for k, source in zip(group, sources, strict=True):
                found[k] = _set_total(batch[k], batch[source].reward)
        return found


def _set_total(trajectory: Trajectory, reward: float) -> Trajectory:
    """Moves a trajectory's whole reward to its last reply and sets it."""
    *earlier, last = (step._replace(reward=0.0) for step in trajectory.steps)
    return trajectory._replace(steps=(*earlier, last._replace(reward=reward)))


REWARD = Shuffled
