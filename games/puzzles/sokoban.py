"""Sokoban."""

import functools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info
from mirrormatch.seeds import derive

WALL, FLOOR, GOAL, BOX, STORED, PLAYER, ON_GOAL = "#-.$*@+"  # stored: a box on a goal; on goal: the player
NUM_LEVELS = 512
STEPS_PER_BOX = 20  # moves in a game, for each box
SHORTEST_PER_BOX, LONGEST_PER_BOX = 4, 10  # moves of a level's shortest solution, for each box
WALLS = 0.15  # the probability that a square inside is a wall
SHARE = 0.5  # upper bound on the return of an unfinished level

Cells: TypeAlias = str  # rows of equal length, joined by line breaks
Boxes: TypeAlias = tuple[int, ...]  # their places, ascending

_SPELLINGS = {
    **{spelling: move for move in ("down", "left", "right", "up") for spelling in (move, move[0])},
    **{f"{verb} {move}": move for move in ("down", "left", "right", "up") for verb in ("move", "go", "push")},
}
_LEVELS = tuple((str(k), 1 / NUM_LEVELS) for k in range(1, NUM_LEVELS + 1))
_NUMBERS = frozenset(number for number, _ in _LEVELS)
_TO_FLOOR = str.maketrans({BOX: FLOOR, STORED: GOAL, PLAYER: FLOOR, ON_GOAL: GOAL})
_LEFT_BY_PLAYER = {PLAYER: FLOOR, ON_GOAL: GOAL}
_ENTERED = {FLOOR: PLAYER, GOAL: ON_GOAL, BOX: PLAYER, STORED: ON_GOAL}
_FILLED = {FLOOR: BOX, GOAL: STORED}
_LOST = 255  # distance of a position without a solution


@dataclass(frozen=True)
class SokobanSettings(GameSettings):
    """The size of the room and the number of boxes."""

    size: int = setting(6, "rows and columns of the room, its outer walls included", range(6, 9))
    boxes: int = setting(2, "boxes to push, and goals to push them to", range(1, 4))


_DEFAULT = SokobanSettings()


class Room(NamedTuple):
    """The room as it is shown, empty before chance has drawn the level, and the number of moves. All is public."""

    cells: Cells
    steps: int


