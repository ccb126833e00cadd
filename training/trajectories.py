"""From an episode to what each trained role did and earned."""

from typing import NamedTuple

from mirrormatch.agents.engines._types import Completion
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.games.types import Outcome

_OUTCOME_REWARD: dict[Outcome, float] = {"win": 1.0, "draw": 0.0, "loss": -1.0}


class Move(NamedTuple):
    """One reply of the trained policy, in tokens: a move of the game or a failed one."""

    prompt_ids: tuple[int, ...]
    completion: Completion


class Trajectory(NamedTuple):
    """All replies of one role in one episode, and what the role earned.

    Attributes:
        game: the game's name.
        role: the seat.
        reward: the role's return, or +1 / 0 / -1 by its outcome.
        moves: in order.
    """

    game: str
    role: int
    reward: float
    moves: tuple[Move, ...]


def trajectories(episode: Episode, reward: str) -> list[Trajectory]:
    """One trajectory for every role that replied at all.

    What enters training sums to the game's returns, but for a role whose opponent forfeited before its first turn.

    Args:
        episode: with the tokens still in it.
        reward: "return" or "outcome".
    """
    earned = episode.returns if reward == "return" else tuple(_OUTCOME_REWARD[o] for o in episode.outcome)
    found = []
    for role, value in enumerate(earned):
        moves = tuple(_move(t) for t in episode.turns if t.role == role)
        if moves:
            found.append(Trajectory(episode.game, role, value, moves))
    return found


def _move(turn: Turn) -> Move:
    assert turn.prompt_ids is not None and turn.completion is not None, f"role {turn.role} plays without tokens"
    assert not turn.completion.num_forced, f"{turn.completion.num_forced} tokens of a reply were not the model's own"
    return Move(turn.prompt_ids, turn.completion)
