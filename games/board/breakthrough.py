"""Breakthrough."""

import functools
import itertools
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import OVER, Action, Info

EMPTY = "."
MARKS = "wb"
FILES = "abcdefgh"
_FEW_ROWS = 6  # with at least so many rows each player has two rows of pawns, otherwise one
_STEP_FORMS = ("{}-{}", "{}{}", "{} {}", "{} - {}", "{}->{}", "{} -> {}", "{} to {}")
_CAPTURE_FORMS = ("{}x{}", "{} x {}", "{} takes {}", "{}-x-{}")
_DEPTH = 3  # search depth of the solver, in moves
_WON = 10_000  # more than any sum of the values below
_PAWN = 10  # a pawn's value; each of its steps adds one, each step after the second adds another
_HOME = 3  # bonus for a pawn that still guards its first row


@dataclass(frozen=True)
class BreakthroughSettings(GameSettings):
    """The size of the board."""

    rows: int = setting(6, "rows of the board; two of pawns each from 6 on, below one", range(4, 9))
    columns: int = setting(5, "columns of the board", range(3, 9))


_DEFAULT = BreakthroughSettings()

# A square's place in the text, the places of the two or three squares ahead, and a pawn's moves by their contents.
# A plain tuple because it is unpacked 25 times a move, for which a named tuple is much slower.
LookAhead: TypeAlias = tuple[int, slice, dict[str, tuple[Action, ...]]]


class Board(NamedTuple):
    """The rendered board, top row first; the role to move; the winner, if there is one."""

    cells: str
    to_move: int
    winner: int | None


class View(NamedTuple):
    """The public state and the role that sees it."""

    role: int
    cells: str
    to_move: int


class Breakthrough(Game[Board, View]):
    """Two rows of pawns each; the first pawn on the other side wins.

    The board has 6 rows and 5 columns. White's pawns begin on rows 1 and 2 and move up, Black's on rows 6 and 5 and
    move down; on boards of 4 or 5 rows each has one row of pawns. White moves first. A pawn moves one square straight
    or diagonally forward onto an empty square (`a2-a3`, `a2-b3`), or takes an enemy diagonally in front of it
    (`a2xb3`); it never takes straight ahead, and taking is not compulsory. A pawn on the farthest row wins (+1 to -1),
    and so does taking the last enemy. There is no draw, and who is to move always can. The solver looks three moves
    ahead.
    """

    examples = ("rows=4,columns=3", "rows=5", "rows=8,columns=8")

    def __init__(self, settings: BreakthroughSettings = _DEFAULT) -> None:
        self.settings = settings
        self._size = Size(settings.rows, settings.columns)
        self._footer = "  " + " ".join(FILES[: settings.columns])
        self.info = Info(
            name=settings.full_name("breakthrough"), version=1, roles=("white", "black"), min_return=-1.0,
            max_return=1.0, zero_sum=True, max_turns=_max_moves(settings.rows, settings.columns), hidden=False,
            random=False, open_text=False, solver="rules", forfeit=-1.0,
            source="Troyka 2000; OpenSpiel breakthrough, turned so that who moves first is White, below",
        )  # fmt: skip

    def start(self) -> Board:
        return Board(_start(self._size), 0, None)

    def to_act(self, state: Board) -> int:
        return state.to_move if state.winner is None else OVER

    def legal(self, state: Board) -> tuple[Action, ...]:
        return _legal(self._size, state.cells, state.to_move) if state.winner is None else ()

    def apply(self, state: Board, action: Action) -> Board:
        if action not in self.legal(state):
            raise ValueError(f"{action!r} is not a move of {MARKS[state.to_move]!r} on\n{state.cells}")
        return _move(self._size, state, action)

    def returns(self, state: Board) -> tuple[float, ...]:
        return (1.0, -1.0) if state.winner == 0 else (-1.0, 1.0)

    def view(self, state: Board, role: int) -> View:
        return View(role, state.cells, state.to_move)

    def rules(self) -> str:
        size, deep = self._size, _num_home_rows(self._size.rows)
        below = "row 1" if deep == 1 else f"rows 1-{deep}"
        above = f"row {size.rows}" if deep == 1 else f"rows {size.rows - deep + 1}-{size.rows}"
        return (
            f"Breakthrough, columns a-{FILES[size.columns - 1]}, rows 1-{size.rows}. White (w) starts on {below} and "
            f"moves up, black (b) starts on {above} and moves down. White moves first. A pawn moves one square "
            "forward, straight or diagonally, to an empty square (.). It takes enemies only diagonally forward, never "
            f"straight. White wins by reaching row {size.rows}, black by reaching row 1, either by taking all enemies. "
            "Moves: 'a2-a3' to an empty square, 'a2xb3' to take."
        )

    def render(self, view: View) -> str:
        who = "black (b), moving down" if view.role else "white (w), moving up"
        return f"You are {who}.\n{view.cells}\n{self._footer}"

    def notation(self, state: Board) -> dict[str, Action]:
        return _notation(self._size, self.legal(state))

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based: the best move of a search of depth three, which counts pawns and their steps."""
        best = _best_moves(self._size, view.cells, view.to_move)
        return tuple((action, 1 / len(best)) for action in best)


class Size(NamedTuple):
    """A board's size; its rows of text are `2 * columns + 2` characters long."""

    rows: int
    columns: int


