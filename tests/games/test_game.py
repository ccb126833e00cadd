"""The interface's own functions: drawing from chance, and the kind of a game."""

import random

import pytest

from mirrormatch import games
from mirrormatch.games.game import sample_chance

CHANCE = (("a", 0.5), ("b", 0.25), ("c", 0.25))


class FixedPoint(random.Random):
    """A generator whose numbers are all the same."""

    def __init__(self, point: float) -> None:
        super().__init__(0)
        self._point = point

    def random(self) -> float:
        return self._point


@pytest.mark.parametrize(
    ("point", "action"), [(0.0, "a"), (0.49, "a"), (0.5, "b"), (0.74, "b"), (0.75, "c"), (0.99, "c")]
)
def test_a_chance_outcome_owns_the_part_of_the_unit_interval_that_is_its_probability(point: float, action: str) -> None:
    assert sample_chance(CHANCE, FixedPoint(point)) == action


def test_a_sliver_that_rounding_leaves_goes_to_the_last_outcome() -> None:
    assert sample_chance((("a", 0.3), ("b", 0.6999999)), FixedPoint(0.99999999)) == "b"


def test_a_draw_takes_one_number_from_the_generator() -> None:
    rng, other = random.Random(7), random.Random(7)
    sample_chance(CHANCE, rng)
    other.random()
    assert rng.getstate() == other.getstate()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("kuhn_poker", True), ("liars_dice", True), ("liars_dice:players=3", False), ("stag_hunt", False)],
)
def test_only_two_players_whose_returns_add_up_to_nothing_make_a_duel(name: str, expected: bool) -> None:
    assert games.get(name).info.is_two_player_zero_sum is expected
