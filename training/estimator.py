"""The estimator's interface: a batch of rewarded trajectories to one advantage per reply.

An estimator with a state saves it with the run. None depends on how the replies are turned into rows or into a loss.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import Field

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import Credit, Floats, NoState, State, Stateful, Trajectory


class CreditSettings(PluginSettings):
    """The settings of every estimator with one advantage per trajectory."""

    turn_discount: Annotated[
        float, Field(gt=0, le=1, description="factor on a turn's advantage for each later turn; 1 as in SPIRAL")
    ] = 1.0


class BaselineSettings(CreditSettings):
    """The settings of an estimator with moving averages."""

    decay: Annotated[
        float, Field(ge=0, lt=1, description="decay of the baseline's moving average; 0.95 as in SPIRAL")
    ] = 0.95


class Estimator(Stateful, Protocol):
    """Computes one advantage per reply. Finite for all finite rewards."""

    Settings: ClassVar[type[PluginSettings]]
    needs: ClassVar[frozenset[str]]

    def __init__(self, settings: Any) -> None: ...

    def __call__(self, batch: Sequence[Trajectory]) -> Credit:
        """Computes the advantages: for each trajectory, in order, one per reply. May update the state."""
        ...

    def baselines(self) -> dict[str, float]:
        """The current baselines by key, for the metrics; empty without any."""
        ...


class Stateless(NoState):
    """The state of an estimator without one."""

    def baselines(self) -> dict[str, float]:
        return {}


class MovingAverages:
    """Exponential moving averages by key, without the bias towards their start.

    After n values the weights of all values sum to 1 - decay^n; dividing by that sum makes the average exact from the
    first value on (Kingma and Ba 2015, arXiv 1412.6980, section 3). Before the first value the average is 0.

    Args:
        decay: the share of the old average that an update keeps.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def read(self, key: str) -> float:
        """Returns the average of the values so far."""
        count = self._counts.get(key, 0)
        return self._sums[key] / (1 - self._decay**count) if count else 0.0

    def update(self, key: str, value: float) -> None:
        """Adds a value."""
        self._sums[key] = self._decay * self._sums.get(key, 0.0) + (1 - self._decay) * value
        self._counts[key] = self._counts.get(key, 0) + 1

    def averages(self) -> dict[str, float]:
        """The average of every key."""
        return {key: self.read(key) for key in self._sums}

    def state(self) -> State:
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def restore(self, state: State) -> None:
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])


class BaselineEstimator:
    """A = R - b(key), with b a moving average of the returns of that key.

    All of an episode is read before any of it is updated: otherwise the second seat's baseline would contain the first
    seat's return, which in a zero-sum game is its own with the sign turned around.

    Args:
        settings: the decay of the moving average, per trajectory, and the discount of turns.
    """

    Settings = BaselineSettings
    needs = frozenset[str]()

    def __init__(self, settings: BaselineSettings) -> None:
        self._baselines = MovingAverages(settings.decay)
        self._turn_discount = settings.turn_discount

    def key(self, trajectory: Trajectory) -> str:
        """The name of the trajectory's baseline."""
        raise NotImplementedError

    def __call__(self, batch: Sequence[Trajectory]) -> Credit:
        credit: Credit = []
        for _, episode in groupby(batch, key=lambda t: t.episode):
            seats = list(episode)
            advantages = [t.reward - self._baselines.read(self.key(t)) for t in seats]
            for t in seats:
                self._baselines.update(self.key(t), t.reward)
            credit += spread_advantages(seats, advantages, self._turn_discount)
        return credit

    def baselines(self) -> dict[str, float]:
        return self._baselines.averages()

    def state(self) -> State:
        return self._baselines.state()

    def restore(self, state: State) -> None:
        self._baselines.restore(state)


def spread_advantages(batch: Sequence[Trajectory], advantages: Sequence[float], turn_discount: float) -> Credit:
    """Gives every reply of a trajectory the trajectory's advantage, discounted for each later reply.

    A reply that was no move and was tried again gets its penalty alone: the game went on as if it had not been written,
    and no win is owed to it. The last failed reply of a role that forfeits has caused the forfeit, and is credited.
    """
    return [_spread(t, advantage, turn_discount) for t, advantage in zip(batch, advantages, strict=True)]


def _spread(trajectory: Trajectory, advantage: float, turn_discount: float) -> Floats:
    last = len(trajectory.steps) - 1
    forfeits = trajectory.forfeit == "own"
    return tuple(
        (advantage * turn_discount ** (last - k) if step.problem is None or (forfeits and k == last) else 0.0)
        + step.penalty
        for k, step in enumerate(trajectory.steps)
    )


def group_by_deal(batch: Sequence[Trajectory]) -> list[list[int]]:
    """Lists the positions of trajectories of one seat on one deal, group by group."""
    groups: dict[tuple[str, int, int], list[int]] = {}
    for k, t in enumerate(batch):
        groups.setdefault((t.game, t.deal, t.role), []).append(k)
    return list(groups.values())