def _num_home_rows(rows: int) -> int:
    return 1 if rows < _FEW_ROWS else 2


def _max_moves(rows: int, columns: int) -> int:
    """Upper bound on the game's length: every pawn walks to the row before the last, one of them a step farther."""
    return 2 * columns * sum(rows - 2 - k for k in range(_num_home_rows(rows))) + 1


def _start(size: Size) -> str:
    deep = _num_home_rows(size.rows)
    marks = MARKS[1] * deep + EMPTY * (size.rows - 2 * deep) + MARKS[0] * deep
    return "\n".join(f"{size.rows - k} {' '.join(mark * size.columns)}" for k, mark in enumerate(marks))


@functools.cache
def _rows(size: Size) -> tuple[slice, ...]:
    """The places of each row's cells in the text, row 1 first."""
    width = 2 * size.columns + 2
    starts = [width * k + 2 for k in reversed(range(size.rows))]
    return tuple(slice(start, start + width - 2, 2) for start in starts)


@functools.lru_cache(1_024)  # called several times at one state
def _legal(size: Size, cells: str, role: int) -> tuple[Action, ...]:
    mark, found = MARKS[role], list[Action]()
    for square, ahead, moves in _look_ahead(size, role):
        if cells[square] == mark:
            found += moves[cells[ahead]]
    return tuple(found)


@functools.cache
def _look_ahead(size: Size, role: int) -> tuple[LookAhead, ...]:
    """All squares that have a row ahead, in the order of their moves."""
    squares, targets = _squares(size), dict[str, list[str]]()
    for start, to in _steps(size):
        if (to[1] < start[1]) == bool(role):
            targets.setdefault(start, []).append(to)
    return tuple(
        (squares[start], slice(squares[ahead[0]], squares[ahead[-1]] + 1), _moves(start, ahead, role))
        for start, ahead in sorted(targets.items())
    )


def _moves(start: str, ahead: list[str], role: int) -> dict[str, tuple[Action, ...]]:
    """The rendered row ahead -> the moves of a pawn, sorted."""
    found = dict[str, tuple[Action, ...]]()
    for marks in itertools.product(EMPTY + MARKS, repeat=len(ahead)):
        seen = list(zip(ahead, marks, strict=True))
        quiet = [f"{start}-{to}" for to, mark in seen if mark == EMPTY]
        captures = [f"{start}x{to}" for to, mark in seen if mark == MARKS[1 - role] and to[0] != start[0]]
        found[" ".join(marks)] = (*quiet, *captures)
    return found


class Change(NamedTuple):
    """A move's effect on the text: a place and its new mark, a later place and its new mark, and whether it wins."""

    place: int
    mark: str
    later_place: int
    later_mark: str
    arrives: bool


@functools.cache
def _changes(size: Size) -> dict[Action, Change]:
    """Each move of the board -> its effect."""
    squares = _squares(size)
    changes = dict[Action, Change]()
    for start, to in _steps(size):
        role = int(to[1] < start[1])
        marks = ((squares[start], EMPTY), (squares[to], MARKS[role]))
        change = Change(*min(marks), *max(marks), to[1] == ("1" if role else str(size.rows)))
        changes |= {f"{start}-{to}": change, f"{start}x{to}": change}
    return changes


