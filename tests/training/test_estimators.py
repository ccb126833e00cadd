"""From rewards to advantages, against numbers computed by hand."""

import asyncio
import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch import games, prompts
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.scripted import ScriptedEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.training import estimators
from mirrormatch.training.estimator import Estimator
from mirrormatch.training.estimators.global_baseline import GlobalBaseline
from mirrormatch.training.estimators.role_baseline import RoleBaseline
from mirrormatch.training.trajectories import Trajectory, extract_trajectories

EVERY = estimators.names()
DECAY = 0.95
ROLES = st.tuples(st.sampled_from(["kuhn_poker", "tictactoe"]), st.integers(0, 1), st.floats(-1e6, 1e6))


def trajectory(reward: float, game: str = "kuhn_poker", role: int = 0) -> Trajectory:
    return Trajectory(game, role, reward, ())


def batch(*rewards: float) -> list[Trajectory]:
    return [trajectory(r) for r in rewards]


def new(name: str, decay: float = DECAY) -> Estimator:
    return estimators.get(name)(decay)


# what every estimator promises


@pytest.mark.parametrize("name", EVERY)
@given(rewards=st.lists(ROLES, max_size=20))
def test_there_is_one_finite_advantage_per_trajectory(name: str, rewards: Sequence[tuple[str, int, float]]) -> None:
    found = new(name)([Trajectory(game, role, reward, ()) for game, role, reward in rewards])
    assert len(found) == len(rewards)
    assert all(map(math.isfinite, found))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("reward", [0.0, 1.0, -2.0])
def test_constant_rewards_are_worth_less_and_less(name: str, reward: float) -> None:
    found = new(name)(batch(*[reward] * 200))
    assert all(abs(later) <= abs(earlier) for earlier, later in itertools.pairwise(found))
    assert found[-1] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("name", EVERY)
def test_the_baseline_is_read_before_it_is_updated(name: str) -> None:
    assert new(name)(batch(1.0)) == [1.0]


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_gives_the_same_as_its_trajectories_one_by_one(name: str) -> None:
    rewards = batch(1.0, -2.0, 1.0, 2.0)
    whole, single = new(name), new(name)
    assert whole(rewards) == [single([t])[0] for t in rewards]


@pytest.mark.parametrize("name", EVERY)
def test_a_restored_estimator_goes_on_exactly(name: str) -> None:
    whole, first, second = new(name), new(name), new(name)
    rewards = [trajectory(r, game, role) for r in (1.0, -2.0, 0.3) for game in ("a", "b") for role in (0, 1)]
    expected = whole(rewards + rewards)[len(rewards) :]
    first(rewards)
    second.restore(first.state())
    assert second(rewards) == expected
    assert second.state() == whole.state()


@pytest.mark.parametrize("name", EVERY)
def test_a_saved_state_is_not_touched_afterwards(name: str) -> None:
    estimator = new(name)
    estimator(batch(1.0))
    saved = estimator.state()
    before = dict(saved)
    estimator(batch(5.0))
    assert saved == before


@pytest.mark.parametrize("name", EVERY)
def test_a_restored_state_is_not_touched_afterwards(name: str) -> None:
    saved = {"kuhn_poker/0": 0.5, "all": 0.5}
    estimator = new(name)
    estimator.restore(saved)
    estimator(batch(5.0))
    assert saved == {"kuhn_poker/0": 0.5, "all": 0.5}


# role-conditioned advantages: b after R is 0.95 b + 0.05 R


def test_advantages_of_one_role_by_hand() -> None:
    # b: 0, 0.05, 0.05 * 0.95 - 0.1 = -0.0525, -0.0525 * 0.95 + 0.05 = 0.000125
    assert RoleBaseline(DECAY)(batch(1.0, -2.0, 1.0, 2.0)) == pytest.approx([1.0, -2.05, 1.0525, 1.999875], abs=1e-12)


