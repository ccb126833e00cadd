"""The 144 games are the right ones, and what is said about them agrees with slow searches and with OpenSpiel."""

import itertools
from collections import Counter
from typing import Any

import pyspiel
import pytest
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import exploitability

from mirrormatch.games.matrix._tables import (
    OrdinalGame,
    all_games,
    dominant,
    equilibrium,
    family,
    find,
    is_symmetric,
    mixed_equilibrium,
    names,
    pure_equilibria,
    worth,
)

# first's payoffs at 00, 01, 10, 11, then the second's
Flat = tuple[tuple[float, ...], tuple[float, ...]]

SYMMETRIC = {
    "prisoners_dilemma": "g111", "chicken": "g122", "leader": "g133", "hero": "g144", "compromise": "g155",
    "deadlock": "g166", "concord": "g311", "stag_hunt": "g322", "assurance": "g333", "coordination": "g344",
    "peace": "g355", "harmony": "g366",
}  # fmt: skip
NUMBERS = [game.number for game in all_games()]


def flat(game: OrdinalGame) -> Flat:
    (a, b), (c, d) = game.table
    return (a[0], b[0], c[0], d[0]), (a[1], b[1], c[1], d[1])


def renamed(game: Flat) -> frozenset[Flat]:
    """The game with its choices called otherwise, in all four ways."""
    orders = ((0, 1, 2, 3), (2, 3, 0, 1), (1, 0, 3, 2), (3, 2, 1, 0))
    return frozenset((tuple(game[0][k] for k in o), tuple(game[1][k] for k in o)) for o in orders)


def seats_exchanged(game: Flat) -> Flat:
    (a, b, c, d), (w, x, y, z) = game
    return (w, y, x, z), (a, c, b, d)


def stable_cells(game: Flat) -> list[tuple[int, int]]:
    """Pure equilibria by asking each player at each outcome."""
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
    """What each gains at most by leaving the mixture."""
    (a, b, c, d), (w, x, y, z) = game
    mine = (q * a + (1 - q) * b, q * c + (1 - q) * d)
    theirs = (p * w + (1 - p) * y, p * x + (1 - p) * z)
    return max(mine) - (p * mine[0] + (1 - p) * mine[1]), max(theirs) - (q * theirs[0] + (1 - q) * theirs[1])


# the games


def test_there_are_144_games() -> None:
    assert len({renamed(flat(game)) for game in all_games()}) == len(all_games()) == 144


def test_every_pair_of_rankings_is_one_of_them() -> None:
    rankings = list(itertools.permutations((1.0, 2.0, 3.0, 4.0)))
    assert {renamed((first, second)) for first in rankings for second in rankings} == {
        renamed(flat(game)) for game in all_games()
    }


def test_78_are_left_if_the_players_may_be_exchanged() -> None:
    assert len({renamed(flat(g)) | renamed(seats_exchanged(flat(g))) for g in all_games()}) == 78


def test_12_are_symmetric() -> None:
    equal = [game for game in all_games() if seats_exchanged(flat(game)) in renamed(flat(game))]
    assert [(g.name, g.number) for g in equal] == list(SYMMETRIC.items())
    assert [is_symmetric(game) for game in all_games()] == [game in equal for game in all_games()]


def test_the_prisoners_dilemma_is_number_111() -> None:
    assert flat(find("g111")) == ((3, 1, 4, 2), (3, 4, 1, 2))
    assert find("g111").name == "prisoners_dilemma"


@pytest.mark.parametrize(("name", "theirs"), [("prisoners_dilemma", "matrix_pd"), ("chicken", "matrix_cd")])
def test_the_classics_rank_the_outcomes_as_openspiels_do(name: str, theirs: str) -> None:
    game = pyspiel.load_matrix_game(theirs)
    first, second = [float(v) for v in game.row_utilities().flat], [float(v) for v in game.col_utilities().flat]
    ranked = [tuple(sorted(values).index(v) + 1 for v in values) for values in (first, second)]
    assert (ranked[0], ranked[1]) in renamed(flat(find(name)))


