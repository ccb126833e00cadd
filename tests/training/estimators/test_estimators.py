"""From rewards to advantages, against numbers computed by hand."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.training.records import make_batch, make_step, make_trajectory

from mirrormatch.games.types import ProblemKind
from mirrormatch.training import estimators
from mirrormatch.training.estimator import Estimator, MovingAverages
from mirrormatch.training.types import Credit, Trajectory

EVERY = estimators.names()
GROUPED = ("group", "leave_one_out")
AVERAGED = ("role_ema", "global")
SEATS = st.tuples(
    st.sampled_from(["kuhn_poker", "tictactoe"]), st.integers(0, 1), st.integers(0, 2), st.floats(-1e6, 1e6)
)


def new(name: str, **settings: Any) -> Estimator:
    made = estimators.get(name)
    return made(made.Settings(**settings))


def firsts(credit: Credit) -> list[float]:
    """The advantage of each trajectory's first reply."""
    return [advantages[0] for advantages in credit]


def make_episode(number: int, rewards: Sequence[float], game: str = "kuhn_poker") -> list[Trajectory]:
    """An episode that every role leaves with its reward."""
    return [
        make_trajectory(make_step(reward=reward), game=game, role=role, episode=number, deal=number)
        for role, reward in enumerate(rewards)
    ]


# what every estimator promises


@pytest.mark.parametrize("name", EVERY)
@given(seats=st.lists(SEATS, max_size=20))
def test_there_is_one_finite_advantage_per_reply(name: str, seats: Sequence[tuple[str, int, int, float]]) -> None:
    batch = [
        make_trajectory(*[make_step(reward=reward)] * (1 + k % 3), game=game, role=role, episode=k, deal=deal)
        for k, (game, role, deal, reward) in enumerate(seats)
    ]
    found = new(name)(batch)
    assert [len(advantages) for advantages in found] == [len(t.steps) for t in batch]
    assert all(math.isfinite(a) for advantages in found for a in advantages)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("reward", [0.0, 1.0, -2.0])
def test_constant_rewards_teach_nothing_after_the_first(name: str, reward: float) -> None:
    found = firsts(new(name)(make_batch(*[reward] * 50, deals=[0] * 50)))
    expected = [reward] * 50 if name == "none" else [0.0 if name in GROUPED else reward, *[0.0] * 49]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_an_advantage_moves_with_its_own_reward(name: str) -> None:
    """The baseline doesn't contain the reward, except the mean of a group, whose factor is 1 - 1/n: here 3/4."""
    settings = {"std": False} if name == "group" else {}
    before, after = (
        firsts(new(name, **settings)(make_batch(3.0, own, 1.0, 2.0, deals=[0] * 4)))[1] for own in (5.0, 9.0)
    )
    assert after - before == pytest.approx(4.0 * (0.75 if name == "group" else 1.0))


@pytest.mark.parametrize("name", EVERY)
def test_no_advantage_depends_on_another_seat_of_its_episode(name: str) -> None:
    def second(reward_of_first: float) -> float:
        estimator = new(name)
        estimator(make_episode(0, [0.5, 0.25]))
        return firsts(estimator(make_episode(1, [reward_of_first, 2.0])))[1]

    assert second(1.0) == second(-7.0)


@pytest.mark.parametrize("name", AVERAGED)
def test_the_ten_seats_of_an_episode_are_all_read_before_one_is_updated(name: str) -> None:
    estimator = new(name, decay=0.5)
    estimator([make_trajectory(make_step(reward=4.0), part="civilian")])
    seats = [make_trajectory(make_step(reward=float(k)), role=k, part="civilian", episode=1) for k in range(10)]
    assert firsts(estimator(seats)) == [k - 4.0 for k in range(10)]


@pytest.mark.parametrize("name", [name for name in EVERY if name not in GROUPED])
def test_a_batch_gives_the_same_as_its_episodes_one_by_one(name: str) -> None:
    episodes = [make_episode(k, rewards) for k, rewards in enumerate([(1.0, -2.0), (1.0, 2.0), (0.5, 0.0)])]
    whole, single = new(name), new(name)
    assert whole([t for e in episodes for t in e]) == [a for e in episodes for a in single(e)]


@pytest.mark.parametrize("name", EVERY)
def test_a_restored_estimator_continues_exactly(name: str) -> None:
    whole, first, second = new(name), new(name), new(name)
    batch = [t for k, game in enumerate("abab") for t in make_episode(k, (1.0 + k, -0.3), game)]
    whole(batch)
    expected = whole(batch)
    first(batch)
    second.restore(json.loads(json.dumps(first.state())))
    assert second(batch) == expected
    assert second.state() == whole.state()


