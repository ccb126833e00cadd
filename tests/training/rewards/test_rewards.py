"""Terms of the reward: what a reply is worth, and what every term promises."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.training.records import make_batch, make_caller, make_step, make_trajectory

from mirrormatch import games
from mirrormatch.agents.play import play
from mirrormatch.games.types import ProblemKind
from mirrormatch.training import rewards
from mirrormatch.training.matchmaker import Seat
from mirrormatch.training.trajectories import extract_trajectories
from mirrormatch.training.types import MAIN, Step, Trajectory

EVERY = rewards.names()
TRUNCATED, ILLEGAL = ProblemKind.TRUNCATED, ProblemKind.ILLEGAL
STEPS = st.tuples(st.floats(-1e6, 1e6), st.sampled_from([None, TRUNCATED, ILLEGAL]))


def apply(kind: str, batch: Sequence[Trajectory], **settings: Any) -> list[Trajectory]:
    made = rewards.get(kind)
    return asyncio.run(made(made.Settings(**settings))(batch))


def values(trajectory: Trajectory) -> list[float]:
    return [step.reward for step in trajectory.steps]


def penalties(trajectory: Trajectory) -> list[float]:
    return [step.penalty for step in trajectory.steps]


# what every term promises


@pytest.mark.parametrize("kind", EVERY)
@given(earned=st.lists(st.lists(STEPS, min_size=1, max_size=4), max_size=8))
def test_a_term_changes_finite_rewards_and_penalties_only(
    kind: str, earned: Sequence[Sequence[tuple[float, ProblemKind | None]]]
) -> None:
    batch = [
        make_trajectory(*(make_step(earned=value, problem=problem) for value, problem in steps), role=k % 2, episode=k)
        for k, steps in enumerate(earned)
    ]
    found = apply(kind, batch)
    assert all(math.isfinite(v) for t in found for s in t.steps for v in (s.reward, s.penalty))

    def without(trajectory: Trajectory) -> Trajectory:
        return trajectory._replace(steps=tuple(s._replace(reward=0.0, penalty=0.0) for s in trajectory.steps))

    assert [without(t) for t in found] == batch


@pytest.mark.parametrize("kind", ["return", "scaled", "outcome", "penalties"])
def test_a_term_adds_to_what_earlier_terms_gave(kind: str) -> None:
    fresh = make_trajectory(make_step(), make_step(earned=2.0, problem=ILLEGAL), outcome="win")
    given = fresh._replace(steps=tuple(s._replace(reward=10.0, penalty=-10.0) for s in fresh.steps))
    (alone,), (added,) = apply(kind, [fresh]), apply(kind, [given])
    assert values(added) == [v + 10 for v in values(alone)]
    assert penalties(added) == [v - 10 for v in penalties(alone)]


# the game's own payments


def play_kuhn(num: int) -> list[Trajectory]:
    agent, mirror = make_caller(), [Seat(MAIN, MAIN)] * 2
    played = [asyncio.run(play(games.get("kuhn_poker"), [agent, agent], seed)) for seed in range(num)]
    return [t for k, e in enumerate(played) for t in extract_trajectories(e, k, mirror, 0)]


def test_rewards_that_enter_an_estimator_sum_to_the_returns_of_the_games() -> None:
    batch = play_kuhn(60)
    assert {t.earned for t in batch} == {-2.0, -1.0, 1.0, 2.0}, "wins and losses of both stakes"
    assert [t.reward for t in apply("return", batch)] == [t.earned for t in batch]


def test_every_reply_is_paid_what_the_game_paid_behind_it() -> None:
    trajectory = make_trajectory(make_step(earned=0.5), make_step(earned=-2.0), make_step())
    assert values(apply("return", [trajectory])[0]) == [0.5, -2.0, 0.0]


@pytest.mark.parametrize(
    ("game", "stake"),
    [("tictactoe", 1.0), ("kuhn_poker", 2.0), ("deal_or_no_deal", 10.0), ("simple_negotiation", 120.0)],
)
def test_scaled_divides_by_the_games_highest_stake(game: str, stake: float) -> None:
    trajectory = make_trajectory(make_step(earned=3.0), make_step(earned=-6.0), game=game)
    assert values(apply("scaled", [trajectory])[0]) == [3.0 / stake, -6.0 / stake]


def test_the_highest_stake_of_every_game_is_worth_1_when_scaled() -> None:
    for name in games.names():
        info = games.get(name).info
        ends = (info.min_return, info.max_return)
        batch = [make_trajectory(make_step(earned=value), game=name) for value in ends]
        assert max(abs(t.reward) for t in apply("scaled", batch)) == pytest.approx(1.0), name


# the outcome


@pytest.mark.parametrize(("outcome", "value"), [("win", 1.0), ("draw", 0.0), ("loss", -1.0)])
def test_the_outcome_is_paid_to_the_last_reply_whatever_the_stake(outcome: str, value: float) -> None:
    trajectory = make_trajectory(make_step(earned=7.0), make_step(earned=-9.0), outcome=outcome)
    assert values(apply("outcome", [trajectory])[0]) == [0.0, value]


# penalties


def failing(*problems: ProblemKind | None) -> Trajectory:
    return make_trajectory(*(make_step(problem=problem, earned=1.0) for problem in problems))


def test_every_failed_reply_has_its_own_penalty_and_no_other_reply_has_one() -> None:
    found = apply("penalties", [failing(ILLEGAL, None, TRUNCATED)], illegal=0.5, truncated=0.25, cap=9.0)
    assert penalties(found[0]) == [-0.5, 0.0, -0.25]
    assert values(found[0]) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("problem", [p for p in ProblemKind if p is not TRUNCATED])
def test_every_problem_but_truncation_counts_as_illegal(problem: ProblemKind) -> None:
    assert penalties(apply("penalties", [failing(problem)], illegal=0.3, truncated=0.7)[0]) == [-0.3]


def test_penalties_of_one_game_end_at_the_cap() -> None:
    found = apply("penalties", [failing(*[ILLEGAL] * 4), failing(ILLEGAL)], illegal=0.4, cap=1.0)
    assert penalties(found[0]) == pytest.approx([-0.4, -0.4, -0.2, 0.0])
    assert penalties(found[1]) == [-0.4], "every game has a cap of its own"


# the control arm


def test_shuffled_rewards_are_those_of_the_group_in_another_order() -> None:
    batch = [t for role in (0, 1) for t in make_batch(*(10.0 * role + k for k in range(12)), role=role)]
    found = apply("shuffled", batch)
    for role in (0, 1):
        rewards_of = [t.reward for t in found if t.role == role]
        assert sorted(rewards_of) == [10.0 * role + k for k in range(12)] and rewards_of != sorted(rewards_of)


def test_groups_are_those_of_a_game_and_part() -> None:
    keys = [("a", "spy"), ("a", "civilian"), ("b", "spy"), ("b", "civilian")]
    batch = [make_trajectory(make_step(reward=float(k)), game=g, part=p) for k, (g, p) in enumerate(keys)]
    assert apply("shuffled", batch) == batch, "groups of one trajectory have nothing to exchange"


def test_shuffling_is_the_same_in_every_process_and_another_on_other_deals() -> None:
    batch = make_batch(*range(12))
    assert apply("shuffled", batch) == apply("shuffled", batch)
    elsewhere = apply("shuffled", [t._replace(deal=t.deal + 100) for t in batch])
    assert [t.reward for t in elsewhere] != [t.reward for t in apply("shuffled", batch)]


def test_a_shuffled_reward_belongs_to_the_last_reply() -> None:
    long = make_trajectory(make_step(reward=3.0), Step((1,), (2,), (-0.5,), reward=4.0), episode=0)
    short = make_trajectory(make_step(reward=5.0), episode=1)
    found = apply("shuffled", [long, short])
    assert sorted(t.reward for t in found) == [5.0, 7.0]
    assert values(found[0])[0] == 0.0
