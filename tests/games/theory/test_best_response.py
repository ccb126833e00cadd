"""The values of best responses agree with OpenSpiel's."""

import random
from collections.abc import Callable, Hashable
from typing import Any

import pyspiel
import pytest
from open_spiel.python import policy as spiel_policy
from open_spiel.python.algorithms import exploitability as spiel_exploitability

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Game
from mirrormatch.games.theory.best_response import best_response_value, exploitability
from mirrormatch.games.theory.information_states import information_states

KUHN = games.get("kuhn_poker")


def decision_views(game: Game[Any, Any]) -> dict[Hashable, tuple[Any, int]]:
    """Lists every information state in tree order, with one of its states and its role."""
    found: dict[Hashable, tuple[Any, int]] = {}
    waiting = [game.start()]
    while waiting:
        state = waiting.pop(0)
        role = game.to_act(state)
        if role >= 0:
            found.setdefault(game.view(state, role), (state, role))
        actions = [a for a, _ in game.chance(state)] if role == CHANCE else list(game.legal(state) or ())
        waiting += [game.apply(state, a) for a in actions if role != OVER]
    return found


LETTERS = {"check": "p", "fold": "p", "bet": "b", "call": "b"}  # as OpenSpiel writes moves: pass and bet
ROLES = (0, 1)


def bold_policy(p: Callable[[Any], float]) -> dict[Any, dict[Action, float]]:
    """Makes the policy that bets or calls with probability `p(view)`."""
    return {
        view: {a: p(view) if LETTERS[a] == "b" else 1 - p(view) for a in KUHN.legal(state) or ()}
        for view, (state, _) in decision_views(KUHN).items()
    }


def to_tabular(policy: dict[Any, dict[Action, float]]) -> spiel_policy.TabularPolicy:
    tabular = spiel_policy.TabularPolicy(pyspiel.load_game("kuhn_poker"))
    for view, moves in policy.items():
        key = f"{'JQK'.index(view.card)}{''.join(LETTERS[m] for m in view.moves)}"
        row = tabular.policy_for_key(key)
        for action, probability in moves.items():
            row["pb".index(LETTERS[action])] = probability
    return tabular


@pytest.mark.parametrize("seed", range(20))
def test_a_random_policy_is_as_exploitable_as_openspiel_says(seed: int) -> None:
    rng = random.Random(seed)
    policy = bold_policy(lambda view: rng.random())
    found = exploitability(KUHN, policy.__getitem__)
    expected = spiel_exploitability.nash_conv(pyspiel.load_game("kuhn_poker"), to_tabular(policy), False)
    assert found.value == pytest.approx(expected.nash_conv / 2, abs=1e-9)


@pytest.mark.parametrize(("p", "value"), [(0.5, 11 / 24), (1.0, 1 / 3), (0.0, 1.0)])
def test_small_cases_are_what_one_finds_by_hand(p: float, value: float) -> None:
    # Half and half: a best response earns 1/2 as the first player and 5/12 as the second.
    # Always bold: J folds (-1), Q calls and breaks even, K wins 2: 1/3 in either seat.
    # Never bold: every bet takes the pot of 1 from either seat.
    assert exploitability(KUHN, bold_policy(lambda view: p).__getitem__).value == pytest.approx(value)


@pytest.mark.parametrize(("responder", "value"), [(0, -1 / 18), (1, 1 / 18)])
def test_no_player_earns_more_than_the_value_of_the_game_against_the_equilibrium(responder: int, value: float) -> None:
    solved = best_response_value(KUHN, lambda view: dict(KUHN.solution(view)), responder)
    assert solved == pytest.approx(value)


def test_kuhn_poker_has_twelve_information_states_six_a_role() -> None:
    assert sorted(role for _, role in decision_views(KUHN).values()) == [0] * 6 + [1] * 6


def test_information_states_know_the_roles_own_decision_before_them() -> None:
    infosets = information_states(KUHN)
    assert {infoset.view for infoset in infosets} == decision_views(KUHN).keys()
    second = [infoset for infoset in infosets if infoset.parent is not None]
    assert [(s.role, s.view.moves) for s in second] == [(0, ("check", "bet"))] * 3  # type: ignore[attr-defined]
    for infoset in second:
        assert infoset.parent is not None
        position, action = infoset.parent
        assert (infosets[position].view, action) == (type(infoset.view)(0, infoset.view.card, ()), "check")  # type: ignore
