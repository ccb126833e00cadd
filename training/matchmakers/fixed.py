"""Fixed opponents: the learner in one seat, agents that never change in the others."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.matchmaker import FixedPool, Seat, seat_learner


class FixedSettings(PluginSettings):
    """The settings of `fixed`."""

    opponents: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="SPECs of the opponents, in equal shares: 'random', 'optimal', 'nano'"),
    ]


class Fixed(FixedPool):
    """The learner has every seat equally often against every opponent."""

    Settings = FixedSettings

    def __init__(self, settings: FixedSettings) -> None:
        self._opponents = settings.opponents

    def seat_players(self, roles: Sequence[str], number: int, seed: int) -> tuple[Seat, ...]:
        del seed
        opponent = self._opponents[number // len(roles) % len(self._opponents)]
        return seat_learner(roles, number, [opponent] * (len(roles) - 1))


MATCHMAKER = Fixed
