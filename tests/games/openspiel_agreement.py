"""Plays random games in both libraries at once and compares every position on the way."""

import random
from collections.abc import Callable
from typing import Any

import pyspiel
import pytest

from mirrormatch.games import CHANCE, OVER, Action, Game

NUM_GAMES = 2_000
_NAMES = {pyspiel.PlayerId.CHANCE: CHANCE, pyspiel.PlayerId.TERMINAL: OVER}


def agree(
    game: Game[Any, Any],
    theirs: Any,
    their_action: Callable[[Any, Action, Any], int],
    num_games: int = NUM_GAMES,
) -> int:
    """Asserts the same actors, legal actions, chances and returns, move by move; returns the number of positions.

    Args:
        game: ours.
        theirs: a `pyspiel.Game`; simultaneous ones as `pyspiel.load_game_as_turn_based` gives them.
        their_action: (our state, our action, their state) -> their action.
        num_games: how many random games.
    """
    rng, num_positions = random.Random(20), 0
    for _ in range(num_games):
        ours, other = game.start(), theirs.new_initial_state()
        while (role := game.to_act(ours)) != OVER:
            num_positions += 1
            assert _NAMES.get(other.current_player(), other.current_player()) == role, str(other)
            dealt = dict(game.chance(ours)) if role == CHANCE else dict.fromkeys(game.legal(ours) or (), 0.0)
            mapped = {action: their_action(ours, action, other) for action in dealt}
            assert sorted(mapped.values()) == sorted(other.legal_actions()), str(other)
            if role == CHANCE:
                expected = dict(other.chance_outcomes())
                assert {mapped[a]: p for a, p in dealt.items()} == pytest.approx(expected), str(other)
            action = rng.choice(list(dealt))
            ours = game.apply(ours, action)
            other.apply_action(mapped[action])
        assert other.is_terminal(), str(other)
        assert game.returns(ours) == pytest.approx(tuple(other.returns())), str(other)
    return num_positions