class Sokoban(Game[Room, Room]):
    """A warehouse in which every box has to be pushed to a goal.

    The room has 6 rows of 6 squares, walls all around; in it are 2 boxes, 2 goals and the player (one of 512 levels).
    The player moves up, down, left or right by one square; a box in the way is pushed on by one square if the square
    behind it is free, that is neither wall nor box. Boxes can't be pulled, so a box in a corner is lost. The game ends
    when every box is on a goal, with 1, or after 20 moves for each box, with half the share of the boxes that are on
    goals: 0.25 with one of two. Levels are made by playing backwards from the end; a shortest solution takes 4 to 10
    moves for each box. Best play always earns 1.
    """

    settings: SokobanSettings
    examples = ("boxes=1", "boxes=3", "size=7")

    def __init__(self, settings: SokobanSettings = _DEFAULT) -> None:
        self.settings = settings
        self.num_steps = STEPS_PER_BOX * settings.boxes
        self._ways = {"down": settings.size + 1, "left": -1, "right": 1, "up": -settings.size - 1}
        self.info = Info(
            name=settings.full_name("sokoban"), version=1, roles=("player",), min_return=0.0, max_return=1.0,
            zero_sum=False, max_turns=self.num_steps, hidden=False, random=True, open_text=False, solver="exact",
            forfeit=0.0, source="Thinking Rabbit 1982, Sokoban; levels of its own", win_at=1.0,
        )  # fmt: skip

    def start(self) -> Room:
        return Room("", 0)

    def to_act(self, state: Room) -> int:
        if not state.cells:
            return CHANCE
        return OVER if state.steps == self.num_steps or BOX not in state.cells else 0

    def chance(self, state: Room) -> tuple[tuple[Action, float], ...]:
        return _LEVELS

    def legal(self, state: Room) -> tuple[Action, ...]:
        if self.to_act(state) != 0:
            return ()
        cells = state.cells
        place = _find_player(cells)
        return tuple([
            move
            for move, way in self._ways.items()
            if (there := cells[place + way]) in "-." or (there in "$*" and cells[place + 2 * way] in "-.")
        ])  # fmt: skip

    def apply(self, state: Room, action: Action) -> Room:
        role = self.to_act(state)
        if role == CHANCE and action in _NUMBERS:
            return Room(_make_level(self.settings.size, self.settings.boxes, int(action)), 0)
        if role != 0 or action not in self._ways:
            raise ValueError(f"{action!r} is not allowed in {state!r}")
        cells = _move(state.cells, self._ways[action])
        if cells == state.cells:
            raise ValueError(f"{action!r}: the way is blocked in {state!r}")
        return Room(cells, state.steps + 1)

    def returns(self, state: Room) -> tuple[float, ...]:
        if BOX not in state.cells:
            return (1.0,)
        return (SHARE * state.cells.count(STORED) / self.settings.boxes,)

    def view(self, state: Room, role: int) -> Room:
        return state

    def rules(self) -> str:
        num = self.settings.boxes
        all_boxes = "the box is on the goal" if num == 1 else f"all {num} boxes are on goals"
        partly = "" if num == 1 else " If time runs out, each box on a goal still earns a little."
        return (
            "Sokoban. # wall, - floor, . goal, $ box, * box on a goal, @ you, + you on a goal. You move one square "
            "up, down, left or right, not into a wall. If a box is there, you push it one square further in the same "
            "direction; the square behind it must be floor or goal, not a wall or a box. You cannot pull, so a box in "
            f"a corner stays there. You win when {all_boxes}, within {self.num_steps} moves.{partly} "
            "A move is one word: up, down, left or right."
        )

    def render(self, view: Room) -> str:
        cells, steps = view
        if not cells:
            return "The room is not built yet."
        if BOX not in cells:
            return f"{cells}\nEvery box is on a goal: you have won."
        return f"{cells}\nBoxes on goals: {cells.count(STORED)} of {self.settings.boxes}. {self._count_left(steps)}"

    def _count_left(self, steps: int) -> str:
        return f"Moves left: {self.num_steps - steps}." if steps < self.num_steps else "No moves left: you have lost."

    def notation(self, state: Room) -> dict[str, Action]:
        return _SPELLINGS

    def solution(self, view: Room) -> tuple[tuple[Action, float], ...]:
        """The first move of a shortest solution, by breadth-first search from the end; any move without a solution."""
        cells = view.cells
        distances = _tabulate_distances(cells.translate(_TO_FLOOR), self.settings.size + 1, self.settings.boxes)
        moves = self.legal(view)
        return ((min(moves, key=lambda move: distances.to(_move(cells, self._ways[move]))), 1.0),)


def _find_player(cells: Cells) -> int:
    place = cells.find(PLAYER)
    return place if place >= 0 else cells.index(ON_GOAL)


def _find_boxes(cells: Cells) -> Boxes:
    return tuple([k for k, cell in enumerate(cells) if cell in "$*"])


def _move(cells: Cells, way: int) -> Cells:
    """The room after a step in a direction; the same room where the way is blocked."""
    place = _find_player(cells)
    there = place + way
    if cells[there] == WALL:
        return cells
    new = list(cells)
    if cells[there] in "$*":
        behind = there + way
        if cells[behind] not in "-.":
            return cells
        new[behind] = _FILLED[cells[behind]]
    new[place] = _LEFT_BY_PLAYER[cells[place]]
    new[there] = _ENTERED[cells[there]]
    return "".join(new)


class Distances(NamedTuple):
    """Number of moves from each position of a level to the end; `_LOST` without a solution."""

    squares: dict[int, int]  # place -> its index among the squares without a wall
    table: bytearray

    def to(self, cells: Cells) -> int:
        """The distance of a position, given as it is shown."""
        return self.table[_encode(self.squares, _find_player(cells), _find_boxes(cells))]


def _encode(index: dict[int, int], player: int, boxes: Boxes) -> int:
    code = index[player]
    for box in boxes:
        code = code * len(index) + index[box]
    return code


