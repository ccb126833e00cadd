"""The matchmaker's interface: the player in each seat of every game.

A player is named as in the roster: a learner (`main`), an earlier adapter of it (`main@40`), or any SPEC. Nothing here
depends on games' rules or on models.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import MAIN, NoState, Stateful, Trajectory


class Seat(NamedTuple):
    """The player in one seat.

    Attributes:
        player: the roster name.
        learner: the learner that is updated from this seat's replies; None for every other player.
    """

    player: str
    learner: str | None


class Matchmaker(Stateful, Protocol):
    """Assigns players to seats. Deterministic: what it draws depends on the seed that it is given."""

    Settings: ClassVar[type[PluginSettings]]
    needs: ClassVar[frozenset[str]]

    def __init__(self, settings: Any) -> None: ...

    @property
    def learners(self) -> tuple[str, ...]:
        """The names of all learners, each with an adapter of its own."""
        ...

    @property
    def frozen(self) -> frozenset[str]:
        """The learners that are not updated."""
        ...

    def seat_players(self, roles: Sequence[str], number: int, seed: int) -> tuple[Seat, ...]:
        """Assigns the seats of one game.

        Args:
            roles: names of the game's seats.
            number: the number of the game's deal within the run, over this game only: consecutive numbers rotate seats.
            seed: for draws; equal for all games of one deal.
        """
        ...

    def record_results(self, batch: Sequence[Trajectory]) -> None:
        """Reads the results of a step."""
        ...

    def add_version(self, step: int) -> None:
        """Adds the learners' adapters after `step` steps, which are kept from now on, to the opponents."""
        ...


class FixedPool(NoState):
    """The parts of a matchmaker that most of them share: one learner, nothing frozen, and no state."""

    Settings: ClassVar[type[PluginSettings]] = PluginSettings
    needs: ClassVar[frozenset[str]] = frozenset()

    @property
    def learners(self) -> tuple[str, ...]:
        return (MAIN,)

    @property
    def frozen(self) -> frozenset[str]:
        return frozenset()

    def record_results(self, batch: Sequence[Trajectory]) -> None:
        del batch

    def add_version(self, step: int) -> None:
        del step


def seat_learner(roles: Sequence[str], number: int, opponents: Sequence[str]) -> tuple[Seat, ...]:
    """Seats the learner once and the opponents everywhere else; consecutive numbers rotate the learner's seat."""
    others = iter(opponents)
    at = number % len(roles)
    return tuple(Seat(MAIN, MAIN) if k == at else Seat(next(others), None) for k in range(len(roles)))
