"""Tic-tac-toe and Kuhn poker are OpenSpiel's, move by move, and their solutions are exact."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pyspiel
import pytest
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import exploitability

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Game

NUM_GAMES = 2_000
ROLES = (0, 1)
SPIEL_NAMES = {"tictactoe": "tic_tac_toe", "kuhn_poker": "kuhn_poker"}
PASS, BET = 0, 1  # OpenSpiel's actions in Kuhn poker
KUHN_ACTIONS = {"check": PASS, "fold": PASS, "bet": BET, "call": BET, "J": 0, "Q": 1, "K": 2}


class Pair(NamedTuple):
    """The same position in both libraries."""

    ours: Any
    theirs: Any


def their_action(name: str, action: Action) -> int:
    return KUHN_ACTIONS[action] if name == "kuhn_poker" else int(action) - 1


def apply_pair(name: str, game: Game[Any, Any], pair: Pair, action: Action) -> Pair:
    theirs = pair.theirs.clone()
    theirs.apply_action(their_action(name, action))
    return Pair(game.apply(pair.ours, action), theirs)


def options(game: Game[Any, Any], state: Any) -> tuple[Action, ...]:
    if game.to_act(state) == CHANCE:
        return tuple(action for action, _ in game.chance(state))
    return game.legal(state) or ()


def start_pair(name: str) -> Pair:
    return Pair(games.get(name).start(), pyspiel.load_game(SPIEL_NAMES[name]).new_initial_state())


@cache
def random_pairs(name: str) -> tuple[Pair, ...]:
    """Every position of `NUM_GAMES` random games."""
    game, rng, pairs = games.get(name), random.Random(20), []
    for _ in range(NUM_GAMES):
        pairs.append(pair := start_pair(name))
        while game.to_act(pair.ours) != OVER:
            pairs.append(pair := apply_pair(name, game, pair, rng.choice(options(game, pair.ours))))
    return tuple(pairs)


def whole_tree(name: str, pair: Pair) -> Iterator[Pair]:
    game = games.get(name)
    yield pair
    for action in options(game, pair.ours):
        yield from whole_tree(name, apply_pair(name, game, pair, action))


@cache
def kuhn_tree() -> tuple[Pair, ...]:
    return tuple(whole_tree("kuhn_poker", start_pair("kuhn_poker")))


@cache
def tictactoe_positions() -> frozenset[Any]:
    game = games.get("tictactoe")
    found, waiting = {game.start()}, [game.start()]
    while waiting:
        state = waiting.pop()
        new = {game.apply(state, action) for action in game.legal(state) or ()} - found
        found |= new
        waiting += new
    return frozenset(found)


def expected_return(game: Game[Any, Any], state: Any) -> float:
    """Computes the first role's expected return when both play `solution`, by walking the whole tree."""
    role = game.to_act(state)
    if role == OVER:
        return game.returns(state)[0]
    options = game.chance(state) if role == CHANCE else game.solution(game.view(state, role))
    return sum(p * expected_return(game, game.apply(state, action)) for action, p in options)


@pytest.mark.parametrize("name", SPIEL_NAMES)
def test_random_play_passes_the_number_of_games_promised(name: str) -> None:
    assert sum(pair.theirs.is_terminal() for pair in random_pairs(name)) == NUM_GAMES


@pytest.mark.parametrize("name", SPIEL_NAMES)
def test_the_same_role_acts(name: str) -> None:
    their_names = {pyspiel.PlayerId.CHANCE: CHANCE, pyspiel.PlayerId.TERMINAL: OVER}
    for ours, theirs in random_pairs(name):
        actor = theirs.current_player()
        assert games.get(name).to_act(ours) == their_names.get(actor, actor), str(theirs)


@pytest.mark.parametrize("name", SPIEL_NAMES)
def test_the_legal_moves_are_the_same(name: str) -> None:
    game = games.get(name)
    for ours, theirs in random_pairs(name):
        assert sorted(their_action(name, a) for a in options(game, ours)) == theirs.legal_actions(), str(theirs)


