"""Tic-tac-toe where three in a row loses: the same board and moves with the returns exchanged."""

import functools

from mirrormatch.games.board.tictactoe import MARKS, Board, TicTacToe, View
from mirrormatch.games.game import Game
from mirrormatch.games.types import Action, Info, Observation


class ReverseTicTacToe(TicTacToe):
    """Tic-tac-toe the wrong way round: three in a row loses.

    X moves first. Squares are numbered 1 to 9, row by row; a move is the number of an empty square. Who completes a
    line of three own marks loses (-1 to +1); a full board without a line is a draw (0). Played well by both it is a
    draw: X takes the center, then always the square opposite to O's last one.
    """

    info = Info(
        name="reverse_tictactoe", version=2, roles=("X", "O"), min_return=-1.0, max_return=1.0, zero_sum=True,
        max_turns=9, hidden=False, random=False, open_text=False, solver="exact", forfeit=-1.0,
        source="OpenSpiel misere(game=tic_tac_toe())",
    )  # fmt: skip

    def returns(self, state: Board) -> tuple[float, ...]:
        return super().returns(state)[::-1]

    def observe(self, state: Board, role: int) -> Observation:
        return _observe(state, role)

    def rules(self) -> str:
        return (
            "Reverse tic-tac-toe on squares 1 to 9, row by row. X moves first. The player who gets three own marks in "
            "a row, column or diagonal loses; a full board is a draw. A move is the number of an empty square."
        )

    def render(self, view: View) -> str:
        you, _, board = super().render(view).partition("\n")
        return f"{you} Three {MARKS[view.role]} in a line lose.\n{board}"

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        best = _best_moves(Board(view.cells, view.to_move))
        return tuple((action, 1 / len(best)) for action in best)


@functools.cache  # the game has 5,478 states
def _observe(board: Board, role: int) -> Observation:
    return Game.observe(GAME, board, role)


@functools.cache
def _value(board: Board) -> float:
    """Minimax value for the player to move, or next in turn if the game is over."""
    moves = GAME.legal(board)
    if not moves:
        return GAME.returns(board)[board.to_move]
    return max(-_value(GAME.apply(board, action)) for action in moves)


@functools.cache
def _best_moves(board: Board) -> tuple[Action, ...]:
    return tuple(a for a in GAME.legal(board) if -_value(GAME.apply(board, a)) == _value(board))


GAME = ReverseTicTacToe()
