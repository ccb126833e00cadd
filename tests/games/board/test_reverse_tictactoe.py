"""Reverse tic-tac-toe is OpenSpiel's misere tic-tac-toe, and a draw between solvers."""

import random
from functools import cache
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import games
from mirrormatch.games import OVER, Problem

GAME = games.get("reverse_tictactoe")
ROLES = (0, 1)


def reach(moves: str) -> Any:
    """Returns the state after the moves, one digit each."""
    state = GAME.start()
    for move in moves:
        state = GAME.apply(state, move)
    return state


@cache
def slow_value(cells: tuple[str, ...], mark: str) -> int:
    """Computes the value for the player whose mark is next, by exhaustive search on a separate board."""
    other = "O" if mark == "X" else "X"
    rows = [cells[k : k + 3] for k in (0, 3, 6)]
    lines = [*rows, *zip(*rows, strict=True), cells[0::4], cells[2:7:2]]
    if (other, other, other) in lines:
        return 1
    free = [k for k in range(9) if cells[k] == ""]
    return max((-slow_value((*cells[:k], mark, *cells[k + 1 :]), other) for k in free), default=0)


def test_it_is_openspiels_misere_tictactoe() -> None:
    agree(GAME, pyspiel.load_game("misere(game=tic_tac_toe())"), lambda ours, action, theirs: int(action) - 1)


def test_who_completes_a_line_loses() -> None:
    assert GAME.returns(reach("14253")) == (-1.0, 1.0)


def test_a_full_board_without_a_line_is_a_draw() -> None:
    assert GAME.returns(reach("132465798")) == (0.0, 0.0)


def test_the_game_is_over_with_the_first_line() -> None:
    assert GAME.to_act(reach("14253")) == OVER


def test_a_square_is_named_in_words() -> None:
    assert GAME.parse(GAME.start(), "top left") == "1"


def test_a_taken_square_is_refused() -> None:
    assert isinstance(GAME.parse(reach("5"), "center"), Problem)


def test_every_view_names_what_loses() -> None:
    assert GAME.observe(reach("5"), 1).text == "You are O. Three O in a line lose.\n1 2 3\n4 X 6\n7 8 9"


def test_the_solution_plays_exactly_the_moves_of_the_best_value() -> None:
    rng = random.Random(3)
    for _ in range(200):
        state = GAME.start()
        while (role := GAME.to_act(state)) != OVER:
            mark, other = ("X", "O") if role == 0 else ("O", "X")
            cells = tuple("" if c == "." else c for c in state.cells)
            values = {
                a: -slow_value((*cells[: int(a) - 1], mark, *cells[int(a) :]), other) for a in GAME.legal(state) or ()
            }
            best = {a for a, value in values.items() if value == max(values.values())}
            assert {a for a, _ in GAME.solution(GAME.view(state, role))} == best
            state = GAME.apply(state, rng.choice(GAME.legal(state) or ()))


def test_it_is_worth_a_draw() -> None:
    assert slow_value(("",) * 9, "X") == 0


def test_x_draws_by_the_center_and_the_opposite_squares() -> None:
    def worst_return(state: Any) -> float:
        if GAME.to_act(state) == OVER:
            return GAME.returns(state)[0]
        replies = [GAME.apply(state, a) for a in GAME.legal(state) or ()]
        last = [next(int(a) for a in "123456789" if s.cells[int(a) - 1] != state.cells[int(a) - 1]) for s in replies]
        return min(
            GAME.returns(s)[0] if GAME.to_act(s) == OVER else worst_return(GAME.apply(s, str(10 - k)))
            for s, k in zip(replies, last, strict=True)
        )

    assert worst_return(reach("5")) == 0.0


@pytest.mark.parametrize("solver", ROLES)
def test_the_solution_never_loses_to_any_play(solver: int) -> None:
    @cache
    def worst_return(state: Any) -> float:
        role = GAME.to_act(state)
        if role == OVER:
            return GAME.returns(state)[solver]
        solved = [action for action, _ in GAME.solution(GAME.view(state, role))] if role == solver else None
        return min(worst_return(GAME.apply(state, action)) for action in solved or GAME.legal(state) or ())

    assert worst_return(GAME.start()) == 0.0


@pytest.mark.parametrize(("solver", "least"), [(0, 80), (1, 170)])
def test_the_solution_beats_random_play(solver: int, least: int) -> None:
    rng, won = random.Random(solver), 0
    for _ in range(200):
        state = GAME.start()
        while (role := GAME.to_act(state)) != OVER:
            solved = [a for a, _ in GAME.solution(GAME.view(state, role))] if role == solver else None
            state = GAME.apply(state, rng.choice(solved or GAME.legal(state) or ()))
        won += GAME.returns(state)[solver] == 1.0
    assert won >= least  # X, who must fill five squares, draws the rest
