"""The frozen lake."""

import functools
import random
from dataclasses import dataclass
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info
from mirrormatch.seeds import derive

NUM_MAPS = 512
HOLES = 0.2  # the probability that a square is a hole, as in Gymnasium's random maps
STEPS_PER_SIZE = {"no": 4, "yes": 16}  # slippery -> number of moves in a game per row of the map
MOVES = ("down", "left", "right", "up")
# Around the compass: a move may slip to its neighbours in this order.
_COMPASS = ("left", "down", "right", "up")
_SLIPS = {
    move: tuple((_COMPASS[(k + turn) % 4], 1 / 3) for turn in (-1, 0, 1)) for k, move in enumerate(_COMPASS)
}  # fmt: skip
_SPELLINGS = {
    **{spelling: move for move in MOVES for spelling in (move, f"move {move}", f"go {move}", move[0])},
    **dict(zip(("south", "west", "east", "north"), MOVES, strict=True)),
}
_MAPS = tuple((str(k), 1 / NUM_MAPS) for k in range(1, NUM_MAPS + 1))
_NUMBERS = frozenset(number for number, _ in _MAPS)
_TOLERANCE = 1e-12  # probabilities of success that differ by less are equal


@dataclass(frozen=True)
class FrozenLakeSettings(GameSettings):
    """The size of the lake, and whether its ice is slippery."""

    size: int = setting(4, "rows and columns of the map", range(4, 9))
    slippery: str = setting("no", "whether two of three moves slip to a side", ("no", "yes"))


_DEFAULT = FrozenLakeSettings()


class Lake(NamedTuple):
    """The state, all of which is public.

    Attributes:
        cells: the map, row by row: S start, F frozen, H hole, G goal; empty before chance has drawn it.
        place: the player's square.
        steps: the number of moves made.
        tried: the last move, empty before the first.
        went: the direction that the last move went; empty while chance decides.
    """

    cells: str
    place: int
    steps: int
    tried: str
    went: str


class FrozenLake(Game[Lake, Lake]):
    """A walk over the ice of a lake from one corner to the other, past the holes.

    The map has 4 rows of 4 squares: the start S at the top left, the goal G at the bottom right, and in between frozen
    squares F and holes H (each square with probability 0.2; one of 512 maps, all with a safe path). The player sees it
    all and moves left, right, up or down; a move over the edge leaves it where it is. The goal ends the game with 1, a
    hole with 0, and so do 16 moves (4 for each row) without either. With `slippery=yes` a move goes the way that was
    meant with probability 1/3, else to the left or right of it, 1/3 each, and a game has 64 moves (16 for each row).
    Best play always reaches the goal on firm ice; on slippery ice of size 4 it does so in 86 % of the games.
    """

    settings: FrozenLakeSettings
    examples = ("slippery=yes", "size=6", "size=8,slippery=yes")

    def __init__(self, settings: FrozenLakeSettings = _DEFAULT) -> None:
        self.settings = settings
        self.slippery = settings.slippery == "yes"
        self.num_steps = STEPS_PER_SIZE[settings.slippery] * settings.size
        self._to = [[_step(place, move, settings.size) for place in range(settings.size**2)] for move in MOVES]
        self.info = Info(
            name=settings.full_name("frozen_lake"), version=1, roles=("player",), min_return=0.0, max_return=1.0,
            zero_sum=False, max_turns=self.num_steps, hidden=False, random=True, open_text=False, solver="exact",
            forfeit=0.0, source="Gymnasium FrozenLake-v1, with generated maps and a shorter time limit", win_at=1.0,
        )  # fmt: skip

    def start(self) -> Lake:
        return Lake("", 0, 0, "", "")

    def to_act(self, state: Lake) -> int:
        cells, place, steps, tried, went = state
        if not cells or (tried and not went):
            return CHANCE
        return OVER if steps == self.num_steps or cells[place] in "HG" else 0

    def chance(self, state: Lake) -> tuple[tuple[Action, float], ...]:
        return _SLIPS[state.tried] if state.cells else _MAPS

    def legal(self, state: Lake) -> tuple[Action, ...]:
        return MOVES if self.to_act(state) == 0 else ()

    def apply(self, state: Lake, action: Action) -> Lake:
        cells, place, steps, tried, _ = state
        role = self.to_act(state)
        if role == CHANCE and not cells:
            if action not in _NUMBERS:
                raise ValueError(f"{action!r} is not a map from 1 to {NUM_MAPS}")
            return Lake(_draw_map(self.settings.size, int(action)), 0, 0, "", "")
        if role == OVER or action not in (MOVES if role == 0 else dict(_SLIPS[tried])):
            raise ValueError(f"{action!r} is not allowed in {state!r}")
        if role == 0 and self.slippery:
            return Lake(cells, place, steps + 1, action, "")
        place = self._to[MOVES.index(action)][place]
        return Lake(cells, place, steps + (role == 0), action if role == 0 else tried, action)

    def returns(self, state: Lake) -> tuple[float, ...]:
        return (1.0,) if state.cells[state.place] == "G" else (0.0,)

    def view(self, state: Lake, role: int) -> Lake:
        return state

    def rules(self) -> str:
        slips = (
            " The ice is slippery: a move goes the way you meant with probability 1/3, else to the left or the right "
            "of it, 1/3 each (up may go up, left or right)."
        )
        return (
            "Frozen lake. Walk from the start S to the goal G over frozen squares F. A hole H ends the game, and you "
            f"lose. You move one square left, right, up or down; the edge of the map stops you.{slips * self.slippery} "
            f"You win if you are on G within {self.num_steps} moves. On the map P is you, row 1 is the top row, column "
            "1 the leftmost. A move is one word: left, right, up or down."
        )

    def render(self, view: Lake) -> str:
        cells, place, steps, tried, went = view
        if not cells:
            return "The map is not drawn yet."
        size = self.settings.size
        shown = _draw_cells(cells[:place] + "P" + cells[place + 1 :], size)
        row, column = divmod(place, size)
        lines = [shown, f"You are in row {row + 1}, column {column + 1}. The goal is in row {size}, column {size}."]
        if tried:
            lines.append(f"Your last move: {tried}{_describe_outcome(tried, went)}.")
        if cells[place] in "HG":
            lines.append("You have reached the goal and won." if cells[place] == "G" else "You are in a hole: lost.")
        else:
            lines.append(f"Moves left: {self.num_steps - steps}.")
        return "\n".join(lines)

    def notation(self, state: Lake) -> dict[str, Action]:
        return _SPELLINGS

    def solution(self, view: Lake) -> tuple[tuple[Action, float], ...]:
        """The move that is most likely to reach the goal in time, by value iteration; the fastest of equals."""
        return (
            (
                _list_best_moves(view.cells, self.slippery, self.num_steps)[self.num_steps - view.steps - 1][
                    view.place
                ],
                1.0,
            ),
        )