@functools.cache
def _squares(size: Size) -> dict[str, int]:
    """Each square's place in the text."""
    return {
        f"{file}{row}": cells.start + 2 * k
        for row, cells in enumerate(_rows(size), 1)
        for k, file in enumerate(FILES[: size.columns])
    }


@functools.cache
def _steps(size: Size) -> tuple[tuple[str, str], ...]:
    """All pairs of squares between which a pawn may step."""
    columns = range(size.columns)
    return tuple(
        (f"{FILES[k]}{row}", f"{FILES[j]}{row + up}")
        for up in (1, -1)
        for row in range(1, size.rows + 1)
        for k in columns
        for j in (k - 1, k, k + 1)
        if j in columns and 1 <= row + up <= size.rows
    )


def _move(size: Size, state: Board, action: Action) -> Board:
    cells, role, _ = state
    place, mark, later_place, later_mark, arrives = _changes(size)[action]
    cells = f"{cells[:place]}{mark}{cells[place + 1 : later_place]}{later_mark}{cells[later_place + 1 :]}"
    return Board(cells, 1 - role, role if arrives or MARKS[1 - role] not in cells else None)


@functools.lru_cache(64)
def _notation(size: Size, legal: tuple[Action, ...]) -> dict[str, Action]:
    """Every spelling of the board's moves; a legal capture may also be written without an x."""
    captures = [action for action in legal if action[2] == "x"]
    lenient = {form.format(a[:2], a[3:]): a for a in captures for form in _STEP_FORMS}
    return {**_all_spellings(size), **lenient}


@functools.cache
def _all_spellings(size: Size) -> dict[str, Action]:
    quiet = {form.format(*step): "{}-{}".format(*step) for step in _steps(size) for form in _STEP_FORMS}
    captures = [(start, to) for start, to in _steps(size) if start[0] != to[0]]
    return quiet | {form.format(*step): "{}x{}".format(*step) for step in captures for form in _CAPTURE_FORMS}


@functools.lru_cache(1_024)
def _best_moves(size: Size, cells: str, role: int) -> tuple[Action, ...]:
    """The moves of the highest value, sorted."""
    board, values, best = Board(cells, role, None), dict[Action, int](), -2 * _WON
    for action in _order_moves(size, board):
        values[action] = -_value(size, _move(size, board, action), _DEPTH - 1, -2 * _WON, 1 - best)
        best = max(best, values[action])
    return tuple(sorted(action for action, value in values.items() if value == best))


def _value(size: Size, board: Board, depth: int, least: int, most: int) -> int:
    """The board's value to the player to move, within two bounds (alpha-beta); quicker wins count more."""
    if board.winner is not None:
        return -_WON - depth
    if depth == 0:
        return _estimate(size, board.cells, board.to_move)
    for action in _order_moves(size, board):
        value = -_value(size, _move(size, board, action), depth - 1, -most, -least)
        if value >= most:
            return value
        least = max(least, value)
    return least


def _order_moves(size: Size, board: Board) -> list[Action]:
    """The legal moves, captures first: trying good moves early prunes more of the search."""
    return sorted(_legal(size, board.cells, board.to_move), key=lambda action: action[2] != "x")


def _estimate(size: Size, cells: str, role: int) -> int:
    """The lead in pawns, weighted by their steps; a pawn one step before the last row counts as a win."""
    rows = [cells[where] for where in _rows(size)]
    if MARKS[role] in (rows[1] if role else rows[-2]):
        return _WON
    white = sum(worth * row.count(MARKS[0]) for worth, row in zip(_pawn_values(size.rows), rows, strict=True))
    black = sum(worth * row.count(MARKS[1]) for worth, row in zip(_pawn_values(size.rows), reversed(rows), strict=True))
    return black - white if role else white - black


@functools.cache
def _pawn_values(num_rows: int) -> tuple[int, ...]:
    """A pawn's value by its row, its own first row first."""
    return tuple(_PAWN + (k + max(k - 2, 0) if k else _HOME) for k in range(num_rows))


GAME = Breakthrough()
