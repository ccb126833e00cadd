"""From trajectories to training rows: tokens exactly as they were sampled, never encoded again.

Turns whose prompt extends the earlier ids exactly become one row with a mask: the same gradient for a fraction of the
tokens. Every other turn becomes a row of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mirrormatch.training.trajectories import Move, Trajectory


class Row(NamedTuple):
    """One sequence of the batch. The last four have one length.

    Attributes:
        prompt_ids: ids of the prompt, which the loss leaves out.
        completion_ids: all ids after the prompt: own tokens and, between them, the tokens of later prompts.
        own: 1 where the token is the policy's own, 0 where it belongs to a prompt.
        logprobs: log-probs at sampling; 0 for a prompt's tokens.
        advantages: one advantage per token; 0 for a prompt's tokens.
    """

    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    own: tuple[int, ...]
    logprobs: tuple[float, ...]
    advantages: tuple[float, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """The whole sequence."""
        return self.prompt_ids + self.completion_ids


class Batch(NamedTuple):
    """The input of one update.

    Attributes:
        rows: the sequences to learn from.
        num_trajectories: number of trajectories that they come from, the denominator of Dr. GRPO's loss.
    """

    rows: Sequence[Row]
    num_trajectories: int


def build_batch(trajectories: Sequence[Trajectory], advantages: Sequence[float], turn_discount: float) -> Batch:
    """Turns trajectories and their advantages, one each, into the rows of one update."""
    pairs = zip(trajectories, advantages, strict=True)
    return Batch([row for t, a in pairs for row in build_rows(t, a, turn_discount)], len(trajectories))


def build_rows(trajectory: Trajectory, advantage: float, turn_discount: float) -> list[Row]:
    """Builds the rows of one trajectory.

    Every turn gets the trajectory's advantage, times `turn_discount` for each turn that came after it.
    """
    made: list[Row] = []
    for k, move in enumerate(trajectory.moves):
        if not move.completion.token_ids:
            continue  # a prompt that filled the context: the reply has no tokens
        worth = advantage * turn_discount ** (len(trajectory.moves) - 1 - k)
        row = _row(move, worth)
        if made and row.prompt_ids[: len(made[-1].ids)] == made[-1].ids:
            made[-1] = _merge(made[-1], row)
        else:
            made.append(row)
    return made


def count_own_tokens(batch: Sequence[Row]) -> int:
    """Counts the tokens that the loss covers."""
    return sum(sum(row.own) for row in batch)


def _row(move: Move, advantage: float) -> Row:
    ids, logprobs = move.completion.token_ids, move.completion.logprobs
    assert len(ids) == len(logprobs), f"{len(ids)} ids, {len(logprobs)} log-probs"
    return Row(move.prompt_ids, ids, (1,) * len(ids), logprobs, (advantage,) * len(ids))


def _merge(earlier: Row, later: Row) -> Row:
    read = later.prompt_ids[len(earlier.ids) :]
    return Row(
        earlier.prompt_ids,
        earlier.completion_ids + read + later.completion_ids,
        earlier.own + (0,) * len(read) + later.own,
        earlier.logprobs + (0.0,) * len(read) + later.logprobs,
        earlier.advantages + (0.0,) * len(read) + later.advantages,
    )
