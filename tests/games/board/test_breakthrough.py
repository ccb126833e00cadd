"""Breakthrough is OpenSpiel's with the board mirrored, and a move is read in many spellings."""

import random
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import NUM_GAMES, agree

from mirrormatch import games
from mirrormatch.games import OVER, Action, Game, Problem, ProblemKind

GAME = games.get("breakthrough")
SMALL = games.get("breakthrough:rows=4,columns=3")
SIZES = ((6, 5), (4, 3), (5, 5), (6, 6), (7, 4), (8, 8))


def variant(rows: int, columns: int) -> Game[Any, Any]:
    return games.get(f"breakthrough:rows={rows},columns={columns}")


def their_game(rows: int, columns: int) -> Any:
    return pyspiel.load_game("breakthrough", {"rows": rows, "columns": columns})


def mirror_move(action: Action, rows: int) -> str:
    """Converts a move to OpenSpiel's notation, whose first player begins at the top: row 2 of 6 is its row 5."""
    files, ranks = action[0::3], [rows + 1 - int(n) for n in action[1::3]]
    return f"{files[0]}{ranks[0]}{files[1]}{ranks[1]}{'*' if action[2] == 'x' else ''}"


def reach(*moves: str, game: Game[Any, Any] = GAME) -> Any:
    """Parses the moves like an agent's replies and returns the state that they lead to."""
    state = game.start()
    for text in moves:
        move = game.parse(state, text)
        assert not isinstance(move, Problem), f"{text!r}: {move}"
        state = game.apply(state, move)
    return state


def solver_moves(state: Any, game: Game[Any, Any] = GAME) -> set[Action]:
    return {action for action, _ in game.solution(game.view(state, game.to_act(state)))}


# rules


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_it_is_openspiels_breakthrough(rows: int, columns: int) -> None:
    def their_action(ours: Any, action: Action, other: Any) -> int:
        number: int = other.string_to_action(other.current_player(), mirror_move(action, rows))
        return number

    num_games = NUM_GAMES if (rows, columns) == SIZES[0] else 100
    agree(variant(rows, columns), their_game(rows, columns), their_action, num_games)


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_the_board_shown_is_openspiels_turned_round(rows: int, columns: int) -> None:
    game, other, rng = variant(rows, columns), their_game(rows, columns).new_initial_state(), random.Random(3)
    state = game.start()
    while game.to_act(state) != OVER:
        ours = [line.replace(" ", "")[1:] for line in game.observe(state, 0).text.splitlines()[1:-1]]
        upside_down = [line[1:] for line in str(other).splitlines()[rows - 1 :: -1]]
        assert ours == [line.translate(str.maketrans("wb", "bw")) for line in upside_down]
        action = rng.choice(game.legal(state) or ())
        state = game.apply(state, action)
        other.apply_action(other.string_to_action(other.current_player(), mirror_move(action, rows)))


@pytest.mark.parametrize(("rows", "columns", "most"), [(6, 5, 71), (4, 3, 13), (8, 8, 177)])
def test_the_number_of_moves_is_bounded_by_the_steps_that_pawns_can_make(rows: int, columns: int, most: int) -> None:
    # 6 rows: 4 steps for a pawn of the first row, 3 for one of the second, 5 columns, 2 players: 70, and the last step
    assert variant(rows, columns).info.max_turns == most


def test_the_first_to_reach_the_other_side_wins() -> None:
    state = reach("a1-a2", "b4-b3", "a2xb3", "a4xb3", "b1-b2", "c4-c3", "b2xc3", "b3-b2", game=SMALL)
    assert SMALL.returns(SMALL.apply(state, "c3-c4")) == (1.0, -1.0)


def test_black_wins_on_row_1() -> None:
    state = reach("a1-a2", "b4-b3", "a2xb3", "a4xb3", "b1-a2", "b3xa2", "c1-c2", game=SMALL)
    assert SMALL.returns(SMALL.apply(state, "a2-a1")) == (-1.0, 1.0)


