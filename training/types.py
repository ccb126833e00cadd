"""The records of training, from a reply to the sums of an update. Each stage reads one of them and returns the next.

An episode becomes one `Trajectory` per seat, whose `Step`s get rewards and then credit; a builder turns them into
`Sample`s, the sequences that the model reads. Nothing here depends on a model, a game or a file.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from mirrormatch.games.types import ProblemKind

Ids: TypeAlias = tuple[int, ...]
Floats: TypeAlias = tuple[float, ...]
Credit: TypeAlias = list[Floats]  # one advantage per step of each trajectory
State: TypeAlias = dict[str, Any]  # what JSON can hold

MAIN = "main"  # the learner of a run that trains one adapter, and its player's roster name


class Step(NamedTuple):
    """One reply of one seat: the unit of credit.

    Attributes:
        prompt_ids: ids of the prompt.
        ids: ids of the reply as they were sampled; empty where the prompt filled the context.
        logprobs: the sampler's log-probs, one per id of the reply.
        problem: why the reply is no move; None for a move.
        finished: whether the model ended the reply, rather than the token budget.
        view_key: hash of the game and of the role's view; equal keys are equal decisions.
        earned: what the game paid the role from this reply to its next one, in the game's own unit.
        reward: the reply's reward, from which an estimator computes its credit.
        penalty: credit of this reply alone, in the unit of advantages; it enters no baseline and no other reply.
    """

    prompt_ids: Ids
    ids: Ids
    logprobs: Floats
    problem: ProblemKind | None = None
    finished: bool = True
    view_key: int = 0
    earned: float = 0.0
    reward: float = 0.0
    penalty: float = 0.0


class Trajectory(NamedTuple):
    """One seat of one episode. Only seats of a learner have tokens.

    Attributes:
        episode: the episode's number within the step.
        game: the game's name.
        role: the seat.
        part: the part that was dealt to the seat (spy, civilian); the seat's name where parts are not dealt.
        player: the roster name of the player in the seat.
        learner: the name of the learner whose adapter played, None for every other player: never trained.
        opponents: the roster names of the other seats, in order of the seats.
        deal: the seed of chance; episodes with one deal form a group.
        sample: number of the episode within its group.
        born: number of updates that the learner had made when it played.
        outcome: the role's outcome.
        forfeit: "own" if this role forfeited, "other" if another one did, None if the game came to its end.
        steps: the seat's replies, in order.
    """

    episode: int
    game: str
    role: int
    part: str
    player: str
    learner: str | None
    opponents: tuple[str, ...]
    deal: int
    sample: int
    born: int
    outcome: Literal["win", "draw", "loss"]
    forfeit: Literal["own", "other"] | None
    steps: tuple[Step, ...]

    @property
    def earned(self) -> float:
        """The role's return, in the game's own unit."""
        return sum(step.earned for step in self.steps)

    @property
    def reward(self) -> float:
        """The sum of the replies' rewards."""
        return sum(step.reward for step in self.steps)


class Sample(NamedTuple):
    """One sequence of an update. The first four have one length.

    Attributes:
        ids: the whole sequence: prompts and, between them, the policy's own tokens.
        own: 1 where the token is the policy's own, 0 where it belongs to a prompt.
        logprobs: the sampler's log-probs; 0 for a prompt's tokens.
        advantages: one advantage per token; 0 for a prompt's tokens.
        trajectory: the position of its trajectory in the batch.
        learner: the name of the learner that is updated.
        weight: factor on the sequence's loss.
        game: the name of the game that it is from, for the figures.
    """

    ids: Ids
    own: tuple[int, ...]
    logprobs: Floats
    advantages: Floats
    trajectory: int = 0
    learner: str = MAIN
    weight: float = 1.0
    game: str = ""

    @property
    def num_own(self) -> int:
        """The number of tokens that the loss covers."""
        return sum(self.own)


class Stateful(Protocol):
    """A part of a run with a state that is saved at every checkpoint."""

    def state(self) -> State:
        """The state to save, from which `restore` continues exactly."""
        ...

    def restore(self, state: State) -> None:
        """Loads a saved state."""
        ...


class NoState:
    """The state of a part without one."""

    def state(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        del state


def count_own_tokens(samples: Sequence[Sample]) -> int:
    """Counts the tokens that the loss covers."""
    return sum(sample.num_own for sample in samples)
