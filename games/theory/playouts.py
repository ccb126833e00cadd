"""Random games from given states to their ends, for agents that search.

States are values, so a playout starts from one without copying it. Nothing is rendered.
"""

import random
from collections.abc import Sequence
from typing import Any

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER


def playouts(game: Game[Any, Any], states: Sequence[Any], num_each: int, rng: random.Random) -> list[tuple[float, ...]]:
    """The mean returns of uniformly random play from each state.

    Args:
        game: the rules.
        states: where to start; all of one game, at any point of it.
        num_each: games from every state; the standard error of a mean falls with its square root.
        rng: of chance and of all roles.

    Returns:
        One tuple for each state, one mean return for each role, in the game's own unit.
    """
    return [_mean([_ended(game, state, rng) for _ in range(num_each)]) for state in states]


def _mean(returns: list[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(of_role) / len(returns) for of_role in zip(*returns, strict=True))


def _ended(game: Game[Any, Any], state: Any, rng: random.Random) -> tuple[float, ...]:
    to_act, legal, apply = game.to_act, game.legal, game.apply
    while (role := to_act(state)) != OVER:
        if role == CHANCE:
            dealt = game.chance(state)
            action = rng.choices([a for a, _ in dealt], [p for _, p in dealt])[0]
        else:
            moves = legal(state)
            action = rng.choice(moves) if moves is not None else game.sample(game.view(state, role), None, rng)
        state = apply(state, action)
    return game.returns(state)
