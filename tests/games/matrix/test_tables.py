"""The 144 games, their numbers, names and families are those of the literature and of OpenSpiel."""

import itertools
from collections import Counter

import pyspiel
import pytest
from tests.games.matrix.flat_tables import Flat, flatten

from mirrormatch.games.matrix._tables import all_games, family, find, is_symmetric, names

SYMMETRIC = {
    "prisoners_dilemma": "g111", "chicken": "g122", "leader": "g133", "hero": "g144", "compromise": "g155",
    "deadlock": "g166", "concord": "g311", "stag_hunt": "g322", "assurance": "g333", "coordination": "g344",
    "peace": "g355", "harmony": "g366",
}  # fmt: skip
NUMBERS = [game.number for game in all_games()]


def relabelings(game: Flat) -> frozenset[Flat]:
    """The four games that differ only in the names of the choices."""
    orders = ((0, 1, 2, 3), (2, 3, 0, 1), (1, 0, 3, 2), (3, 2, 1, 0))
    return frozenset((tuple(game[0][k] for k in o), tuple(game[1][k] for k in o)) for o in orders)


def exchange_seats(game: Flat) -> Flat:
    (a, b, c, d), (w, x, y, z) = game
    return (w, y, x, z), (a, c, b, d)


# the games


def test_there_are_144_games() -> None:
    assert len({relabelings(flatten(game)) for game in all_games()}) == len(all_games()) == 144


def test_every_pair_of_rankings_is_one_of_them() -> None:
    rankings = list(itertools.permutations((1.0, 2.0, 3.0, 4.0)))
    assert {relabelings((first, second)) for first in rankings for second in rankings} == {
        relabelings(flatten(game)) for game in all_games()
    }


def test_78_are_left_if_the_players_may_be_exchanged() -> None:
    assert len({relabelings(flatten(g)) | relabelings(exchange_seats(flatten(g))) for g in all_games()}) == 78


def test_12_are_symmetric() -> None:
    equal = [game for game in all_games() if exchange_seats(flatten(game)) in relabelings(flatten(game))]
    assert [(g.name, g.number) for g in equal] == list(SYMMETRIC.items())
    assert [is_symmetric(game) for game in all_games()] == [game in equal for game in all_games()]


def test_the_prisoners_dilemma_is_number_111() -> None:
    assert flatten(find("g111")) == ((3, 1, 4, 2), (3, 4, 1, 2))
    assert find("g111").name == "prisoners_dilemma"


@pytest.mark.parametrize(("name", "theirs"), [("prisoners_dilemma", "matrix_pd"), ("chicken", "matrix_cd")])
def test_the_classics_rank_the_outcomes_as_openspiels_do(name: str, theirs: str) -> None:
    game = pyspiel.load_matrix_game(theirs)
    first, second = [float(v) for v in game.row_utilities().flat], [float(v) for v in game.col_utilities().flat]
    ranked = [tuple(sorted(values).index(v) + 1 for v in values) for values in (first, second)]
    assert (ranked[0], ranked[1]) in relabelings(flatten(find(name)))


@pytest.mark.parametrize(
    ("name", "ranking"),  # of R, S, T, P: both take 0, the other alone takes 1, one alone takes 1, both take 1
    [
        ("chicken", "TRSP"), ("leader", "TSRP"), ("hero", "TSPR"), ("compromise", "TPSR"), ("deadlock", "TPRS"),
        ("prisoners_dilemma", "TRPS"), ("stag_hunt", "RTPS"), ("assurance", "RPTS"), ("coordination", "RPST"),
        ("peace", "RSPT"), ("harmony", "RSTP"), ("concord", "RTSP"),
    ],
)  # fmt: skip
def test_a_symmetric_game_ranks_the_outcomes_as_its_name_says(name: str, ranking: str) -> None:
    payoffs = dict(zip("RSTP", flatten(find(name))[0], strict=True))
    assert "".join(sorted(payoffs, key=lambda k: -payoffs[k])) == ranking


@pytest.mark.parametrize("layer", "1234")
def test_neighbours_in_a_layer_differ_by_one_exchange_of_adjoining_payoffs(layer: str) -> None:
    for k in range(1, 7):
        pair = (1, 2) if k % 2 else (2, 3)
        exchanged = {pair[0]: pair[1], pair[1]: pair[0]}
        here, there = flatten(find(f"g{layer}{k}1")), flatten(find(f"g{layer}{k % 6 + 1}1"))
        assert there == (tuple(exchanged.get(int(v), v) for v in here[0]), here[1])


@pytest.mark.parametrize(
    ("here", "there"), [("prisoners_dilemma", "stag_hunt"), ("chicken", "concord"), ("deadlock", "peace")]
)
def test_exchanging_both_players_best_payoffs_changes_the_layer(here: str, there: str) -> None:
    exchanged = {3: 4, 4: 3}
    first, second = [tuple(exchanged.get(int(v), v) for v in values) for values in flatten(find(here))]
    assert relabelings((first, second)) == relabelings(flatten(find(there)))


@pytest.mark.parametrize("number", NUMBERS)
def test_exchanging_the_players_exchanges_the_last_two_digits(number: str) -> None:
    layer = {"1": "1", "2": "4", "3": "3", "4": "2"}[number[1]]
    assert find(f"g{layer}{number[3]}{number[2]}").number in {
        game.number
        for game in all_games()
        if relabelings(flatten(game)) == relabelings(exchange_seats(flatten(find(number))))
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