@pytest.mark.parametrize(
    ("name", "ranking"),  # of R, S, T, P: both take 0, the other alone takes 1, one alone takes 1, both take 1
    [
        ("chicken", "TRSP"), ("leader", "TSRP"), ("hero", "TSPR"), ("compromise", "TPSR"), ("deadlock", "TPRS"),
        ("prisoners_dilemma", "TRPS"), ("stag_hunt", "RTPS"), ("assurance", "RPTS"), ("coordination", "RPST"),
        ("peace", "RSPT"), ("harmony", "RSTP"), ("concord", "RTSP"),
    ],
)  # fmt: skip
def test_a_symmetric_game_ranks_the_outcomes_as_its_name_says(name: str, ranking: str) -> None:
    payoffs = dict(zip("RSTP", flat(find(name))[0], strict=True))
    assert "".join(sorted(payoffs, key=lambda k: -payoffs[k])) == ranking


@pytest.mark.parametrize("layer", "1234")
def test_neighbours_in_a_layer_differ_by_one_exchange_of_adjoining_payoffs(layer: str) -> None:
    for k in range(1, 7):
        pair = (1, 2) if k % 2 else (2, 3)
        exchanged = {pair[0]: pair[1], pair[1]: pair[0]}
        here, there = flat(find(f"g{layer}{k}1")), flat(find(f"g{layer}{k % 6 + 1}1"))
        assert there == (tuple(exchanged.get(int(v), v) for v in here[0]), here[1])


@pytest.mark.parametrize(
    ("here", "there"), [("prisoners_dilemma", "stag_hunt"), ("chicken", "concord"), ("deadlock", "peace")]
)
def test_exchanging_both_players_best_payoffs_changes_the_layer(here: str, there: str) -> None:
    exchanged = {3: 4, 4: 3}
    first, second = [tuple(exchanged.get(int(v), v) for v in values) for values in flat(find(here))]
    assert renamed((first, second)) == renamed(flat(find(there)))


@pytest.mark.parametrize("number", NUMBERS)
def test_exchanging_the_players_exchanges_the_last_two_digits(number: str) -> None:
    layer = {"1": "1", "2": "4", "3": "3", "4": "2"}[number[1]]
    assert find(f"g{layer}{number[3]}{number[2]}").number in {
        game.number for game in all_games() if renamed(flat(game)) == renamed(seats_exchanged(flat(find(number))))
    }


@pytest.mark.parametrize("name", names())
def test_a_game_is_found_by_every_name(name: str) -> None:
    assert name in (find(name).name, find(name).number) or find(name) in (find("leader"), find("g162"), find("g112"))


def test_no_two_games_share_a_name() -> None:
    assert len(names()) == len(set(names())) == 144 + 12 + 3


def test_in_called_bluff_a_prisoner_meets_a_chicken() -> None:
    assert find("called_bluff").rankings == ("prisoners_dilemma", "chicken")


def test_in_bully_a_deadlocked_player_meets_a_chicken() -> None:
    assert find("bully").rankings == ("deadlock", "chicken")


# what theory says


def test_18_games_have_no_pure_equilibrium_108_have_one_18_have_two() -> None:
    assert Counter(len(pure_equilibria(game.table)) for game in all_games()) == {0: 18, 1: 108, 2: 18}


def test_in_36_games_both_have_a_dominant_choice_in_72_one_in_36_none() -> None:
    assert Counter(2 - dominant(game.table).count(None) for game in all_games()) == {2: 36, 1: 72, 0: 36}


@pytest.mark.parametrize("number", NUMBERS)
def test_pure_equilibria_are_those_of_a_search(number: str) -> None:
    assert list(pure_equilibria(find(number).table)) == stable_cells(flat(find(number)))