@functools.lru_cache(64)  # a table has at most 36 ** 4 bytes
def _tabulate_distances(floor: Cells, row: int, num_boxes: int) -> Distances:
    """Tabulates the distances of a level, given without boxes and player. Rows begin `row` cells after each other."""
    index = {place: k for k, place in enumerate(k for k, cell in enumerate(floor) if cell in "-.")}
    table = bytearray([_LOST]) * len(index) ** (num_boxes + 1)
    for _ in _search_back(floor, row, index, table):
        pass
    return Distances(index, table)


def _search_back(floor: Cells, row: int, index: dict[int, int], table: bytearray) -> Iterator[tuple[int, int, Boxes]]:
    """Yields every position with a solution as (distance, player, boxes), nearest first.

    Breadth-first search backwards from the positions with every box on a goal; it also fills the table.
    """
    stored = tuple(k for k, cell in enumerate(floor) if cell == GOAL)
    waiting = deque((player, stored) for player in index if player not in stored)
    for player, boxes in waiting:
        table[_encode(index, player, boxes)] = 0
    while waiting:
        player, boxes = waiting.popleft()
        distance = table[_encode(index, player, boxes)]
        yield distance, player, boxes
        for before in _list_predecessors(index, row, player, boxes):
            if table[code := _encode(index, *before)] == _LOST:
                table[code] = min(distance + 1, _LOST - 1)
                waiting.append(before)


def _list_predecessors(index: dict[int, int], row: int, player: int, boxes: Boxes) -> list[tuple[int, Boxes]]:
    """The positions from which one move leads here: a step, or a push of the box in front of the player."""
    found = []
    for way in (row, -1, 1, -row):
        came_from, pushed = player - way, player + way
        if came_from not in index or came_from in boxes:
            continue
        found.append((came_from, boxes))
        if pushed in boxes:
            found.append((came_from, _shift_box(boxes, pushed, player)))
    return found


def _shift_box(boxes: Boxes, box: int, to: int) -> Boxes:
    return tuple(sorted([to if b == box else b for b in boxes]))


@functools.cache
def _make_level(size: int, num_boxes: int, number: int) -> Cells:
    """Makes the level with this number: draws rooms until one has a start."""
    rng = random.Random(derive(number, "sokoban", size, num_boxes))
    while True:
        floor = _draw_room(size, num_boxes, rng)
        if starts := _list_starts(floor, size + 1, num_boxes):
            return _furnish(floor, *rng.choice(starts))


def _draw_room(size: int, num_boxes: int, rng: random.Random) -> Cells:
    """Draws a room with walls and goals, without boxes and player."""
    inside = [r * (size + 1) + c for r in range(1, size - 1) for c in range(1, size - 1)]
    cells = list("\n".join([WALL * size] * size))
    for place in inside:
        cells[place] = WALL if rng.random() < WALLS else FLOOR
    free = [place for place in inside if cells[place] == FLOOR]
    for place in rng.sample(free, min(num_boxes, len(free))):
        cells[place] = GOAL
    return "".join(cells)


def _list_starts(floor: Cells, row: int, num_boxes: int) -> list[tuple[int, Boxes]]:
    """Possible starts as (player, boxes): no box on a goal, the shortest solution within the bounds on its length."""
    index = {place: k for k, place in enumerate(k for k, cell in enumerate(floor) if cell in "-.")}
    if floor.count(GOAL) < num_boxes or not _is_connected(set(index), row):
        return []
    goals = {k for k, cell in enumerate(floor) if cell == GOAL}
    table = bytearray([_LOST]) * len(index) ** (num_boxes + 1)
    return [
        (player, boxes)
        for distance, player, boxes in _search_back(floor, row, index, table)
        if SHORTEST_PER_BOX * num_boxes <= distance <= LONGEST_PER_BOX * num_boxes and goals.isdisjoint(boxes)
    ]


def _is_connected(places: set[int], row: int) -> bool:
    reached, waiting = set[int](), [min(places)]
    while waiting:
        place = waiting.pop()
        reached.add(place)
        waiting += ({place + row, place - 1, place + 1, place - row} & places) - reached
    return reached == places


def _furnish(floor: Cells, player: int, boxes: Boxes) -> Cells:
    """Puts the player and the boxes into an empty room."""
    cells = list(floor)
    for box in boxes:
        cells[box] = BOX
    cells[player] = _ENTERED[cells[player]]
    return "".join(cells)


GAME = Sokoban()
