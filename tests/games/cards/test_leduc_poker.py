"""Leduc poker is OpenSpiel's, move by move, and its solution is an equilibrium."""

import itertools
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pyspiel
import pytest
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import exploitability as spiel_exploitability
from tests.games.cards.leduc_poker_table import average_policy, their_action, their_game
from tests.games.openspiel_agreement import agree

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Problem
from mirrormatch.games.cards.leduc_poker import TABLE, Hand, View, table_key
from mirrormatch.games.theory.best_response import best_response_value, exploitability
from mirrormatch.games.theory.information_states import information_states

GAME = games.get("leduc_poker")
ROLES = (0, 1)
VALUE = -0.0856063  # value to the first player, by 10,000 iterations of OpenSpiel's CFR+
TOLERANCE = 0.0001  # a best response's gain in chips a game, bounded as in the game's docstring
UNIFORM = 4.7472 / 2  # the exploitability of uniform play


class Pair(NamedTuple):
    """The same position in both libraries."""

    ours: Hand
    theirs: Any


def reach(cards: str, *moves: str) -> Hand:
    """Returns the state after the cards (first, second, public), dealt when due, and the moves."""
    state: Hand = GAME.start()
    deck, remaining = iter(cards), iter(moves)
    for _ in range(len(cards) + len(moves)):
        state = GAME.apply(state, next(deck) if GAME.to_act(state) == CHANCE else next(remaining))
    return state


