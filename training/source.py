"""The source's interface: the experience of one step, from play or from files.

Nothing here depends on the loss or on the learner; policies come from a `Roster`.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.types import Agent, Episode
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.episode_log import EpisodeLog
from mirrormatch.training.matchmaker import Matchmaker
from mirrormatch.training.trajectories import Forfeits
from mirrormatch.training.types import Stateful, Trajectory


class Experience(NamedTuple):
    """What a step learns from.

    Attributes:
        episodes: the episodes, in order.
        trajectories: their seats, those of foreign players included.
    """

    episodes: Sequence[Episode]
    trajectories: Sequence[Trajectory]


class Roster(Protocol):
    """Agents by their roster names."""

    def agent(self, player: str) -> Agent:
        """The agent of a learner (`main`), of an earlier adapter of it (`main@40`), or of a SPEC."""
        ...

    def policy(self, learner: str) -> LLMAgent:
        """The newest policy of a learner."""
        ...


class Context(NamedTuple):
    """The parts of a run that a source works with.

    Attributes:
        seed: the run's seed.
        games: names of the games, in equal shares.
        episodes: number of episodes of a step.
        samples_per_deal: number of episodes that begin with the same deal and the same seats.
        in_flight: number of episodes that are played at once.
        forfeits: see `extract_trajectories`.
        matchmaker: assigns the seats.
        roster: the players.
        open_log: returns the file of a step's games, counted from 0.
    """

    seed: int
    games: tuple[str, ...]
    episodes: int
    samples_per_deal: int
    in_flight: int
    forfeits: Forfeits
    matchmaker: Matchmaker
    roster: Roster
    open_log: Callable[[int], EpisodeLog]


class Source(Stateful, Protocol):
    """Supplies the experience of each step. Made with its settings and a `Context`."""

    Settings: ClassVar[type[PluginSettings]]
    needs: ClassVar[frozenset[str]]

    def __init__(self, settings: Any, context: Context) -> None: ...

    async def take(self, step: int) -> Experience:
        """The experience of step number `step`, counted from 0."""
        ...
