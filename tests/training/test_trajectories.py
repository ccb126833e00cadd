"""From an episode to the trajectories of its seats: what each reply earned, and who is learned from."""

import asyncio
from typing import Any

import pytest
from tests.training.records import make_caller, make_player, play_tictactoe

from mirrormatch import agents, games
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Episode
from mirrormatch.games.types import ProblemKind
from mirrormatch.training.matchmaker import Seat
from mirrormatch.training.trajectories import Forfeits, extract_trajectories
from mirrormatch.training.types import MAIN, Trajectory

MIRROR = (Seat(MAIN, MAIN), Seat(MAIN, MAIN))


def extract(episode: Episode, forfeits: Forfeits = "both") -> list[Trajectory]:
    return extract_trajectories(episode, 7, MIRROR, 3, forfeits)


def with_changes(played: Episode, **changes: Any) -> Episode:
    return Episode(**{field: getattr(played, field) for field in Episode.__dataclass_fields__} | changes)


# what was earned


@pytest.mark.parametrize(
    ("squares", "returns"),
    [((("1", "2", "3"), ("5", "9")), [1.0, -1.0]), ((("1", "9", "7"), ("4", "5", "6")), [-1.0, 1.0])],
    ids=["first wins", "second wins"],
)
def test_a_role_earns_its_return(squares: tuple[tuple[str, ...], tuple[str, ...]], returns: list[float]) -> None:
    played = play_tictactoe(make_player(*squares[0]), make_player(*squares[1]))
    assert [(t.role, t.earned) for t in extract(played)] == list(enumerate(returns))


def test_a_game_that_pays_at_its_end_pays_the_last_reply() -> None:
    first, second = extract(play_tictactoe(make_player("1", "2", "3"), make_player("5", "9")))
    assert [step.earned for step in first.steps] == [0.0, 0.0, 1.0]
    assert [step.earned for step in second.steps] == [0.0, -1.0]


def test_a_payment_belongs_to_the_last_reply_before_it() -> None:
    """Turns of roles 0, 1, 0, 1, 0 pay role 0: 0.5, 0, 0.25, -1, 0. Its replies earn 0.5 + 0, 0.25 - 1 and the rest."""
    played = play_tictactoe(make_player("1", "2", "3"), make_player("5", "9"))
    paid = ((0.5, 0.0), (0.0, 0.0), (0.25, 0.0), (-1.0, 0.0), (0.0, 0.0))
    turns = [
        type(turn)(**{f: getattr(turn, f) for f in turn.__dataclass_fields__} | {"rewards": rewards})
        for turn, rewards in zip(played.turns, paid, strict=True)
    ]
    first = extract(with_changes(played, turns=tuple(turns), returns=(4.0, -4.0)))[0]
    assert [step.earned for step in first.steps] == [0.5, -0.75, 4.25]


def test_a_forfeit_is_earned_by_both() -> None:
    played = play_tictactoe(make_player("1", "pass"), make_player("5"))
    assert played.forfeited_by == 0
    assert [(t.earned, t.forfeit) for t in extract(played)] == [(-1.0, "own"), (1.0, "other")]


def test_earnings_of_a_game_sum_to_its_returns() -> None:
    agent = make_caller()
    played = [asyncio.run(play(games.get("kuhn_poker"), [agent, agent], seed)) for seed in range(60)]
    assert len({e.returns for e in played}) == 4, "wins and losses of both stakes"
    assert [tuple(t.earned for t in extract(e)) for e in played] == [e.returns for e in played]


# who is learned from


@pytest.mark.parametrize(("forfeits", "roles"), [("both", [0, 1]), ("own", [0]), ("mask", [])])
def test_a_setting_decides_who_learns_from_a_forfeit(forfeits: Forfeits, roles: list[int]) -> None:
    played = play_tictactoe(make_player("1", "pass"), make_player("5"))
    assert [t.role for t in extract(played, forfeits)] == roles


@pytest.mark.parametrize("forfeits", ["both", "own", "mask"])
def test_a_game_without_a_forfeit_is_learned_from_by_both(forfeits: Forfeits) -> None:
    played = play_tictactoe(make_player("1", "2", "3"), make_player("5", "9"))
    assert [t.role for t in extract(played, forfeits)] == [0, 1]


def test_a_failed_reply_is_a_step_with_its_problem() -> None:
    first, second = extract(play_tictactoe(make_player("1", "pass"), make_player("5")))
    assert [step.problem for step in first.steps] == [None, ProblemKind.NONE] and len(second.steps) == 1


def test_a_role_that_never_replied_has_no_trajectory() -> None:
    assert [t.role for t in extract(play_tictactoe(make_player("pass"), make_player("5")))] == [0]


def test_a_learners_seat_without_tokens_is_a_fault_of_ours() -> None:
    played = play_tictactoe(agents.get("random"), make_player("5"))
    with pytest.raises(AssertionError, match="role 0 plays without tokens"):
        extract(played)


def test_a_foreign_seat_needs_no_tokens() -> None:
    played = play_tictactoe(agents.get("random"), make_player("5", "9", "1", "2", "3", "4", "6", "7", "8"))
    foreign, own = extract_trajectories(played, 0, (Seat("random", None), Seat(MAIN, MAIN)), 0)
    assert (foreign.learner, foreign.player, own.learner) == (None, "random", MAIN)
    assert all(step.ids == () for step in foreign.steps) and all(step.ids for step in own.steps)


def test_a_trajectory_names_its_game_seat_and_opponents() -> None:
    played = play_tictactoe(make_player("1", "2", "3"), make_player("5", "9"))
    first, second = extract_trajectories(played, 7, (Seat("main@4", None), Seat(MAIN, MAIN)), 3)
    assert (first.episode, first.game, first.role, first.born) == (7, "tictactoe", 0, 3)
    assert (first.part, second.part) == played.parts
    assert (first.opponents, second.opponents) == (("main",), ("main@4",))
    assert (first.outcome, second.outcome) == ("win", "loss")
