"""Thinkers of games of lines: they look for the squares that complete one."""

from mirrormatch.games.board import connect_four, tictactoe
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_any, draw_solution, is_sound, join_words

_MAX_NAMED = 5  # free squares that a thought names


def find_completing(cells: str, mark: str, free: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """The free squares that complete a line of three, each with the line's other two squares."""
    found = []
    for square in free:
        k = int(square) - 1
        for line in tictactoe.LINES:
            rest = [c for c in line if c != k]
            if k in line and all(cells[c] == mark for c in rest):
                found.append((square, tuple(tictactoe.SQUARES[c] for c in rest)))
                break
    return found


def think_tictactoe(sight: Sight) -> Thought:
    """Wins or blocks when it looks for that; otherwise it takes the centre, a good or any free square."""
    view: tictactoe.View = sight.view
    free = sight.legal or ()
    own, other = tictactoe.MARKS[view.role], tictactoe.MARKS[1 - view.role]
    if is_sound(sight):
        for mark, word in ((own, "win"), (other, "block")):
            if found := find_completing(view.cells, mark, free):
                square, rest = sight.rng.choice(found)
                return Thought(f"{mark} has {join_words(rest)}. I {word} at {square}.", square)
        move = draw_solution(sight)
        return Thought(f"No line is nearly full. Free: {join_words(free)}. I take {move}.", move)
    move = draw_any(sight)
    return Thought(f"Free: {join_words(free)}. I take {move}.", move)


def think_reverse(sight: Sight) -> Thought:
    """Lists the squares that would complete an own line, and avoids them when it is sound."""
    view: tictactoe.View = sight.view
    own, free = tictactoe.MARKS[view.role], sight.legal or ()
    bad = [square for square, _ in find_completing(view.cells, own, free)]
    move = draw_solution(sight) if is_sound(sight) else draw_any(sight)
    safe = [square for square in free if square not in bad]
    return Thought(f"Three {own} at: {join_words(bad)}. Safe: {join_words(safe)}. I take {move}.", move)


def think_connect_four(sight: Sight) -> Thought:
    """Looks for columns that make four for either player."""
    view: connect_four.View = sight.view
    wins = [c for c in sight.legal or () if _makes_four(sight, c, view.role)]
    blocks = [c for c in sight.legal or () if _makes_four(sight, c, 1 - view.role)]
    text = f"I make four at: {join_words(wins)}. The other at: {join_words(blocks)}."
    if is_sound(sight):
        move = wins[0] if wins else blocks[0] if blocks else draw_solution(sight)
    else:
        move = draw_any(sight)
    return Thought(f"{text} I take {move}.", move)


def _makes_four(sight: Sight, column: str, role: int) -> bool:
    board = connect_four.Board(sight.view.cells, role, None)
    return bool(sight.game.apply(board, column).winner == role)


THINKERS = {"tictactoe": think_tictactoe, "reverse_tictactoe": think_reverse, "connect_four": think_connect_four}
