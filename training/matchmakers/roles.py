"""An adapter for each role: several learners on one base model, each in its own seats."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from mirrormatch.errors import UserError, did_you_mean
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.matchmaker import FixedPool, Seat
from mirrormatch.training.types import MAIN


class RolesSettings(PluginSettings):
    """The settings of `roles`."""

    learners: Annotated[
        dict[str, str],
        Field(min_length=1, description="the learner of each role by the role's name; `main` has all other roles"),
    ]
    frozen: Annotated[tuple[str, ...], Field(description="learners that play and are not updated")] = ()

    @model_validator(mode="after")
    def _find_frozen(self) -> "RolesSettings":
        names = {MAIN, *self.learners.values()}
        for name in self.frozen:
            if name not in names:
                raise ValueError(f"no learner is called {name!r}{did_you_mean(name, names)}")
        if names <= set(self.frozen):
            raise ValueError("every learner is frozen: nothing would be trained")
        for name in names:
            if not name.isidentifier():
                raise ValueError(f"a learner's name is a word of letters, digits and underscores, not {name!r}")
        return self


class Roles(FixedPool):
    """Learner NAME plays every role that names it. A frozen learner's replies are not learned from."""

    Settings = RolesSettings

    def __init__(self, settings: RolesSettings) -> None:
        self._settings = settings

    @property
    def learners(self) -> tuple[str, ...]:
        return (MAIN, *sorted({*self._settings.learners.values()} - {MAIN}))

    @property
    def frozen(self) -> frozenset[str]:
        return frozenset(self._settings.frozen)

    def seat_players(self, roles: Sequence[str], number: int, seed: int) -> tuple[Seat, ...]:
        del number, seed
        for name in self._settings.learners:
            if name not in roles:
                near = did_you_mean(name, roles)
                raise UserError(f"matchmaker roles: no role is called {name!r}{near}; there are: {', '.join(roles)}")
        players = [self._settings.learners.get(role, MAIN) for role in roles]
        return tuple(Seat(name, None if name in self.frozen else name) for name in players)


MATCHMAKER = Roles