def test_the_baseline_of_one_role_by_hand() -> None:
    estimator = RoleBaseline(DECAY)
    estimator(batch(1.0, -2.0, 1.0))
    assert estimator.state() == {"kuhn_poker/0": pytest.approx(0.000125, abs=1e-12)}


def test_every_game_and_role_has_a_baseline_of_its_own() -> None:
    estimator = RoleBaseline(0.5)
    estimator([trajectory(1.0, "a", 0), trajectory(-1.0, "a", 1), trajectory(4.0, "b", 0), trajectory(8.0, "b", 0)])
    assert estimator.state() == {"a/0": 0.5, "a/1": -0.5, "b/0": 5.0}


def test_a_role_that_always_loses_is_not_blamed_for_ever() -> None:
    rewards = [trajectory(r, "kuhn_poker", role) for _ in range(200) for role, r in ((0, -1.0), (1, 1.0))]
    assert RoleBaseline(DECAY)(rewards)[-2:] == pytest.approx([0.0, 0.0], abs=1e-3)


def test_a_baseline_follows_the_mean_of_all_returns_not_of_the_different_ones() -> None:
    """88 wins, 8 losses and 4 forfeits at -2 have the mean (88 - 8 - 8) / 100 = 0.72; their different values -0.67."""
    rewards = [1.0] * 88 + [-1.0] * 8 + [-2.0] * 4
    mixed = [rewards[k * 37 % 100] for k in range(100)]  # 37 and 100 share no factor: every reward once
    estimator = RoleBaseline(0.999)
    for _ in range(100):
        estimator(batch(*mixed))
    assert estimator.state()["kuhn_poker/0"] == pytest.approx(0.72, abs=0.02)


# the ablation


def test_the_global_baseline_is_one_for_all_by_hand() -> None:
    # b: 0, 0.05, 0.05 * 0.95 - 0.05 = -0.0025, -0.0025 * 0.95 + 0.2 = 0.197625
    rewards = [trajectory(1.0, "a", 0), trajectory(-1.0, "a", 1), trajectory(4.0, "b", 0), trajectory(0.0, "b", 1)]
    assert GlobalBaseline(DECAY)(rewards) == pytest.approx([1.0, -1.05, 4.0025, -0.197625], abs=1e-12)


def test_the_global_baseline_blames_a_role_that_always_loses_for_ever() -> None:
    rewards = [trajectory(r, "kuhn_poker", role) for _ in range(200) for role, r in ((0, -1.0), (1, 1.0))]
    assert GlobalBaseline(DECAY)(rewards)[-2:] == pytest.approx([-1.0, 1.0], abs=0.06)


# conservation


def caller() -> LLMAgent:
    """Plays legal moves in Kuhn poker, drawn from the seed."""

    def reply(prompt: str, seed: int) -> str:
        legal = prompt.rpartition("Legal moves: ")[2].partition(".")[0].split(", ")
        return f"\\boxed{{{legal[seed % len(legal)]}}}"

    return LLMAgent("scripted", ScriptedEngine(reply), prompts.get("boxed"), Sampling())


def test_rewards_that_enter_an_estimator_sum_to_the_returns_of_the_games() -> None:
    agent = caller()
    played = [asyncio.run(play(games.get("kuhn_poker"), [agent, agent], seed)) for seed in range(60)]
    entered = [t for e in played for t in extract_trajectories(e, "return")]
    assert len({e.returns for e in played}) == 4, "wins and losses of both stakes"
    for role in (0, 1):
        assert sum(t.reward for t in entered if t.role == role) == sum(e.returns[role] for e in played)


def test_an_advantage_and_its_baseline_sum_to_the_reward() -> None:
    estimator, rewards = RoleBaseline(DECAY), (1.0, -2.0, 1.0, 2.0)
    for reward in rewards:
        before = estimator.state().get("kuhn_poker/0", 0.0)
        assert estimator(batch(reward))[0] + before == pytest.approx(reward)
