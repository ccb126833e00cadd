"""Tic-tac-toe."""

import functools
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.types import OVER, Action, Info, Observation

EMPTY = "."
MARKS = "XO"
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
NAMES = ("top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right")
SQUARES = tuple("123456789")
_SPELLINGS = {
    **{s: s for s in SQUARES},
    **{name: s for name, s in zip(NAMES, SQUARES, strict=True)},
    **{f"{mark} at {s}": s for mark in "xo" for s in SQUARES},
    "middle": "5",
    "centre": "5",
}


class Board(NamedTuple):
    """Nine cells, row by row, and the role to move."""

    cells: str
    to_move: int


class View(NamedTuple):
    """The public state and the role that sees it."""

    cells: str
    role: int
    to_move: int


class TicTacToe(Game[Board, View]):
    """Three in a row on a board of nine squares.

    X moves first. Squares are numbered 1 to 9, row by row; a move is the number of an empty square. A line of three
    wins (+1 to -1); a full board without a line is a draw (0). Played well by both it is always a draw.
    """

    info = Info(
        name="tictactoe", version=1, roles=("X", "O"), min_return=-1.0, max_return=1.0, zero_sum=True, max_turns=9,
        hidden=False, random=False, open_text=False, solver="exact", forfeit=-1.0,
        source="OpenSpiel tic_tac_toe",
    )  # fmt: skip

    def start(self) -> Board:
        return Board(EMPTY * 9, 0)

    def to_act(self, state: Board) -> int:
        return OVER if _legal(state.cells) == () else state.to_move

    def legal(self, state: Board) -> tuple[Action, ...]:
        return _legal(state.cells)

    def apply(self, state: Board, action: Action) -> Board:
        return _apply(state, action)

    def returns(self, state: Board) -> tuple[float, ...]:
        return {0: (1.0, -1.0), 1: (-1.0, 1.0), None: (0.0, 0.0)}[_winner(state.cells)]

    def view(self, state: Board, role: int) -> View:
        return View(state.cells, role, state.to_move)

    def observe(self, state: Board, role: int) -> Observation:
        return _observe(state, role)

    def rules(self) -> str:
        return (
            "Tic-tac-toe on squares 1 to 9, row by row. X moves first. Three in a row, column or diagonal wins; "
            "a full board is a draw. A move is the number of an empty square."
        )

    def render(self, view: View) -> str:
        shown = [SQUARES[k] if c == EMPTY else c for k, c in enumerate(view.cells)]
        rows = "\n".join(" ".join(shown[k : k + 3]) for k in (0, 3, 6))
        return f"You are {MARKS[view.role]}.\n{rows}"

    def notation(self, state: Board) -> dict[str, Action]:
        return _SPELLINGS

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        best = _best_moves(view.cells, view.to_move)
        return tuple((action, 1 / len(best)) for action in best)


@functools.cache
def _winner(cells: str) -> int | None:
    for a, b, c in LINES:
        if cells[a] == cells[b] == cells[c] != EMPTY:
            return MARKS.index(cells[a])
    return None


@functools.cache
def _legal(cells: str) -> tuple[Action, ...]:
    if _winner(cells) is not None:
        return ()
    return tuple(SQUARES[k] for k in range(9) if cells[k] == EMPTY)


@functools.cache  # the game has 16,167 pairs of a state and a move
def _apply(board: Board, action: Action) -> Board:
    if action not in _legal(board.cells):
        raise ValueError(f"{action!r} is not an empty square of {board.cells!r}")
    return Board(_put(board.cells, action, board.to_move), 1 - board.to_move)


@functools.cache  # and 5,478 states
def _observe(board: Board, role: int) -> Observation:
    return Game.observe(GAME, board, role)


@functools.cache
def _value(cells: str, to_move: int) -> int:
    """Minimax value for the player to move: 1, 0 or -1."""
    if _winner(cells) is not None:
        return -1  # the other has just completed a line
    return max((-_value(_put(cells, a, to_move), 1 - to_move) for a in _legal(cells)), default=0)


@functools.cache
def _best_moves(cells: str, to_move: int) -> tuple[Action, ...]:
    best = _value(cells, to_move)
    return tuple(a for a in _legal(cells) if -_value(_put(cells, a, to_move), 1 - to_move) == best)


def _put(cells: str, action: Action, to_move: int) -> str:
    k = int(action) - 1
    return cells[:k] + MARKS[to_move] + cells[k + 1 :]


GAME = TicTacToe()
