"""Intervals have their nominal coverage, and small cases agree with a calculation by hand."""

import math
import random

import numpy as np
import pytest
from pydantic import ValidationError

from mirrormatch.evals.statistics import Score, bootstrap, difference, exact, mean, share, sign_flip, wilson

Z2 = 1.959963984540054**2


def test_wilson_of_nine_in_ten_is_the_textbook_interval() -> None:
    assert wilson(9, 10) == pytest.approx((0.595850, 0.982124), abs=1e-6)


def test_wilson_of_none_is_z_squared_over_n_plus_z_squared() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, Z2 / (10 + Z2)))
    assert wilson(10, 10) == pytest.approx((10 / (10 + Z2), 1.0))


def test_wilson_of_one_half_is_symmetric() -> None:
    low, high = wilson(50, 100)
    assert (low, high) == pytest.approx((0.403832, 0.596168), abs=1e-6)
    assert low + high == pytest.approx(1.0)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_a_share_without_tries_or_with_too_many_hits_is_refused(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="share"):
        share("x", hits, n, unit="", better=None)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9])
def test_wilson_covers_the_true_share_about_as_often_as_it_says(p: float) -> None:
    n = 50
    weights = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    covered = sum(w for k, w in enumerate(weights) if wilson(k, n).low <= p <= wilson(k, n).high)
    assert 0.92 <= covered <= 0.985


def test_a_score_is_the_json_that_is_promised() -> None:
    assert share("win", 3, 4, unit="games", better="higher").model_dump().keys() == {
        "name", "value", "low", "high", "n", "unit", "better",
    }  # fmt: skip
    assert exact("value", -1 / 18, unit="chips", better=None).model_dump_json() == (
        '{"name":"value","value":-0.05555555555555555,"low":-0.05555555555555555,"high":-0.05555555555555555,'
        '"n":null,"unit":"chips","better":null}'
    )


def test_a_score_is_finite_and_has_no_other_fields() -> None:
    with pytest.raises(ValidationError):
        exact("x", math.nan, unit="", better=None)
    with pytest.raises(ValidationError):
        Score.model_validate({**exact("x", 1, unit="", better=None).model_dump(), "more": 1})


def test_a_mean_divides_by_the_number_of_values_not_of_clusters() -> None:
    score = mean("x", [1, 1, 1, 5], clusters=["a", "a", "a", "b"], seed=1, unit="chips", better="higher")
    assert (score.value, score.n) == (2.0, 4)


def test_two_clusters_can_only_be_drawn_in_four_ways() -> None:
    # Both a: 0. Both b: 4. One of each, in two orders: 2. The 2.5 % and 97.5 % points are the outer ones.
    score = mean("x", [0, 0, 4, 4], clusters=["a", "a", "b", "b"], seed=1, unit="", better=None)
    assert (score.low, score.value, score.high) == (0.0, 2.0, 4.0)
    inner = mean("x", [0, 0, 4, 4], clusters=["a", "a", "b", "b"], seed=1, unit="", better=None, confidence=0.4)
    assert (inner.low, inner.high) == (2.0, 2.0)


def test_what_never_varies_has_an_interval_of_no_width() -> None:
    score = mean("x", [0.5] * 9, seed=1, unit="", better=None)
    assert (score.low, score.value, score.high) == (0.5, 0.5, 0.5)
    assert difference("x", [0.5] * 9, [0.5] * 9, seed=1, unit="", better=None).p == 1.0


def test_one_value_is_its_own_mean() -> None:
    score = mean("x", [3], seed=1, unit="", better=None)
    assert (score.low, score.value, score.high, score.n) == (3, 3, 3, 1)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf]])
def test_nothing_and_what_is_not_finite_have_no_mean(values: list[float]) -> None:
    with pytest.raises(ValueError, match="mean"):
        mean("x", values, seed=1, unit="", better=None)