def walk_positions(theirs: Any) -> Iterator[Pair]:
    """Yields every position of OpenSpiel's game in tree order, paired with ours; suits are dropped."""
    two_suits = theirs.get_parameters()["suit_isomorphism"] is False

    def walk(pair: Pair) -> Iterator[Pair]:
        yield pair
        for action in pair.theirs.legal_actions():
            if pair.theirs.is_chance_node():
                ours = "JQK"[action // 2 if two_suits else action]
            else:
                (ours,) = (a for a in GAME.legal(pair.ours) or () if their_action(pair.ours, a, None) == action)
            yield from walk(Pair(GAME.apply(pair.ours, ours), pair.theirs.child(action)))

    return walk(Pair(GAME.start(), theirs.new_initial_state()))


def to_tabular(theirs: Any, policy: Any) -> spiel_policy.TabularPolicy:
    """Converts our policy (view -> probabilities) to OpenSpiel's."""
    table = spiel_policy.TabularPolicy(theirs)
    for ours, state in walk_positions(theirs):
        if (role := GAME.to_act(ours)) >= 0:
            row = table.policy_for_key(state.information_state_string())
            row[:] = 0.0
            for action, probability in policy(GAME.view(ours, role)).items():
                row[their_action(ours, action, None)] = probability
    return table


def solution(view: View) -> dict[Action, float]:
    return dict(GAME.solution(view))


@cache
def states() -> dict[Any, tuple[Action, ...]]:
    return {spot.view: spot.legal for spot in information_states(GAME)}


def uniform_policy(view: View) -> dict[Action, float]:
    return dict.fromkeys(states()[view], 1 / len(states()[view]))


def render_for(state: Hand, role: int) -> str:
    return GAME.observe(state, role).text


# the rules


def test_random_games_are_openspiels_move_by_move() -> None:
    assert agree(GAME, their_game(), their_action) > 10_000


def test_the_game_has_288_information_states_as_openspiels_without_suits() -> None:
    theirs = {
        state.information_state_string() for ours, state in walk_positions(their_game()) if GAME.to_act(ours) >= 0
    }
    assert len(states()) == len(theirs) == 288


def test_states_are_shown_alike_exactly_when_the_information_is() -> None:
    shown: dict[str, set[str]] = {}
    for (ours, theirs), role in itertools.product(walk_positions(their_game()), ROLES):
        if GAME.to_act(ours) >= 0:
            shown.setdefault(theirs.information_state_string(role), set()).add(render_for(ours, role))
    texts = [text for alike in shown.values() for text in alike]
    assert len(shown) == len(texts) == len(set(texts))


@pytest.mark.parametrize(
    ("cards", "moves", "first"),
    [
        ("KJ", "bet fold", 1),
        ("KJ", "check bet raise fold", 3),  # the ante and a bet of 2
        ("KJQ", "check check check check", 1),
        ("KJJ", "check check check check", -1),  # the pair wins
        ("JKJ", "bet call bet call", 7),  # 1 + 2 + 4
        ("QJK", "check check check bet fold", -1),
        ("QKJ", "bet raise call bet raise call", -13),  # 1 + 2 + 2 + 4 + 4
        ("QKJ", "bet raise call bet raise fold", -9),  # 1 + 2 + 2 + 4
        ("QQK", "bet raise call bet raise call", 0),
    ],
)
def test_returns_are_what_one_counts_by_hand(cards: str, moves: str, first: float) -> None:
    assert GAME.returns(reach(cards, *moves.split())) == (first, -first)


@pytest.mark.parametrize(
    ("moves", "legal"),
    [
        ("", ("bet", "check")),
        ("check", ("bet", "check")),
        ("bet", ("call", "fold", "raise")),
        ("check bet", ("call", "fold", "raise")),
        ("check bet raise", ("call", "fold")),
    ],
)
def test_a_raise_is_the_last_one(moves: str, legal: tuple[Action, ...]) -> None:
    assert GAME.legal(reach("KJ", *moves.split())) == legal


def test_a_public_card_comes_before_the_second_round() -> None:
    assert GAME.to_act(reach("KJ", "check", "check")) == CHANCE


def test_no_public_card_comes_after_a_fold() -> None:
    assert GAME.to_act(reach("KJ", "bet", "fold")) == OVER


def test_the_first_player_begins_the_second_round_too() -> None:
    assert GAME.to_act(reach("KJQ", "check", "bet", "call")) == 0


def test_a_card_that_lies_open_is_rarer() -> None:
    assert dict(GAME.chance(reach("KK", "check", "check"))) == {"J": 0.5, "Q": 0.5}


# rendering and parsing


def test_a_player_is_shown_its_card_the_moves_and_what_each_has_paid() -> None:
    assert render_for(reach("KJQ", "check", "bet", "call", "bet"), 1) == (
        "You are the second player. Your card is J. The public card is Q.\n"
        "Round 1: the other checks, you bet, the other calls.\n"
        "Round 2: the other bets.\n"
        "Pot: 10 (you 3, the other 7)."
    )


@pytest.mark.parametrize(("moves", "meant"), [("", "check"), ("bet", "fold")])
def test_a_pass_is_what_costs_nothing(moves: str, meant: Action) -> None:
    assert GAME.parse(reach("KJ", *moves.split()), "pass") == meant


@pytest.mark.parametrize("text", ["call", "fold", "raise", "bet or check", "I bet that you check"])
def test_what_is_no_single_legal_move_is_none(text: str) -> None:
    assert isinstance(GAME.parse(reach("KJ"), text), Problem)


# the solution


def test_the_solution_is_an_equilibrium() -> None:
    assert 0 <= exploitability(GAME, solution).value < TOLERANCE


@pytest.mark.parametrize("role", ROLES)
def test_no_best_response_beats_the_value_of_the_game(role: int) -> None:
    assert best_response_value(GAME, solution, role) == pytest.approx((VALUE, -VALUE)[role], abs=TOLERANCE)


@pytest.mark.parametrize(("with_suits", "num_states"), [(False, 288), (True, 936)])
def test_openspiel_finds_it_an_equilibrium_with_and_without_suits(with_suits: bool, num_states: int) -> None:
    theirs = pyspiel.load_game("leduc_poker", {"suit_isomorphism": not with_suits})
    policy = to_tabular(theirs, solution)
    found = spiel_exploitability.exploitability(theirs, policy)
    value = expected_game_score.policy_value(theirs.new_initial_state(), [policy, policy])[0]
    assert (len(policy.states), found < TOLERANCE, round(value, 4)) == (num_states, True, round(VALUE, 4))


def test_uniform_play_is_as_exploitable_as_openspiel_says() -> None:
    expected = pyspiel.exploitability(their_game(), pyspiel.UniformRandomPolicy(their_game()))
    assert exploitability(GAME, uniform_policy).value == pytest.approx(expected) == pytest.approx(UNIFORM, abs=1e-4)


def test_the_table_has_the_rows_that_its_maker_writes() -> None:
    assert json.loads(TABLE.read_text()).keys() == average_policy(1).keys() == {table_key(view) for view in states()}


def test_the_solution_earns_from_uniform_play_in_either_seat() -> None:
    def expected_return(state: Hand, solver: int) -> float:
        role = GAME.to_act(state)
        if role == OVER:
            return GAME.returns(state)[solver]
        if role == CHANCE:
            options = dict(GAME.chance(state))
        else:
            options = (solution if role == solver else uniform_policy)(GAME.view(state, role))
        return sum(p * expected_return(GAME.apply(state, a), solver) for a, p in options.items())

    assert [expected_return(GAME.start(), solver) > 0.5 for solver in ROLES] == [True, True]
