"""Self-play: the newest policy in every seat, as in SPIRAL."""

from collections.abc import Sequence

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.matchmaker import FixedPool, Seat
from mirrormatch.training.types import MAIN


class Mirror(FixedPool):
    """Every seat is the learner's, and is learned from."""

    def __init__(self, settings: PluginSettings) -> None:
        del settings

    def seat_players(self, roles: Sequence[str], number: int, seed: int) -> tuple[Seat, ...]:
        del number, seed
        return (Seat(MAIN, MAIN),) * len(roles)


MATCHMAKER = Mirror
