"""The figures of a step, from numbers computed by hand."""

import math

import pytest
import torch

from mirrormatch.training.figure_sums import FigureSums, sum_k3
from mirrormatch.training.objective import Seen


def make_seen(*ratios: float, samples: tuple[int, ...] = ()) -> Seen:
    """Tokens with these ratios of the policy's probability to the sampler's, and entropies 1, 2, 3, ..."""
    num = len(ratios)
    zeros = torch.zeros(num)
    entropies = torch.arange(1.0, num + 1)
    return Seen(torch.tensor([*map(math.log, ratios)]), entropies, zeros, zeros, zeros, torch.tensor(samples), {})


def test_the_effective_share_is_that_of_all_parts_together() -> None:
    """Ratios 1, 1, 2: the squared sum 16 over 3 tokens times the sum of squares 6."""
    whole, split = FigureSums(), FigureSums()
    whole.add_seen(make_seen(1, 1, 2, samples=(0, 0, 0)), [""])
    split.add_seen(make_seen(1, samples=(0,)), [""])
    split.add_seen(make_seen(1, 2, samples=(0, 0)), [""])
    assert whole.means()["effective_share"] == pytest.approx(16 / 18)
    assert split.means()["effective_share"] == pytest.approx(16 / 18)


def test_equal_ratios_are_all_effective() -> None:
    sums = FigureSums()
    sums.add_seen(make_seen(2, 2, 2, samples=(0, 0, 0)), [""])
    assert sums.means()["effective_share"] == pytest.approx(1.0)


def test_entropies_are_split_by_the_game_of_each_sample() -> None:
    sums = FigureSums()
    sums.add_seen(make_seen(1, 1, 1, 1, samples=(0, 1, 1, 2)), ["nim", "chess", "nim"])
    found = sums.means()
    assert (found["entropy/nim"], found["entropy/chess"], found["entropy"]) == pytest.approx((2.5, 2.5, 2.5))


def test_one_token_in_a_hundred_is_above_the_quantile_of_gaps() -> None:
    """99 tokens with ratio e^0.01, one with e^5, in two parts."""
    sums = FigureSums()
    for ratios in ([math.exp(0.01)] * 60, [math.exp(5.0), *[math.exp(0.01)] * 39]):
        sums.add_seen(make_seen(*ratios, samples=(0,) * len(ratios)), [""])
    found = sums.means()
    assert (found["logp_gap_p99"], found["logp_gap"]) == pytest.approx((0.01, 5.0), rel=1e-4)


def test_no_update_has_no_figures() -> None:
    assert FigureSums().means() == {}


def test_k3_is_zero_for_one_policy_and_right_for_two() -> None:
    logps = torch.tensor([-1.0, -2.0])
    assert sum_k3(logps, logps) == 0.0
    assert sum_k3(logps, logps + math.log(2)) == pytest.approx(2 * (2 - math.log(2) - 1), rel=1e-5)