@pytest.mark.parametrize("name", EVERY)
def test_a_saved_state_is_not_touched_afterwards(name: str) -> None:
    estimator = new(name)
    estimator(make_batch(1.0))
    saved = estimator.state()
    before = json.dumps(saved)
    estimator(make_batch(5.0))
    assert json.dumps(saved) == before


@pytest.mark.parametrize("name", EVERY)
def test_a_restored_state_is_not_touched_afterwards(name: str) -> None:
    first, second = new(name), new(name)
    first(make_batch(1.0))
    saved = first.state()
    before = json.dumps(saved)
    second.restore(saved)
    second(make_batch(5.0))
    assert json.dumps(saved) == before


# replies of one trajectory


@pytest.mark.parametrize("name", EVERY)
def test_every_reply_has_the_advantage_of_its_trajectory(name: str) -> None:
    batch = [make_trajectory(make_step(), make_step(), make_step(reward=r), episode=k) for k, r in enumerate((2, 4))]
    assert all(len(set(advantages)) == 1 for advantages in new(name)(batch))


@pytest.mark.parametrize("name", EVERY)
def test_a_discount_counts_the_replies_that_came_after(name: str) -> None:
    batch = [make_trajectory(make_step(), make_step(), make_step(reward=r), episode=k) for k, r in enumerate((8, 0))]
    first, _ = new(name, turn_discount=0.5)(batch)
    assert first == pytest.approx((first[2] / 4, first[2] / 2, first[2])) and first[2] > 0


def test_a_failed_reply_that_was_tried_again_gets_no_credit_for_the_win() -> None:
    failed = make_step(problem=ProblemKind.ILLEGAL, penalty=-0.5)
    won = make_trajectory(failed, make_step(), failed, make_step(reward=1.0))
    assert new("none")([won]) == [(-0.5, 1.0, -0.5, 1.0)]


def test_the_last_failed_reply_has_caused_the_forfeit() -> None:
    failed = make_step(problem=ProblemKind.NONE, penalty=-0.25)
    lost = make_trajectory(make_step(), failed, failed._replace(reward=-1.0), forfeit="own")
    assert new("none")([lost]) == [(-1.0, -0.25, -1.25)]


def test_a_penalty_enters_no_baseline() -> None:
    estimator = new("role_ema")
    estimator([make_trajectory(make_step(penalty=-9.0, problem=ProblemKind.NONE), make_step(reward=1.0))])
    assert estimator.baselines() == {"kuhn_poker/0": pytest.approx(1.0)}


# the moving average: after n values the weights sum to 1 - decay^n, by which it is divided


def test_the_average_of_values_by_hand() -> None:
    averages = MovingAverages(0.5)
    found = []
    for value in (4.0, 1.0, -2.0):  # sums 2, 1.5, -0.25; weights 1/2, 3/4, 7/8
        averages.update("a", value)
        found.append(averages.read("a"))
    assert found == pytest.approx([4.0, 2.0, -2 / 7], abs=1e-12)


def test_an_average_without_a_value_is_0() -> None:
    assert MovingAverages(0.95).read("a") == 0.0


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=30), decay=st.floats(0, 0.999))
def test_an_average_lies_between_its_values(values: list[float], decay: float) -> None:
    averages = MovingAverages(decay)
    for value in values:
        averages.update("a", value)
    assert min(values) - 1e-6 <= averages.read("a") <= max(values) + 1e-6


# role-conditioned advantages


def test_advantages_of_one_role_by_hand() -> None:
    # b: 0, 1, (0.95 - 2) / 1.95 = -0.538462, (0.95^2 - 2 * 0.95 + 1) / (1 + 0.95 + 0.95^2) = 0.000876424
    found = firsts(new("role_ema")(make_batch(1.0, -2.0, 1.0, 2.0)))
    assert found == pytest.approx([1.0, -3.0, 1 + 1.05 / 1.95, 2 - 0.0025 / 2.8525], abs=1e-12)


def test_every_game_and_part_has_a_baseline_of_its_own() -> None:
    estimator = new("role_ema", decay=0.5)
    parts = (("a", 0, 1.0), ("a", 1, -1.0), ("b", 0, 4.0), ("b", 0, 8.0))
    for k, (game, role, reward) in enumerate(parts):
        estimator([make_trajectory(make_step(reward=reward), game=game, role=role, episode=k)])
    assert estimator.baselines() == {"a/0": 1.0, "a/1": -1.0, "b/0": pytest.approx((2.0 + 8.0) / 1.5 / 1.0)}


def test_a_dealt_part_is_the_key_rather_than_the_seat() -> None:
    estimator = new("role_ema")
    seats = [("spy", 0, -1.0), ("civilian", 1, 1.0), ("civilian", 2, 1.0)]
    for k in range(3):  # the spy moves from seat to seat
        estimator(
            [make_trajectory(make_step(reward=r), role=(role + k) % 3, part=p, episode=k) for p, role, r in seats]
        )
    assert estimator.baselines() == {
        "kuhn_poker/spy": pytest.approx(-1.0),
        "kuhn_poker/civilian": pytest.approx(1.0),
    }


