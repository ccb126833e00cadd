"""Connect Four."""

import functools
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.types import OVER, Action, Info

ROWS, COLUMNS, IN_A_ROW = 6, 7, 4
EMPTY = "."
MARKS = "XO"
NAMES = tuple(str(k) for k in range(1, COLUMNS + 1))
_WIDTH = 2 * COLUMNS  # characters of a row: its cells, the spaces between them and the line break
_HEADER = " ".join(NAMES)
_START = "\n".join([" ".join(EMPTY * COLUMNS)] * ROWS)
_FOUR = tuple(mark * IN_A_ROW for mark in MARKS)
_OFFSETS = {name: 2 * k for k, name in enumerate(NAMES)}
_SPELLINGS = {
    form.format(name): name
    for name in NAMES
    for form in ("{}", "column {}", "col {}", "drop {}", "drop in {}", "drop in column {}", "x in {}", "o in {}")
}


def _line(row: int, column: int, down: int, right: int) -> slice:
    """The slice of the board's text with a square's neighbours in one direction, up to three on either side."""
    reach = range(1 - IN_A_ROW, IN_A_ROW)
    squares = [(row + k * down, column + k * right) for k in reach]
    offsets = [_WIDTH * r + 2 * c for r, c in squares if 0 <= r < ROWS and 0 <= c < COLUMNS]
    return slice(offsets[0], offsets[-1] + 1, _WIDTH * down + 2 * right)


# a square's place in the text -> the four lines through it
_LINES = {
    _WIDTH * r + 2 * c: tuple(_line(r, c, down, right) for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)))
    for r in range(ROWS)
    for c in range(COLUMNS)
}