@pytest.mark.parametrize("number", NUMBERS)
def test_dominant_choices_are_those_of_a_search(number: str) -> None:
    assert 2 - dominant(find(number).table).count(None) == num_dominant(flat(find(number)))


def test_in_the_prisoners_dilemma_defecting_dominates() -> None:
    assert dominant(find("prisoners_dilemma").table) == (1, 1)


@pytest.mark.parametrize("number", NUMBERS)
def test_both_mix_exactly_where_nothing_dominates(number: str) -> None:
    game = find(number)
    assert (mixed_equilibrium(game.table) is None) == (num_dominant(flat(game)) > 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_nobody_gains_by_leaving_the_mixed_equilibrium(number: str) -> None:
    mixed = mixed_equilibrium(find(number).table)
    assert mixed is None or gains(flat(find(number)), *mixed) == pytest.approx((0, 0), abs=1e-12)


def test_chicken_is_mixed_half_and_half() -> None:
    assert mixed_equilibrium(find("chicken").table) == (0.5, 0.5)  # 3q + 2(1-q) = 4q + 1(1-q)


def test_in_the_stag_hunt_half_of_the_others_must_hunt_the_stag() -> None:
    assert mixed_equilibrium(find("stag_hunt").table) == (0.5, 0.5)  # 4q + 1(1-q) = 3q + 2(1-q)


@pytest.mark.parametrize("number", NUMBERS)
def test_openspiel_finds_no_gain_against_the_equilibrium(number: str) -> None:
    (a, b, c, d), (w, x, y, z) = flat(find(number))
    theirs = pyspiel.convert_to_turn_based(pyspiel.create_matrix_game([[a, b], [c, d]], [[w, x], [y, z]]))
    table: Any = spiel_policy.TabularPolicy(theirs)
    for role, p in enumerate(equilibrium(find(number).table)):
        table.policy_for_key(table.states_per_player[role][0])[:] = (p, 1 - p)
    assert exploitability.nash_conv(theirs, table) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_pure_equilibrium_is_chosen_that_no_other_beats_for_both(number: str) -> None:
    game = find(number)
    if cells := stable_cells(flat(game)):
        mine, theirs = worth(game.table, equilibrium(game.table))
        first, second = flat(game)
        assert (mine, theirs) in [(first[2 * i + j], second[2 * i + j]) for i, j in cells]
        assert not any(first[2 * i + j] > mine and second[2 * i + j] > theirs for i, j in cells)


def test_a_mixture_is_worth_the_mean_of_its_outcomes() -> None:
    # the first plays 0 with 1/4, the second with 1/2: 3 and 1 for the first in the first row, 4 and 2 in the second
    assert worth(find("g111").table, (0.25, 0.5)) == (0.25 * 2 + 0.75 * 3, 0.5 * 1.5 + 0.5 * 2.5)


def test_ties_leave_an_equilibrium_too() -> None:
    for values in itertools.product((0, 1), repeat=8):
        first, second = values[:4], values[4:]
        cells = [(first[k], second[k]) for k in range(4)]
        found = equilibrium(((cells[0], cells[1]), (cells[2], cells[3])))
        assert gains((first, second), *found) == pytest.approx((0, 0))


# families


def test_the_families_have_these_sizes() -> None:
    assert Counter(map(family, all_games())) == {
        "win-win": 36, "biased": 44, "second-best": 12, "unfair": 27, "dilemma": 7, "cyclic": 18,
    }  # fmt: skip


def test_the_seven_dilemmas_are_the_alibi_games() -> None:
    dilemmas = {game.number for game in all_games() if family(game) == "dilemma"}
    assert len(dilemmas) == 7 and dilemmas >= {"g111", "g221", "g412"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prisoners_dilemma", "dilemma"), ("stag_hunt", "win-win"), ("leader", "biased"), ("chicken", "unfair"),
        ("deadlock", "second-best"), ("g222", "cyclic"),
    ],
)  # fmt: skip
def test_a_game_is_of_its_family(name: str, expected: str) -> None:
    assert family(find(name)) == expected
