"""The updates of one step: passes over the samples, in mini-batches of whole trajectories."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch.training.figure_sums import FigureSums
from mirrormatch.training.learner import Update, split_updates
from mirrormatch.training.objective import Seen
from mirrormatch.training.packing import pack
from mirrormatch.training.types import Sample


def make_samples(*per_trajectory: int) -> list[Sample]:
    """That many samples of each trajectory."""
    return [
        Sample((1, k, j), (0, 1, 1), (0.0,) * 3, (0.0,) * 3, trajectory=k)
        for k, num in enumerate(per_trajectory)
        for j in range(num)
    ]


def split(per_trajectory: Sequence[int], epochs: int = 1, minibatches: int = 1, seed: int = 0) -> list[Update]:
    samples = make_samples(*per_trajectory)
    return list(split_updates(samples, range(len(per_trajectory)), epochs, minibatches, seed))


def test_one_pass_in_one_update_is_the_step_as_it_is() -> None:
    assert split([2, 1, 3]) == [Update(make_samples(2, 1, 3), 3)]


def test_a_trajectory_without_a_sample_counts() -> None:
    assert split([2, 0, 0]) == [Update(make_samples(2), 3)]


def test_more_passes_repeat_the_step() -> None:
    assert split([2, 1], epochs=3) == split([2, 1]) * 3


@given(
    per_trajectory=st.lists(st.integers(0, 3), max_size=12),
    epochs=st.integers(1, 3),
    minibatches=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_every_pass_deals_out_every_trajectory_once_and_whole(
    per_trajectory: list[int], epochs: int, minibatches: int, seed: int
) -> None:
    updates = split(per_trajectory, epochs, minibatches, seed)
    assert len(updates) == epochs * minibatches
    for start in range(0, len(updates), minibatches):
        one_pass = updates[start : start + minibatches]
        sizes = [update.num_trajectories for update in one_pass]
        assert sum(sizes) == len(per_trajectory) and max(sizes) - min(sizes) <= 1
        dealt = [sample for update in one_pass for sample in update.samples]
        assert sorted(dealt) == sorted(make_samples(*per_trajectory))
        groups = [{sample.trajectory for sample in update.samples} for update in one_pass]
        assert sum(map(len, groups)) == len(set().union(*groups)), "no trajectory is in two groups"


def test_the_dealing_follows_the_seed_and_differs_between_passes() -> None:
    first, again, other = (split([1] * 12, epochs=2, minibatches=2, seed=s) for s in (5, 5, 6))
    assert first == again and first != other
    assert first[:2] != first[2:]


@pytest.mark.parametrize("minibatches", [1, 2])
def test_positions_are_those_of_the_batch(minibatches: int) -> None:
    """Trajectories 1 and 3 are the learner's; the others belong to other learners."""
    samples = [sample for sample in make_samples(1, 1, 1, 1) if sample.trajectory in (1, 3)]
    updates = list(split_updates(samples, [1, 3], 1, minibatches, 0))
    assert sorted(s for u in updates for s in u.samples) == samples
    assert [u.num_trajectories for u in updates] == [2 // minibatches] * minibatches


def test_the_gap_to_the_sampler_is_that_of_the_first_update() -> None:
    """From the second update on the policy has left the sampler's on purpose: no mismatch of two backends."""
    sample = Sample((5, 6), (0, 1), (0.0, -1.0), (0.0, 1.0))
    figures = FigureSums()
    for logp in (-1.0, -3.0):
        figures.add_plan(pack([sample], 64), [sample])
        column = torch.tensor([logp])
        one, zero = torch.ones(1), torch.zeros(1)
        figures.add_seen(Seen(column, zero, -one, one, one, torch.tensor([0]), {}), [""])
    found = figures.means()
    assert (found["ratio"], found["ratio_max"], found["logp_gap"], found["logp_gap_p99"]) == (1.0, 1.0, 0.0, 0.0)
    assert found["effective_share"] < 1.0