# The solver stores each player's discs in a number: bit 7 * column + height, the seventh bit of a column always 0.
_BITS = ROWS + 1
_BOTTOM = tuple(1 << _BITS * c for c in range(COLUMNS))
_COLUMN = tuple(((1 << ROWS) - 1) << _BITS * c for c in range(COLUMNS))
_BOARD = sum(_COLUMN)
_DIRECTIONS = (1, _BITS - 1, _BITS, _BITS + 1)
_ORDER = tuple(sorted(range(COLUMNS), key=lambda c: abs(c - COLUMNS // 2)))  # the middle first
_DEPTH = 5  # search depth in moves
_WON = 1_000  # more than any sum of weights
_THREAT = 12  # value of an empty square that would complete four; a square's own weight is 3 to 13


class Board(NamedTuple):
    """The rendered board, top row first; the role to act or `OVER`; the winner, if there is one."""

    cells: str
    to_act: int
    winner: int | None


class View(NamedTuple):
    """The public state and the role that sees it."""

    role: int
    cells: str
    to_act: int


class ConnectFour(Game[Board, View]):
    """Four in a row on an upright board of 6 rows and 7 columns.

    X moves first. A move is the number of a column that isn't full, 1 to 7 from left to right; the disc falls to its
    lowest empty square. Four in a row, column or diagonal win (+1 to -1); a full board without them is a draw (0).
    With best play X wins, by beginning in the middle (Allis 1988). The solver looks five moves ahead.
    """

    info = Info(
        name="connect_four", version=1, roles=("X", "O"), min_return=-1.0, max_return=1.0, zero_sum=True,
        max_turns=ROWS * COLUMNS, hidden=False, random=False, open_text=False, solver="rules", forfeit=-1.0,
        source="OpenSpiel connect_four",
    )  # fmt: skip

    def start(self) -> Board:
        return Board(_START, 0, None)

    def to_act(self, state: Board) -> int:
        return state.to_act

    def legal(self, state: Board) -> tuple[Action, ...]:
        return _open_columns(state.cells[:_WIDTH:2]) if state.to_act != OVER else ()

    def apply(self, state: Board, action: Action) -> Board:
        cells, role, _ = state
        column = _OFFSETS.get(action)
        height = cells[column::_WIDTH].rfind(EMPTY) if column is not None and role != OVER else -1
        if column is None or height < 0:
            raise ValueError(f"{action!r} is not a column with an empty square")
        square = _WIDTH * height + column
        cells = f"{cells[:square]}{MARKS[role]}{cells[square + 1 :]}"
        four = _FOUR[role]
        across, down, falling, rising = _LINES[square]
        if four in cells[down] or four in cells[across] or four in cells[falling] or four in cells[rising]:
            return Board(cells, OVER, role)
        return Board(cells, 1 - role if EMPTY in cells else OVER, None)

    def returns(self, state: Board) -> tuple[float, ...]:
        return {0: (1.0, -1.0), 1: (-1.0, 1.0), None: (0.0, 0.0)}[state.winner]

    def view(self, state: Board, role: int) -> View:
        return View(role, state.cells, state.to_act)

    def rules(self) -> str:
        return (
            "Connect Four: 6 rows, columns 1 to 7. X moves first. A disc dropped into a column falls to its lowest "
            "empty square (.). Four in a row, column or diagonal wins; a full board is a draw. "
            "A move is the number of a column that is not full."
        )

    def render(self, view: View) -> str:
        return f"You are {MARKS[view.role]}.\n{_HEADER}\n{view.cells}"

    def notation(self, state: Board) -> dict[str, Action]:
        return _SPELLINGS

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based: the best move of a search of depth five, which includes immediate wins and blocks."""
        mine, theirs = (_read_discs(view.cells, MARKS[role]) for role in (view.to_act, 1 - view.to_act))
        best = _best_moves(mine, theirs)
        return tuple((action, 1 / len(best)) for action in best)


@functools.cache  # 2,187 top rows
def _open_columns(top: str) -> tuple[Action, ...]:
    return tuple(name for name, cell in zip(NAMES, top, strict=True) if cell == EMPTY)


def _read_discs(cells: str, mark: str) -> int:
    found = 0
    for c in range(COLUMNS):
        for height, cell in enumerate(cells[2 * c :: _WIDTH][::-1]):
            if cell == mark:
                found |= _BOTTOM[c] << height
    return found


@functools.lru_cache(1_024)
def _best_moves(mine: int, theirs: int) -> tuple[Action, ...]:
    """The moves of the highest value, sorted."""
    values, best = dict[Action, int](), -2 * _WON
    for c in _ORDER:
        if disc := ((mine | theirs) + _BOTTOM[c]) & _COLUMN[c]:
            won = _has_four(mine | disc)
            value = 2 * _WON if won else -_value(theirs, mine | disc, _DEPTH - 1, -2 * _WON, 1 - best)
            values[NAMES[c]], best = value, max(best, value)
    return tuple(sorted(name for name, value in values.items() if value == best))


def _value(mine: int, theirs: int, depth: int, least: int, most: int) -> int:
    """The position's value to the player to move, within two bounds (alpha-beta); quicker wins count more."""
    taken = mine | theirs
    if taken == _BOARD:
        return 0
    if depth == 0:
        return _estimate(mine, theirs)
    for c in _ORDER:
        if disc := (taken + _BOTTOM[c]) & _COLUMN[c]:
            after = mine | disc
            value = _WON + depth if _has_four(after) else -_value(theirs, after, depth - 1, -most, -least)
            if value >= most:
                return value
            least = max(least, value)
    return least


def _estimate(mine: int, theirs: int) -> int:
    """The lead in threats and in squares, which are weighted by the lines through them."""
    free = _BOARD & ~(mine | theirs)
    lead = _THREAT * ((_completing_squares(mine) & free).bit_count() - (_completing_squares(theirs) & free).bit_count())
    for weight, squares in _WEIGHTS:
        lead += weight * ((mine & squares).bit_count() - (theirs & squares).bit_count())
    return lead


def _has_four(discs: int) -> bool:
    for d in _DIRECTIONS:
        pairs = discs & discs >> d
        if pairs & pairs >> 2 * d:
            return True
    return False


def _completing_squares(discs: int) -> int:
    """The squares, on the board or not, that would complete four."""
    found = discs << 1 & discs << 2 & discs << 3
    for d in _DIRECTIONS[1:]:
        up, down = discs << d & discs << 2 * d, discs >> d & discs >> 2 * d
        found |= up & (discs << 3 * d | discs >> d) | down & (discs >> 3 * d | discs << d)
    return found


def _square_weights() -> tuple[tuple[int, int], ...]:
    """Groups squares by the number of possible fours through them: `(number, squares)`."""
    fours = [sum(1 << start + k * d for k in range(IN_A_ROW)) for d in _DIRECTIONS for start in range(_BITS * COLUMNS)]
    squares: dict[int, int] = {}
    for bit in (1 << k for k in range(_BITS * COLUMNS) if _BOARD >> k & 1):
        number = sum(1 for four in fours if four & bit and not four & ~_BOARD)
        squares[number] = squares.get(number, 0) | bit
    return tuple(sorted(squares.items()))


_WEIGHTS = _square_weights()

GAME = ConnectFour()
