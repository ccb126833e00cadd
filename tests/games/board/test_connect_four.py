"""Connect Four is OpenSpiel's, move by move, and its solver sees wins and threats in advance."""

import random
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import NUM_GAMES, agree

from mirrormatch import games
from mirrormatch.games import OVER, Problem, ProblemKind

GAME = games.get("connect_four")
ROWS, COLUMNS = 6, 7


def reach(moves: str) -> Any:
    """Returns the state after the moves, one digit each."""
    state = GAME.start()
    for move in moves:
        state = GAME.apply(state, move)
    return state


def solver_moves(moves: str) -> set[str]:
    """The solver's moves after the given ones."""
    state = reach(moves)
    return {action for action, _ in GAME.solution(GAME.view(state, GAME.to_act(state)))}


def slow_winner(grid: list[str]) -> str | None:
    """Finds the mark with four in a row by checking every line; rows from the top."""
    for r in range(ROWS):
        for c in range(COLUMNS):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                places = [(r + k * down, c + k * right) for k in range(4)]
                if all(row < ROWS and 0 <= column < COLUMNS for row, column in places):
                    marks = {grid[row][column] for row, column in places}
                    if marks in ({"X"}, {"O"}):
                        return marks.pop()
    return None


def board_of(state: Any) -> list[str]:
    return [line.replace(" ", "") for line in GAME.observe(state, 0).text.splitlines()[2:]]


# rules


def test_it_is_openspiels_connect_four() -> None:
    positions = agree(GAME, pyspiel.load_game("connect_four"), lambda ours, action, theirs: int(action) - 1)
    assert positions > 10 * NUM_GAMES


def test_the_board_shown_is_openspiels() -> None:
    theirs, state, rng = pyspiel.load_game("connect_four").new_initial_state(), GAME.start(), random.Random(4)
    while GAME.to_act(state) != OVER:
        assert board_of(state) == str(theirs).upper().split()
        action = rng.choice(GAME.legal(state) or ())
        state = GAME.apply(state, action)
        theirs.apply_action(int(action) - 1)


def test_a_slow_look_at_every_line_finds_the_same_winner() -> None:
    rng = random.Random(6)
    for _ in range(200):
        state = GAME.start()
        while GAME.to_act(state) != OVER:
            assert slow_winner(board_of(state)) is None
            state = GAME.apply(state, rng.choice(GAME.legal(state) or ()))
        winner = slow_winner(board_of(state))
        assert GAME.returns(state) == {"X": (1.0, -1.0), "O": (-1.0, 1.0), None: (0.0, 0.0)}[winner]


@pytest.mark.parametrize("moves", [
    "1212121",  # up column 1
    "1122334",  # along the floor, columns 1 to 4
    "12233434474",  # up to the right, from column 1 to column 4
    "76655454414",  # up to the left, from column 7 to column 4
])  # fmt: skip
def test_lines_are_found_in_every_direction(moves: str) -> None:
    assert GAME.to_act(reach(moves[:-1])) == 0
    assert GAME.returns(reach(moves)) == (1.0, -1.0)


def test_a_line_does_not_go_on_over_the_edge() -> None:
    # X has 6 and 7 in the second row, 1 and 2 on the floor: side by side only where the text is read on
    assert GAME.to_act(reach("1627647")) == 1


def test_a_full_column_takes_no_more() -> None:
    assert GAME.legal(reach("111111")) == ("2", "3", "4", "5", "6", "7")


def test_a_full_column_is_refused() -> None:
    problem = GAME.parse(reach("111111"), "1")
    assert isinstance(problem, Problem) and problem.kind is ProblemKind.ILLEGAL


@pytest.mark.parametrize("text", ["4", "column 4", "Col 4", "[4]", "drop in column 4", "X in 4"])
def test_a_column_is_named_in_many_ways(text: str) -> None:
    assert GAME.parse(GAME.start(), text) == "4"


@pytest.mark.parametrize("text", ["0", "8", "44", "four", "4 or 5", "not 4", "I never play 4", "-4x"])
def test_what_is_not_a_column_is_no_move(text: str) -> None:
    assert isinstance(GAME.parse(GAME.start(), text), Problem)


def test_the_board_is_shown_with_its_columns_and_the_top_row_first() -> None:
    assert GAME.observe(reach("443"), 1).text == (
        "You are O.\n"
        "1 2 3 4 5 6 7\n"
        ". . . . . . .\n"
        ". . . . . . .\n"
        ". . . . . . .\n"
        ". . . . . . .\n"
        ". . . O . . .\n"
        ". . X X . . ."
    )


# the solver


@pytest.mark.parametrize("moves", ["121212", "112233", "1223343447"])
def test_the_solver_wins_at_once_when_it_can(moves: str) -> None:
    assert all(GAME.returns(reach(moves + move))[len(moves) % 2] == 1.0 for move in solver_moves(moves))


def test_the_solver_blocks_a_column() -> None:
    assert solver_moves("12121") == {"1"}


def test_the_solver_does_not_let_two_open_ends_happen() -> None:
    # X has 4 and 5 on the floor; a third disc at 3 or 6 would leave both ends open
    assert solver_moves("445") <= {"2", "3", "6"}


@pytest.mark.slow
@pytest.mark.parametrize("solver", [0, 1])
def test_the_solver_beats_random_play(solver: int) -> None:
    rng, won = random.Random(solver), 0
    for _ in range(100):
        state = GAME.start()
        while (role := GAME.to_act(state)) != OVER:
            solved = [a for a, _ in GAME.solution(GAME.view(state, role))] if role == solver else None
            state = GAME.apply(state, rng.choice(solved or GAME.legal(state) or ()))
        won += GAME.returns(state)[solver] == 1.0
    assert won >= 97
