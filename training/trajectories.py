"""From an episode to the replies and the reward of each trained role."""

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
    """All replies of one role in one episode, and the role's reward.

    Attributes:
        game: the game's name.
        role: the seat.
        reward: the role's return, or +1 / 0 / -1 by its outcome.
        moves: the role's replies, in order.
    """

    game: str
    role: int
    reward: float
    moves: tuple[Move, ...]


def extract_trajectories(episode: Episode, reward: str) -> list[Trajectory]:
    """Extracts one trajectory for every role with at least one reply.

    The rewards sum to the game's returns, except where an opponent forfeited before a role's first turn.

    Args:
        episode: an episode with its tokens.
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
