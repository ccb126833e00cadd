"""Exact exploitability of a policy in a two-player zero-sum game, by walking the whole tree.

A best response knows the policy and its own information states, nothing more: it maximises over its actions at each
view with the reach probabilities of everything that looks alike to it (Zinkevich et al. 2007, section 3.4, computes the
same value). Tests compare with OpenSpiel's.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action

Policy: TypeAlias = Callable[[Any], dict[Action, float]]  # view -> probability of each legal action


class Exploitability(NamedTuple):
    """The gain of best responses against a policy, in the game's unit per game.

    Attributes:
        value: NashConv / 2, the mean over the seats of a best response's gain over the policy's own value.
        responses: the best response's own return, seated as role 0 and as role 1.
    """

    value: float
    responses: tuple[float, float]


def exploitability(game: Game[Any, Any], policy: Policy) -> Exploitability:
    """Computes the exact exploitability of a policy that plays both roles."""
    assert game.info.is_two_player_zero_sum, f"{game.info.name} is not a two-player zero-sum game"
    responses = (best_response_value(game, policy, 0), best_response_value(game, policy, 1))
    return Exploitability(sum(responses) / 2, responses)


def best_response_value(game: Game[Any, Any], policy: Policy, responder: int) -> float:
    """Computes the expected return of the best response in seat `responder` against the policy in the other seat."""
    members = _members(game, policy, responder)
    chosen: dict[Hashable, Action] = {}

    def value(state: Any) -> float:
        role = game.to_act(state)
        if role == OVER:
            return game.returns(state)[responder]
        if role == responder:
            return value(game.apply(state, choice(game.view(state, responder))))
        return sum(p * value(game.apply(state, a)) for a, p in _moves(game, policy, state))

    def choice(view: Hashable) -> Action:
        if view not in chosen:
            legal = game.legal(members[view][0][0])
            assert legal, f"{game.info.name}: a best response needs listed moves"
            worth = {a: sum(reach * value(game.apply(s, a)) for s, reach in members[view]) for a in legal}
            chosen[view] = max(worth, key=worth.__getitem__)
        return chosen[view]

    return value(game.start())


def _members(game: Game[Any, Any], policy: Policy, responder: int) -> dict[Hashable, list[tuple[Any, float]]]:
    """Groups states by the responder's view, each with the probability that chance and the policy lead there."""
    members: dict[Hashable, list[tuple[Any, float]]] = defaultdict(list)

    def walk(state: Any, reach: float) -> None:
        role = game.to_act(state)
        if role == OVER:
            return
        if role == responder:
            members[game.view(state, responder)].append((state, reach))
            for action in game.legal(state) or ():
                walk(game.apply(state, action), reach)
            return
        for action, p in _moves(game, policy, state):
            walk(game.apply(state, action), reach * p)

    walk(game.start(), 1.0)
    return members


def _moves(game: Game[Any, Any], policy: Policy, state: Any) -> tuple[tuple[Action, float], ...]:
    role = game.to_act(state)
    return game.chance(state) if role == CHANCE else tuple(policy(game.view(state, role)).items())