def test_a_role_that_always_loses_is_not_blamed_for_ever() -> None:
    episodes = [t for k in range(200) for t in make_episode(k, (-1.0, 1.0))]
    assert firsts(new("role_ema")(episodes))[-2:] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_baseline_follows_the_mean_of_all_returns_not_of_the_different_ones() -> None:
    """88 wins, 8 losses and 4 forfeits at -2 have the mean (88 - 8 - 8) / 100 = 0.72; their different values -0.67."""
    rewards = [1.0] * 88 + [-1.0] * 8 + [-2.0] * 4
    mixed = [rewards[k * 37 % 100] for k in range(100)]  # 37 and 100 share no factor: every reward once
    estimator = new("role_ema", decay=0.999)
    for _ in range(100):
        estimator(make_batch(*mixed))
    assert estimator.baselines()["kuhn_poker/0"] == pytest.approx(0.72, abs=0.02)


def test_an_advantage_and_its_baseline_sum_to_the_reward() -> None:
    estimator = new("role_ema")
    for reward in (1.0, -2.0, 1.0, 2.0):
        before = estimator.baselines().get("kuhn_poker/0", 0.0)
        assert firsts(estimator(make_batch(reward)))[0] + before == pytest.approx(reward)


# the ablation


def test_the_global_baseline_is_one_for_all_by_hand() -> None:
    # episodes (1, -1) and (4, 0): b is 0 for the first; then (-1 + 0.95) / 1.95 for both seats of the second
    found = firsts(new("global")([*make_episode(0, (1.0, -1.0), "a"), *make_episode(1, (4.0, 0.0), "b")]))
    assert found == pytest.approx([1.0, -1.0, 4 + 0.05 / 1.95, 0.05 / 1.95], abs=1e-12)


def test_the_global_baseline_blames_a_role_that_always_loses_for_ever() -> None:
    episodes = [t for k in range(200) for t in make_episode(k, (-1.0, 1.0))]
    assert firsts(new("global")(episodes))[-2:] == pytest.approx([-1.0, 1.0], abs=0.06)


# groups: trajectories of one seat on one deal


def test_a_group_is_normalised_by_hand() -> None:
    """Rewards 3, 1, 1, -1 have mean 1 and standard deviation sqrt(2); the other deal is a group of its own."""
    found = firsts(new("group")(make_batch(3.0, 1.0, 7.0, 1.0, -1.0, 5.0, deals=[0, 0, 1, 0, 0, 1])))
    assert found == pytest.approx([math.sqrt(2), 0.0, 1.0, 0.0, -math.sqrt(2), -1.0], abs=1e-12)


def test_a_group_without_std_is_centred_alone() -> None:
    assert firsts(new("group", std=False)(make_batch(3.0, 1.0, 1.0, -1.0, deals=[0] * 4))) == [2.0, 0.0, 0.0, -2.0]


def test_a_groups_equal_rewards_teach_nothing_in_spite_of_rounding() -> None:
    assert firsts(new("group")(make_batch(0.1, 0.1, 0.1, deals=[0] * 3))) == [0.0] * 3
    assert firsts(new("group")(make_batch(0.1 + 0.2, 0.3, deals=[0] * 2))) == [0.0] * 2


def test_the_others_are_the_baseline_by_hand() -> None:
    found = firsts(new("leave_one_out")(make_batch(3.0, 1.0, 1.0, -1.0, deals=[0] * 4)))
    assert found == pytest.approx([3 - 1 / 3, 1 - 1.0, 1 - 1.0, -1 - 5 / 3], abs=1e-12)


@given(rewards=st.lists(st.floats(-100, 100), min_size=2, max_size=8))
def test_leave_one_out_is_the_centred_group_without_its_factor(rewards: list[float]) -> None:
    n, batch = len(rewards), make_batch(*rewards, deals=[0] * len(rewards))
    centred, left_out = firsts(new("group", std=False)(batch)), firsts(new("leave_one_out")(batch))
    assert left_out == pytest.approx([a * n / (n - 1) for a in centred], abs=1e-6)


@pytest.mark.parametrize("name", GROUPED)
def test_a_group_of_one_game_teaches_nothing(name: str) -> None:
    assert firsts(new(name)(make_batch(3.0, -1.0))) == [0.0, 0.0]


@pytest.mark.parametrize("name", GROUPED)
def test_seats_of_one_deal_are_different_groups(name: str) -> None:
    batch = [t for k in range(2) for t in make_batch(1.0, 1.0, role=k, deals=[0, 0])]
    batch[2] = make_trajectory(make_step(reward=5.0), role=1, episode=0)
    assert firsts(new(name)(batch))[:2] == [0.0, 0.0]
