"""Random playouts from given states to the end of the game, for agents that search.

States are immutable, so a playout starts from one without a copy. Nothing is rendered.
"""

import random
from collections.abc import Sequence
from typing import Any

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER


def playouts(game: Game[Any, Any], states: Sequence[Any], num_each: int, rng: random.Random) -> list[tuple[float, ...]]:
    """Computes the mean returns of uniformly random play from each state.

    Args:
        game: the game to play.
        states: the states to start from, at any point of the game.
        num_each: number of games from each state; the standard error of a mean falls with its square root.
        rng: the generator for chance and for all roles.

    Returns:
        One tuple for each state, one mean return for each role, in the game's own unit.
    """
    return [_mean_returns([_play_to_end(game, state, rng) for _ in range(num_each)]) for state in states]


def _mean_returns(returns: list[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(of_role) / len(returns) for of_role in zip(*returns, strict=True))


def _play_to_end(game: Game[Any, Any], state: Any, rng: random.Random) -> tuple[float, ...]:
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
