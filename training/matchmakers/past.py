"""Past selves: the learner against its own earlier adapters (fictitious self-play, delta-uniform sampling).

Bansal et al. 2018, arXiv 1710.03748, section 5.2, draw the opponent uniformly from the last part of the history.
"""

import random
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.matchmaker import FixedPool, Seat, seat_learner
from mirrormatch.training.types import MAIN, State


class PastSettings(PluginSettings):
    """The settings of `past`."""

    window: Annotated[int, Field(ge=0, description="number of newest kept adapters to draw from; 0: all of them")] = 0
    mirror: Annotated[
        float, Field(ge=0, le=1, description="share of deals in which the newest policy has every seat, for stability")
    ] = 0.5


class Past(FixedPool):
    """Each deal has one opponent, drawn uniformly; before the first kept adapter every deal is a mirror game.

    `keep_adapters` sets which adapters are kept, and with it how fine the history is.
    """

    Settings = PastSettings

    def __init__(self, settings: PastSettings) -> None:
        self._settings = settings
        self._versions: list[int] = []

    def seat_players(self, roles: Sequence[str], number: int, seed: int) -> tuple[Seat, ...]:
        rng = random.Random(seed)
        versions = self._versions[-self._settings.window :]
        if not versions or rng.random() < self._settings.mirror:
            return (Seat(MAIN, MAIN),) * len(roles)
        return seat_learner(roles, number, [f"{MAIN}@{rng.choice(versions)}"] * (len(roles) - 1))

    def add_version(self, step: int) -> None:
        self._versions.append(step)

    def state(self) -> State:
        return {"versions": list(self._versions)}

    def restore(self, state: State) -> None:
        self._versions = list(state["versions"])


MATCHMAKER = Past
