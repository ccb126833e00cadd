"""Thinkers of games on maps: they name squares by row and column, or count steps and captures."""

from mirrormatch.games.board import breakthrough
from mirrormatch.games.puzzles import frozen_lake, sokoban
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_move, join_words

_WAYS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def think_frozen_lake(sight: Sight) -> Thought:
    """Names its own square, the goal, and the square ahead."""
    view: frozen_lake.Lake = sight.view
    size = int(len(view.cells) ** 0.5)
    (row, column), (goal_row, goal_column) = divmod(view.place, size), divmod(view.cells.index("G"), size)
    move = draw_move(sight)
    ahead = row + _WAYS[move][0], column + _WAYS[move][1]
    inside = all(0 <= k < size for k in ahead)
    what = view.cells[ahead[0] * size + ahead[1]] if inside else "the edge"
    text = f"I am at row {row + 1}, column {column + 1}; G at row {goal_row + 1}, column {goal_column + 1}."
    return Thought(f"{text} {move} is {what}. I go {move}.", move)


def think_sokoban(sight: Sight) -> Thought:
    """Names its own square, boxes and goals that don't match, and whether it pushes."""
    view: sokoban.Room = sight.view
    rows = view.cells.split("\n")
    places = {(r, c): cell for r, row in enumerate(rows, 1) for c, cell in enumerate(row, 1)}
    (me,) = (place for place, cell in places.items() if cell in "@+")
    boxes = [f"{r},{c}" for (r, c), cell in places.items() if cell == "$"]
    goals = [f"{r},{c}" for (r, c), cell in places.items() if cell in ".+"]
    move = draw_move(sight)
    ahead = places[me[0] + _WAYS[move][0], me[1] + _WAYS[move][1]]
    does = "push" if ahead in "$*" else "go"
    text = f"I am at {me[0]},{me[1]}. Boxes: {join_words(boxes)}. Goals: {join_words(goals)}."
    return Thought(f"{text} I {does} {move}.", move)


def think_breakthrough(sight: Sight) -> Thought:
    """Lists captures, and counts the steps that either side's front pawn needs."""
    view: breakthrough.View = sight.view
    rows = {int(line[0]): line[2:] for line in view.cells.splitlines()}
    white = max(rows) - max((r for r, cells in rows.items() if "w" in cells), default=1)
    black = min((r for r, cells in rows.items() if "b" in cells), default=max(rows)) - 1
    mine, other = (white, black)[:: 1 - 2 * view.role]
    captures = [m for m in sight.legal or () if "x" in m]
    move = draw_move(sight)
    text = f"I need {mine} steps, the other {other}. Captures: {join_words(captures)}."
    return Thought(f"{text} I play {move}.", move)


THINKERS = {"breakthrough": think_breakthrough, "frozen_lake": think_frozen_lake, "sokoban": think_sokoban}