@functools.cache
def _draw_map(size: int, number: int) -> str:
    """Draws the map with this number: draws maps until one has a safe path."""
    rng = random.Random(derive(number, "frozen_lake", size))
    while True:
        cells = ["H" if rng.random() < HOLES else "F" for _ in range(size**2)]
        cells[0], cells[-1] = "S", "G"
        if _is_safe(cells, size):
            return "".join(cells)


def _is_safe(cells: list[str], size: int) -> bool:
    """Whether the goal can be reached, in time even without slipping."""
    reached = {0}
    for _ in range(STEPS_PER_SIZE["no"] * size):
        reached |= {_step(place, move, size) for place in reached for move in MOVES}
        reached = {place for place in reached if cells[place] != "H"}
    return size**2 - 1 in reached


@functools.cache  # all maps have few squares
def _step(place: int, move: str, size: int) -> int:
    """The square after a move; the edge stops it."""
    row, column = divmod(place, size)
    row = min(max(row + (move == "down") - (move == "up"), 0), size - 1)
    column = min(max(column + (move == "right") - (move == "left"), 0), size - 1)
    return row * size + column


@functools.lru_cache(1_024)
def _draw_cells(cells: str, size: int) -> str:
    return "\n".join(" ".join(cells[k : k + size]) for k in range(0, size**2, size))


@functools.cache
def _describe_outcome(tried: str, went: str) -> str:
    if went == tried:
        return ""
    return f", but you slipped {went}" if went else ", still on the way"


def success_probability(cells: str, slippery: bool, num_steps: int) -> float:
    """Probability that best play from the start of a map reaches its goal in this number of moves."""
    return _iterate_values(cells, slippery, num_steps)[-1][0][0]


@functools.lru_cache(64)
def _list_best_moves(cells: str, slippery: bool, num_steps: int) -> tuple[tuple[Action, ...], ...]:
    """Moves left, minus one -> square -> the best move."""
    return tuple(tuple(move for _, _, move in row) for row in _iterate_values(cells, slippery, num_steps)[1:])


def _iterate_values(cells: str, slippery: bool, num_steps: int) -> list[list[tuple[float, float, Action]]]:
    """Moves left -> square -> probability of success, expected moves (as a negative number), the best move."""
    size = round(len(cells) ** 0.5)
    ends = {
        move: [
            [_step(k, to, size) for to in (dict(_SLIPS[move]) if slippery else (move,))] for k in range(len(cells))
        ]
        for move in MOVES
    }  # fmt: skip
    rows = [[(float(cell == "G"), 0.0, MOVES[0]) for cell in cells]]
    for _ in range(num_steps):
        last = rows[-1]
        rows.append([
            last[k] if cell in "HG" else _choose_best([_average(last, ends[move][k], move) for move in MOVES])
            for k, cell in enumerate(cells)
        ])  # fmt: skip
    return rows


def _average(last: list[tuple[float, float, Action]], places: list[int], move: Action) -> tuple[float, float, Action]:
    success, moves = 0.0, 0.0
    for place in places:
        success += last[place][0]
        moves += last[place][1]
    return success / len(places), moves / len(places) - 1, move


def _choose_best(options: list[tuple[float, float, Action]]) -> tuple[float, float, Action]:
    most = max(success for success, _, _ in options) - _TOLERANCE
    return max((o for o in options if o[0] >= most), key=lambda o: o[1])


GAME = FrozenLake()