def test_taking_the_last_enemy_wins() -> None:
    state = GAME.start()._replace(cells="6 . . . . .\n5 . . . . .\n4 . . b . .\n3 . w . . .\n2 . . . . .\n1 . . . . .")
    assert GAME.returns(GAME.apply(state, "b3xc4")) == (1.0, -1.0)


def test_a_pawn_does_not_take_straight_ahead() -> None:
    state = GAME.start()._replace(cells="6 . . . . .\n5 . . . . .\n4 . b . . .\n3 . w . . .\n2 . . . . .\n1 . . . . .")
    assert GAME.legal(state) == ("b3-a4", "b3-c4")


def test_a_pawn_does_not_leave_the_board() -> None:
    assert {move for move in GAME.legal(GAME.start()) or () if move[0] in "ae"} == {
        "a2-a3", "a2-b3", "e2-d3", "e2-e3",
    }  # fmt: skip


def test_the_board_is_shown_with_its_squares_and_whose_side_one_is_on() -> None:
    assert GAME.observe(reach("a2-b3"), 1).text == (
        "You are black (b), moving down.\n"
        "6 b b b b b\n"
        "5 b b b b b\n"
        "4 . . . . .\n"
        "3 . w . . .\n"
        "2 . w w w w\n"
        "1 w w w w w\n"
        "  a b c d e"
    )


# reading


@pytest.mark.parametrize("text", ["a2-b3", "A2-B3", "a2b3", "a2 b3", "a2 to b3", "[a2 - b3]", "a2->b3", "a2 -> b3."])
def test_a_step_is_written_in_many_ways(text: str) -> None:
    assert GAME.parse(GAME.start(), text) == "a2-b3"


@pytest.mark.parametrize("text", ["b3xc4", "B3xC4", "b3 x c4", "b3 takes c4", "b3-c4", "b3c4", "b3 to c4"])
def test_a_capture_is_written_in_many_ways(text: str) -> None:
    assert GAME.parse(reach("a2-b3", "d5-c4"), text) == "b3xc4"


def test_an_empty_square_holds_nothing_to_take() -> None:
    problem = GAME.parse(GAME.start(), "a2xb3")
    assert isinstance(problem, Problem) and problem.kind is ProblemKind.ILLEGAL


def test_a_step_backwards_is_a_move_of_the_game_but_not_allowed() -> None:
    problem = GAME.parse(reach("a2-a3", "a5-a4"), "a3-a2")
    assert isinstance(problem, Problem) and problem.kind is ProblemKind.ILLEGAL


@pytest.mark.parametrize("text", ["b3", "a2", "a2-a4", "a2-", "-b3", "a2-b3 b2-b3", "not a2-b3", "a2-b3 or c2-c3"])
def test_what_names_no_step_is_no_move(text: str) -> None:
    assert isinstance(GAME.parse(GAME.start(), text), Problem)


# the solver


def test_the_solver_wins_at_once_when_it_can() -> None:
    state = GAME.start()._replace(cells="6 b . . . b\n5 . . w . .\n4 . . . . .\n3 . . . . .\n2 . b . . .\n1 . . . . w")
    assert solver_moves(state) == {"c5-b6", "c5-c6", "c5-d6"}


def test_the_solver_takes_a_pawn_that_is_about_to_arrive() -> None:
    state = GAME.start()._replace(cells="6 b b . b b\n5 . . . . .\n4 . . . . .\n3 . . w . .\n2 . b . . .\n1 w . . . w")
    assert solver_moves(state) == {"a1xb2"}


@pytest.mark.slow
@pytest.mark.parametrize("solver", [0, 1])
def test_the_solver_beats_random_play(solver: int) -> None:
    rng, won = random.Random(solver), 0
    for _ in range(100):
        state = GAME.start()
        while (role := GAME.to_act(state)) != OVER:
            options = sorted(solver_moves(state)) if role == solver else GAME.legal(state) or ()
            state = GAME.apply(state, rng.choice(options))
        won += GAME.returns(state)[solver] == 1.0
    assert won >= 97
