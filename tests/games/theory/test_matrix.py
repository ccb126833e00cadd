"""Equilibria of matrix games agree with slow searches, with OpenSpiel and with results found by hand."""

import itertools
from collections import Counter
from typing import Any

import pyspiel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import exploitability
from tests.games.matrix.flat_tables import Flat, flatten

from mirrormatch.games.matrix._tables import all_games, find
from mirrormatch.games.theory.matrix import (
    dominant_choices,
    equilibrium,
    expected_payoffs,
    mixed_equilibrium,
    pure_equilibria,
    solve_zero_sum,
)

NUMBERS = [game.number for game in all_games()]
numbers = st.integers(-3, 3)
matrices = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda size: st.lists(st.lists(numbers, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0])
)


def stable_cells(game: Flat) -> list[tuple[int, int]]:
    """Finds pure equilibria by checking each player's deviation at each outcome."""
    first, second = game
    found = []
    for i, j in itertools.product((0, 1), repeat=2):
        first_stays = first[2 * i + j] == max(first[j], first[2 + j])
        second_stays = second[2 * i + j] == max(second[2 * i], second[2 * i + 1])
        if first_stays and second_stays:
            found.append((i, j))
    return found


def num_dominant(game: Flat) -> int:
    (a, b, c, d), (w, x, y, z) = game
    return ((a > c) == (b > d)) + ((w > x) == (y > z))


def gains(game: Flat, p: float, q: float) -> tuple[float, float]:
    """Each player's maximum gain from leaving the mixture."""
    (a, b, c, d), (w, x, y, z) = game
    mine = (q * a + (1 - q) * b, q * c + (1 - q) * d)
    theirs = (p * w + (1 - p) * y, p * x + (1 - p) * z)
    return max(mine) - (p * mine[0] + (1 - p) * mine[1]), max(theirs) - (q * theirs[0] + (1 - q) * theirs[1])


# zero sum


@given(matrices)
def test_what_the_rows_secure_is_what_the_columns_concede(matrix: list[list[int]]) -> None:
    value, rows = solve_zero_sum(matrix)
    negated = [[-row[k] for row in matrix] for k in range(len(matrix[0]))]
    other_value, columns = solve_zero_sum(negated)
    assert (
        min(sum(p * row[k] for p, row in zip(rows, matrix, strict=True)) for k in range(len(columns))) >= value - 1e-9
    )
    assert max(sum(p * x for p, x in zip(columns, row, strict=True)) for row in matrix) <= value + 1e-9
    assert value == pytest.approx(-other_value, abs=1e-9)


def test_rock_paper_scissors_is_played_by_thirds() -> None:
    value, mixture = solve_zero_sum([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    assert (value, *mixture) == pytest.approx((0, 1 / 3, 1 / 3, 1 / 3))


# two by two


def test_18_games_have_no_pure_equilibrium_108_have_one_18_have_two() -> None:
    assert Counter(len(pure_equilibria(game.table)) for game in all_games()) == {0: 18, 1: 108, 2: 18}


def test_in_36_games_both_have_a_dominant_choice_in_72_one_in_36_none() -> None:
    assert Counter(2 - dominant_choices(game.table).count(None) for game in all_games()) == {2: 36, 1: 72, 0: 36}


@pytest.mark.parametrize("number", NUMBERS)
def test_pure_equilibria_are_those_of_a_search(number: str) -> None:
    assert list(pure_equilibria(find(number).table)) == stable_cells(flatten(find(number)))


@pytest.mark.parametrize("number", NUMBERS)
def test_dominant_choices_are_those_of_a_search(number: str) -> None:
    assert 2 - dominant_choices(find(number).table).count(None) == num_dominant(flatten(find(number)))


def test_in_the_prisoners_dilemma_defecting_dominates() -> None:
    assert dominant_choices(find("prisoners_dilemma").table) == (1, 1)


@pytest.mark.parametrize("number", NUMBERS)
def test_both_mix_exactly_where_nothing_dominates(number: str) -> None:
    game = find(number)
    assert (mixed_equilibrium(game.table) is None) == (num_dominant(flatten(game)) > 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_player_gains_by_leaving_the_mixed_equilibrium(number: str) -> None:
    mixed = mixed_equilibrium(find(number).table)
    assert mixed is None or gains(flatten(find(number)), *mixed) == pytest.approx((0, 0), abs=1e-12)


def test_chicken_is_mixed_half_and_half() -> None:
    assert mixed_equilibrium(find("chicken").table) == (0.5, 0.5)  # 3q + 2(1-q) = 4q + 1(1-q)


def test_in_the_stag_hunt_half_of_the_others_must_hunt_the_stag() -> None:
    assert mixed_equilibrium(find("stag_hunt").table) == (0.5, 0.5)  # 4q + 1(1-q) = 3q + 2(1-q)


@pytest.mark.parametrize("number", NUMBERS)
def test_openspiel_finds_no_gain_against_the_equilibrium(number: str) -> None:
    (a, b, c, d), (w, x, y, z) = flatten(find(number))
    theirs = pyspiel.convert_to_turn_based(pyspiel.create_matrix_game([[a, b], [c, d]], [[w, x], [y, z]]))
    table: Any = spiel_policy.TabularPolicy(theirs)
    for role, p in enumerate(equilibrium(find(number).table)):
        table.policy_for_key(table.states_per_player[role][0])[:] = (p, 1 - p)
    assert exploitability.nash_conv(theirs, table) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_pure_equilibrium_is_chosen_that_no_other_beats_for_both(number: str) -> None:
    game = find(number)
    if cells := stable_cells(flatten(game)):
        mine, theirs = expected_payoffs(game.table, equilibrium(game.table))
        first, second = flatten(game)
        assert (mine, theirs) in [(first[2 * i + j], second[2 * i + j]) for i, j in cells]
        assert not any(first[2 * i + j] > mine and second[2 * i + j] > theirs for i, j in cells)


def test_a_mixture_is_worth_the_mean_of_its_outcomes() -> None:
    # the first plays 0 with 1/4, the second with 1/2: 3 and 1 for the first in the first row, 4 and 2 in the second
    assert expected_payoffs(find("g111").table, (0.25, 0.5)) == (0.25 * 2 + 0.75 * 3, 0.5 * 1.5 + 0.5 * 2.5)


def test_ties_leave_an_equilibrium_too() -> None:
    for values in itertools.product((0, 1), repeat=8):
        first, second = values[:4], values[4:]
        cells = [(first[k], second[k]) for k in range(4)]
        found = equilibrium(((cells[0], cells[1]), (cells[2], cells[3])))
        assert gains((first, second), *found) == pytest.approx((0, 0))
