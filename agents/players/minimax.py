"""The agent that looks ahead, OpenSpiel's alpha-beta search and expectiminimax."""

import functools
from collections.abc import Callable
from typing import Any

from mirrormatch.agents.players._arguments import parse_number
from mirrormatch.agents.players._openspiel import (
    SearchedGame,
    check_duel,
    check_open,
    import_module,
    make_search,
)
from mirrormatch.agents.types import Decision, Reply
from mirrormatch.games.game import Game
from mirrormatch.games.types import Action

MAX_LEAVES = 5_000  # unfinished positions in one search without a given depth: about a second
_NUM_CACHED = 4_096  # positions whose best moves are kept: openings recur
_ALGORITHM = "open_spiel.python.algorithms.minimax"
_DIGITS = 12  # of a value: sums over chance round the others


class _TooDeep(Exception):
    """The search reached more unfinished positions than allowed."""


class MinimaxAgent:
    """Minimax, for two-player zero-sum games without hidden information.

    `minimax` looks ahead for about a second, `minimax:DEPTH` that many moves. A position at the search's limit counts
    as even. It deepens move by move, so it takes the shortest way to a win that it finds; among equally good moves it
    draws. Alpha-beta search where there is no chance, expectiminimax where there is.
    """

    max_retries: int | None = 0

    def __init__(self, argument: str = "") -> None:
        self.spec = f"minimax:{argument}" if argument else "minimax"
        self._depth = parse_number("minimax", argument, 0, "the number of moves to look ahead") or None

    def check(self, game: Game[Any, Any]) -> None:
        """Raises `UserError` for other kinds of games, or without OpenSpiel."""
        check_duel(self.spec, game.info)
        check_open(self.spec, game.info)
        import_module(_ALGORITHM)

    async def act(self, decision: Decision) -> Reply:
        """Replies with one of the best moves."""
        move = decision.rng().choice(_best_moves(decision.game, decision.state, self._depth))
        return Reply(answer=move, text=move)


@functools.lru_cache(maxsize=_NUM_CACHED)
def _best_moves(game: Game[Any, Any], state: Any, depth: int | None) -> tuple[Action, ...]:
    """The best moves at a state by a search of this depth, or as deep as `MAX_LEAVES` allows."""
    best = game.legal(state) or ()
    if len(best) == 1:
        return best
    for ahead in range(1, game.info.max_turns + 1 if depth is None else depth + 1):
        leaves = _Leaves(None if depth is not None else MAX_LEAVES)
        try:
            values = _move_values(game, state, ahead, leaves)
        except _TooDeep:
            break
        most = max(values.values())
        best = tuple(sorted(move for move, value in values.items() if value == most))
        if most >= game.info.max_return or not leaves.num:
            break  # a win, or every line searched to its end
    return best


class _Leaves:
    """The value function of unfinished positions, which counts its calls."""

    def __init__(self, most: int | None) -> None:
        self.num = 0
        self._most = most

    def __call__(self, state: Any) -> float:
        self.num += 1
        if self._most is not None and self.num > self._most:
            raise _TooDeep
        return 0.0


def _move_values(game: Game[Any, Any], state: Any, depth: int, leaves: Callable[[Any], float]) -> dict[Action, float]:
    """The value of each move for the player who makes it."""
    minimax, search, role = import_module(_ALGORITHM), make_search(game, state), game.to_act(state)
    searched, values = SearchedGame(game), dict[Action, float]()
    for number, move in search.moves.items():
        after = search.state.clone()
        after.apply_action(number)
        if game.info.random:
            value, _ = minimax.expectiminimax(after, depth - 1, leaves, role)
        else:
            value, _ = minimax.alpha_beta_search(searched, after, leaves, depth - 1, role)
        values[move] = round(float(value), _DIGITS)
    return values


AGENT = MinimaxAgent