def test_keys_and_pairs_must_fit_the_values() -> None:
    with pytest.raises(ValueError, match="one cluster key per value"):
        mean("x", [1, 2], clusters=["a"], seed=1, unit="", better=None)
    with pytest.raises(ValueError, match="1 before, 2 after"):
        difference("x", [1], [1, 2], seed=1, unit="", better=None)


def test_equal_seeds_give_equal_intervals_independent_of_the_global_generators() -> None:
    values = np.random.default_rng(2).normal(size=30).tolist()
    first = mean("x", values, seed=5, unit="", better=None)
    np.random.seed(0)
    assert mean("x", values, seed=5, unit="", better=None) == first
    assert mean("x", values, seed=6, unit="", better=None) != first


def test_a_large_sample_is_drawn_in_pieces_and_comes_out_like_the_normal_interval() -> None:
    values = [float(k % 2) for k in range(20_000)]
    score = mean("x", values, seed=5, unit="", better=None)
    assert (score.low, score.high) == pytest.approx(
        (0.5 - 1.96 * 0.5 / 20_000**0.5, 0.5 + 1.96 * 0.5 / 20_000**0.5), abs=5e-4
    )


def test_three_changes_for_the_better_happen_by_chance_one_time_in_four() -> None:
    # Of 8 sign patterns, +++ and --- are as extreme: 2 / 8.
    found = difference("x", [0, 0, 0], [1, 1, 1], seed=1, unit="", better="higher")
    assert (found.score.value, found.p) == (1.0, 0.25)


def test_unequal_changes_are_counted_by_hand() -> None:
    # 1 + 2 + 3 - 1 = 5. As extreme: 1 + 2 + 3 + 1, 1 + 2 + 3 - 1, -1 + 2 + 3 + 1 and their negatives: 6 of 16.
    assert sign_flip(np.array([1.0, 2.0, 3.0, -1.0]), seed=1) == 6 / 16


def test_changes_that_cancel_within_a_cluster_are_no_evidence() -> None:
    found = difference("x", [0, 1] * 8, [1, 0] * 8, clusters=[k // 2 for k in range(16)], seed=1, unit="", better=None)
    assert (found.score.low, found.score.high, found.p) == (0.0, 0.0, 1.0)


def test_random_patterns_agree_with_all_of_them() -> None:
    sums_C = np.array([random.Random(k).gauss(0.6, 1) for k in range(10)])
    assert sign_flip(sums_C, seed=3, num_resamples=1_000) == pytest.approx(sign_flip(sums_C, seed=3), abs=0.04)


def test_p_is_never_nothing() -> None:
    assert sign_flip(np.ones(64), seed=1) == 1 / 2_001


def simulate_coverage(*, by_deal: bool) -> float:
    """The share of intervals that hold the true mean 0 when two games share a deal's luck."""
    rng, hits, trials, num_deals = random.Random(11), 0, 300, 40
    for trial in range(trials):
        luck = [rng.gauss(0, 1) for _ in range(num_deals)]
        games = np.array([[shared + rng.gauss(0, 0.3) for _ in range(2)] for shared in luck])
        sums, sizes = (
            (games.sum(axis=1), np.full(num_deals, 2.0)) if by_deal else (games.ravel(), np.ones(2 * num_deals))
        )
        low, high = bootstrap(sums, sizes, seed=trial, num_resamples=400)
        hits += low <= 0 <= high
    return hits / trials


def test_the_cluster_bootstrap_covers_where_treating_games_as_independent_does_not() -> None:
    assert 0.91 <= simulate_coverage(by_deal=True) <= 0.98
    assert simulate_coverage(by_deal=False) < 0.90


def test_p_below_a_twentieth_is_as_rare_as_it_should_be_when_nothing_changed() -> None:
    rng = random.Random(12)
    ps = [sign_flip(np.array([rng.gauss(0, 1) for _ in range(25)]), seed=k, num_resamples=400) for k in range(400)]
    assert 0.02 <= sum(p <= 0.05 for p in ps) / len(ps) <= 0.08
