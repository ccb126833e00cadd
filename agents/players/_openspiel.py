"""Presents games and states to OpenSpiel's search algorithms in Python.

The algorithms use few methods of a state, and these classes offer just those. OpenSpiel is imported on first use.
"""

import importlib
from types import SimpleNamespace
from typing import Any, NamedTuple

from mirrormatch.errors import UserError
from mirrormatch.games.bridges.openspiel.game import Position
from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action, Info

MISSING = "pip install 'mirrormatch[games]'"


class Search(NamedTuple):
    """An algorithm's input.

    Attributes:
        game: the facts about the game that the algorithm reads.
        state: the state to search from; the algorithm may change it.
        moves: the moves here by the algorithm's numbers.
    """

    game: "SearchedGame"
    state: Any
    moves: dict[int, Action]


class SearchedGame:
    """The part of OpenSpiel's game interface that searches use."""

    def __init__(self, game: Game[Any, Any]) -> None:
        pyspiel = import_module("pyspiel")
        kind, info = pyspiel.GameType, game.info
        self._info = info
        self._type = SimpleNamespace(
            reward_model=kind.RewardModel.TERMINAL,
            dynamics=kind.Dynamics.SEQUENTIAL,
            chance_mode=kind.ChanceMode.EXPLICIT_STOCHASTIC if info.random else kind.ChanceMode.DETERMINISTIC,
            information=kind.Information.PERFECT_INFORMATION,
            utility=kind.Utility.ZERO_SUM if info.zero_sum else kind.Utility.GENERAL_SUM,
        )

    def get_type(self) -> SimpleNamespace:
        return self._type

    def num_players(self) -> int:
        return len(self._info.roles)

    def max_utility(self) -> float:
        return self._info.max_return


class SearchedState:
    """A mutable state around an immutable one. Actions are numbered in their listed order."""

    __slots__ = ("_game", "_state")

    def __init__(self, game: Game[Any, Any], state: Any) -> None:
        self._game = game
        self._state = state

    def clone(self) -> "SearchedState":
        return SearchedState(self._game, self._state)

    def current_player(self) -> int:
        return self._game.to_act(self._state)

    def is_terminal(self) -> bool:
        return self._game.to_act(self._state) == OVER

    def is_chance_node(self) -> bool:
        return self._game.to_act(self._state) == CHANCE

    def chance_outcomes(self) -> list[tuple[int, float]]:
        return [(k, p) for k, (_, p) in enumerate(self._game.chance(self._state))]

    def legal_actions(self, player: int | None = None) -> list[int]:
        return list(range(len(self._game.legal(self._state) or ())))

    def apply_action(self, action: int) -> None:
        game, state = self._game, self._state
        if game.to_act(state) == CHANCE:
            self._state = game.apply(state, game.chance(state)[action][0])
        else:
            self._state = game.apply(state, (game.legal(state) or ())[action])

    def returns(self) -> list[float]:
        return list(self._game.returns(self._state))

    def player_return(self, player: int) -> float:
        return self._game.returns(self._state)[player]


def make_search(game: Game[Any, Any], state: Any) -> Search:
    """The input for a search of this state. OpenSpiel's own states are used directly."""
    if isinstance(state, Position):
        moves = {number: words for words, number in state.actions.items()}
        return Search(SearchedGame(game), state.spiel.clone(), moves)
    return Search(SearchedGame(game), SearchedState(game, state), dict(enumerate(game.legal(state) or ())))


def check_open(spec: str, info: Info) -> None:
    """Refuses games that can't be searched.

    Raises:
        UserError: the game has hidden information, or its moves are free text.
    """
    if info.hidden:
        raise UserError(
            f"agent {spec!r} looks ahead, so it needs a game that hides nothing, which {info.name!r} "
            "is not (mirrormatch list games)"
        )
    if info.open_text:
        raise UserError(f"agent {spec!r} needs listed moves; those of {info.name!r} are free text")


def check_duel(spec: str, info: Info) -> None:
    """Refuses all but two-player zero-sum games.

    Raises:
        UserError: the game is of another kind.
    """
    if not info.is_two_player_zero_sum:
        raise UserError(f"agent {spec!r} plays two-player zero-sum games, which {info.name!r} is not")


def import_module(name: str) -> Any:
    """A module of OpenSpiel.

    Raises:
        UserError: it isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise UserError(f"OpenSpiel is not installed: {MISSING}") from problem