@pytest.mark.parametrize("name", SPIEL_NAMES)
def test_the_returns_are_the_same(name: str) -> None:
    for ours, theirs in random_pairs(name):
        if theirs.is_terminal():
            assert games.get(name).returns(ours) == tuple(theirs.returns()), str(theirs)


def test_the_cards_are_dealt_with_the_same_probabilities() -> None:
    game = games.get("kuhn_poker")
    for ours, theirs in random_pairs("kuhn_poker"):
        if theirs.is_chance_node():
            dealt = {KUHN_ACTIONS[card]: p for card, p in game.chance(ours)}
            assert dealt == pytest.approx(dict(theirs.chance_outcomes())), str(theirs)


def test_kuhn_poker_has_4_chance_24_decision_and_30_terminal_nodes() -> None:
    game = games.get("kuhn_poker")
    kinds = Counter(game.to_act(pair.ours) for pair in kuhn_tree())
    assert (kinds[CHANCE], kinds[0] + kinds[1], kinds[OVER]) == (4, 24, 30)


def test_tictactoe_has_5478_positions() -> None:
    assert len(tictactoe_positions()) == 5_478


def test_kuhn_poker_is_worth_minus_one_eighteenth_to_the_first_player() -> None:
    game = games.get("kuhn_poker")
    assert expected_return(game, game.start()) == pytest.approx(-1 / 18, abs=1e-12)


def test_no_player_gains_against_the_kuhn_solution() -> None:
    theirs = pyspiel.load_game("kuhn_poker")
    ours = spiel_policy.TabularPolicy(theirs)
    game = games.get("kuhn_poker")
    for pair in kuhn_tree():
        if (role := game.to_act(pair.ours)) >= 0:
            row = ours.policy_for_key(pair.theirs.information_state_string())
            row[:] = 0.0
            for action, probability in game.solution(game.view(pair.ours, role)):
                row[KUHN_ACTIONS[action]] = probability
    assert exploitability.exploitability(theirs, ours) == pytest.approx(0.0, abs=1e-12)


def test_tictactoe_is_a_draw_between_solvers() -> None:
    game = games.get("tictactoe")

    @cache
    def worst_return(state: Any) -> float:
        """The first player's minimum return when both play any move of their solution."""
        role = game.to_act(state)
        if role == OVER:
            return game.returns(state)[0]
        return min(worst_return(game.apply(state, action)) for action, _ in game.solution(game.view(state, role)))

    assert worst_return(game.start()) == 0.0


@pytest.mark.parametrize("solver", ROLES)
def test_the_tictactoe_solution_never_loses_to_any_play(solver: int) -> None:
    game = games.get("tictactoe")

    @cache
    def worst_return(state: Any) -> float:
        role = game.to_act(state)
        if role == OVER:
            return game.returns(state)[solver]
        solved = [action for action, _ in game.solution(game.view(state, role))] if role == solver else None
        return min(worst_return(game.apply(state, action)) for action in solved or game.legal(state) or ())

    assert worst_return(game.start()) == 0.0


@pytest.mark.parametrize("role", ROLES)
def test_kuhn_states_are_shown_alike_exactly_when_the_information_is(role: int) -> None:
    game = games.get("kuhn_poker")
    shown: dict[str, set[str]] = {}
    for ours, theirs in kuhn_tree():
        if not theirs.is_chance_node():
            shown.setdefault(theirs.information_state_string(role), set()).add(game.observe(ours, role).text)
    texts = [text for alike in shown.values() for text in alike]
    assert len(shown) == len(texts) == len(set(texts))


@pytest.mark.parametrize("role", ROLES)
def test_tictactoe_states_are_shown_alike_exactly_when_the_board_is(role: int) -> None:
    game = games.get("tictactoe")
    shown: dict[str, set[str]] = {}
    for ours, theirs in random_pairs("tictactoe"):
        shown.setdefault(theirs.observation_string(role), set()).add(game.observe(ours, role).text)
    texts = [text for alike in shown.values() for text in alike]
    assert len(shown) == len(texts) == len(set(texts))
