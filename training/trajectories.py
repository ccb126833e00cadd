"""From an episode to the trajectory of each of its seats."""

from collections.abc import Sequence
from typing import Literal

from mirrormatch.agents.types import Episode, Turn
from mirrormatch.training.matchmaker import Seat
from mirrormatch.training.types import Step, Trajectory

Forfeits = Literal["both", "own", "mask"]  # see `extract_trajectories`


def extract_trajectories(
    episode: Episode, number: int, seats: Sequence[Seat], born: int, forfeits: Forfeits = "both"
) -> list[Trajectory]:
    """Extracts one trajectory for every seat with at least one reply.

    The earnings of a game sum to its returns, except where an opponent forfeited before a role's first turn.

    Args:
        episode: an episode whose learners' turns have tokens.
        number: the episode's number within the step.
        seats: the players.
        born: number of updates that the learners had made.
        forfeits: the seats to learn from after a forfeit: "both" sides, the "own" mistake only (the others' windfall
            is not theirs), or "mask": none.
    """
    if forfeits == "mask" and episode.forfeited_by is not None:
        return []
    found = []
    for role, seat in enumerate(seats):
        steps = _extract_steps(episode, role, seat)
        forfeit = _describe_forfeit(episode, role)
        if not steps or (forfeits == "own" and forfeit == "other"):
            continue
        found.append(
            Trajectory(
                episode=number,
                game=episode.game,
                role=role,
                part=episode.parts[role],
                player=seat.player,
                learner=seat.learner,
                opponents=tuple(other.player for k, other in enumerate(seats) if k != role),
                deal=episode.seed,
                sample=episode.sample,
                born=born,
                outcome=episode.outcome[role],
                forfeit=forfeit,
                steps=steps,
            )
        )
    return found


def _describe_forfeit(episode: Episode, role: int) -> Literal["own", "other"] | None:
    if episode.forfeited_by is None:
        return None
    return "own" if episode.forfeited_by == role else "other"


def _extract_steps(episode: Episode, role: int, seat: Seat) -> tuple[Step, ...]:
    """The role's replies, each with what the game paid from it to the next one.

    Where the game pays at its end only, that is the last reply, with the whole return.
    """
    positions = [k for k, turn in enumerate(episode.turns) if turn.role == role]
    if not positions:
        return ()
    paid = [0.0 if turn.rewards is None else turn.rewards[role] for turn in episode.turns]
    ends = [*positions[1:], len(episode.turns)]
    earned = [sum(paid[start:end]) for start, end in zip(positions, ends, strict=True)]
    earned[-1] = episode.returns[role] - sum(earned[:-1])  # a forfeit's and what came before the first reply
    return tuple(_to_step(episode.turns[k], value, seat) for k, value in zip(positions, earned, strict=True))


def _to_step(turn: Turn, earned: float, seat: Seat) -> Step:
    done = turn.completion
    if seat.learner is None and (done is None or turn.prompt_ids is None):
        return Step((), (), (), turn.problem.kind if turn.problem else None, True, turn.view_key or 0, earned)
    assert turn.prompt_ids is not None and done is not None, f"role {turn.role} plays without tokens"
    assert not done.num_forced, f"{done.num_forced} tokens of a reply were not the model's own"
    return Step(
        prompt_ids=turn.prompt_ids,
        ids=done.token_ids,
        logprobs=done.logprobs,
        problem=turn.problem.kind if turn.problem else None,
        finished=done.finish == "stop",
        view_key=turn.view_key or 0,
        earned=earned,
    )
