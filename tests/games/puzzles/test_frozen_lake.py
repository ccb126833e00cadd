"""The frozen lake: moves and slips equal Gymnasium's, and the solver's probabilities are exact."""

import functools
import random
from fractions import Fraction
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Game, Problem
from mirrormatch.games.puzzles.frozen_lake import NUM_MAPS, success_probability

FIRM = games.get("frozen_lake")
SLIPPERY = games.get("frozen_lake:slippery=yes")
GYMNASIUM_MAP = "SFFFFHFHFFFHHFFG"
LANE = "SHHHFHHHFHHHGHHH"
GYMNASIUM_MOVES = ("left", "down", "right", "up")  # Gymnasium's actions 0 to 3; a slip takes the action before or after


def play_on_map(game: Game[Any, Any], *actions: str, cells: str = GYMNASIUM_MAP) -> Any:
    """The state on the given map after moves and, on slippery ice, the directions that they went."""
    state = game.apply(game.start(), "1")._replace(cells=cells)
    for action in actions:
        state = game.apply(state, action)
    return state


def step_slowly(cells: str, row: int, column: int, action: int) -> tuple[int, int]:
    """One step on firm ice, as in Gymnasium's table of transitions."""
    size = int(len(cells) ** 0.5)
    if action == 0:
        column = max(column - 1, 0)
    elif action == 1:
        row = min(row + 1, size - 1)
    elif action == 2:
        column = min(column + 1, size - 1)
    elif action == 3:
        row = max(row - 1, 0)
    return row, column


def solve_slowly(cells: str, slippery: bool, num_steps: int) -> Fraction:
    """The exact probability of success of best play, by recursion over (row, column, moves left)."""
    size = int(len(cells) ** 0.5)

    @functools.cache
    def best(row: int, column: int, left: int) -> Fraction:
        if (cell := cells[row * size + column]) in "HG" or not left:
            return Fraction(cell == "G")
        options = []
        for action in range(4):
            ways = [(action - 1) % 4, action, (action + 1) % 4] if slippery else [action]
            options.append(
                sum(best(*step_slowly(cells, row, column, way), left - 1) for way in ways) / Fraction(len(ways))
            )
        return max(options)

    return best(0, 0, num_steps)


@functools.cache
def list_maps(size: int) -> list[str]:
    game = games.get(f"frozen_lake:size={size}") if size != 4 else FIRM
    return [game.apply(game.start(), number).cells for number, _ in game.chance(game.start())]


def play_solver(game: Game[Any, Any], number: int, rng: random.Random) -> float:
    state = game.apply(game.start(), str(number))
    while (role := game.to_act(state)) != OVER:
        options = game.chance(state) if role == CHANCE else game.solution(game.view(state, 0))
        state = game.apply(state, rng.choices([a for a, _ in options], [p for _, p in options])[0])
    return game.returns(state)[0]


def observe_text(state: Any, game: Game[Any, Any] = FIRM) -> str:
    return game.observe(state, 0).text


# maps


@pytest.mark.slow
@pytest.mark.parametrize("size", range(4, 9))
def test_every_map_has_a_safe_path(size: int) -> None:
    for cells in list_maps(size)[:100]:
        reached = {(0, 0)}
        for _ in range(4 * size):
            stepped = {step_slowly(cells, r, c, action) for r, c in reached for action in range(4)}
            reached |= {(r, c) for r, c in stepped if cells[r * size + c] != "H"}
        assert (size - 1, size - 1) in reached


@pytest.mark.parametrize("size", range(4, 9))
def test_every_map_has_one_start_one_goal_and_else_ice_and_holes(size: int) -> None:
    for cells in list_maps(size):
        assert len(cells) == size**2 and cells[0] == "S" and cells[-1] == "G" and set(cells[1:-1]) <= {"F", "H"}


def test_there_are_many_maps() -> None:
    assert NUM_MAPS == len(list_maps(6)) == 512 and len(set(list_maps(4))) > 250 and len(set(list_maps(6))) > 500


def test_slippery_and_firm_ice_have_the_same_maps() -> None:
    assert [SLIPPERY.apply(SLIPPERY.start(), str(k)).cells for k in range(1, 513)] == list_maps(4)


# moves


@pytest.mark.parametrize("name", ["frozen_lake", "frozen_lake:size=7", "frozen_lake:size=5,slippery=yes"])
def test_random_games_are_those_of_a_slow_walk(name: str) -> None:
    game, rng = games.get(name), random.Random(5)
    for _ in range(300):
        state = game.apply(game.start(), rng.choice(game.chance(game.start()))[0])
        size, row, column, num_moves = game.settings.size, 0, 0, 0  # type: ignore[attr-defined]
        while (role := game.to_act(state)) != OVER:
            assert num_moves < game.info.max_turns or role == CHANCE
            assert role == CHANCE or state.cells[row * size + column] in "SF"
            action = rng.choice(game.chance(state))[0] if role == CHANCE else rng.choice(game.legal(state) or ())
            num_moves += role == 0
            if role == CHANCE or not game.info.name.endswith("yes"):
                row, column = step_slowly(state.cells, row, column, GYMNASIUM_MOVES.index(action))
            state = game.apply(state, action)
            assert state.place == row * size + column
        assert game.returns(state) == (float((row, column) == (size - 1, size - 1)),)


@pytest.mark.parametrize("action", range(4))
def test_one_slips_to_either_side_and_never_back(action: int) -> None:
    state = play_on_map(SLIPPERY, GYMNASIUM_MOVES[action])
    expected = {GYMNASIUM_MOVES[way % 4]: 1 / 3 for way in (action - 1, action, action + 1)}
    assert SLIPPERY.to_act(state) == CHANCE and dict(SLIPPERY.chance(state)) == pytest.approx(expected)


def test_firm_ice_goes_where_one_wants() -> None:
    assert play_on_map(FIRM, "right").place == 1


def test_the_edge_stops_and_costs_a_move() -> None:
    state = play_on_map(FIRM, "up")
    assert (state.place, state.steps) == (0, 1)


def test_a_hole_ends_the_game_with_nothing() -> None:
    state = play_on_map(FIRM, "right", "down")
    assert FIRM.to_act(state) == OVER and FIRM.returns(state) == (0.0,)


def test_the_goal_is_worth_one() -> None:
    state = play_on_map(FIRM, "down", "down", "right", "down", "right", "right")
    assert FIRM.to_act(state) == OVER and FIRM.returns(state) == (1.0,)


def test_time_runs_out_after_sixteen_moves() -> None:
    state = play_on_map(FIRM, *["left"] * 16)
    assert FIRM.to_act(state) == OVER and FIRM.returns(state) == (0.0,)


@pytest.mark.parametrize(("text", "move"), [("Left.", "left"), ("go up", "up"), ("[R]", "right"), ("south", "down")])
def test_a_direction_is_read_in_many_spellings(text: str, move: Action) -> None:
    assert FIRM.parse(play_on_map(FIRM), text) == move


@pytest.mark.parametrize("text", ["left, left, down", "up or down", "I move right", "right right", "diagonal"])
def test_more_than_one_word_is_no_move(text: str) -> None:
    assert isinstance(FIRM.parse(play_on_map(FIRM), text), Problem)


# what is shown


def test_the_player_is_drawn_on_the_map() -> None:
    text = observe_text(play_on_map(FIRM, "down"))
    assert text.splitlines()[:5] == ["S F F F", "P H F H", "F F F H", "H F F G", text.splitlines()[4]]
    assert text.splitlines()[4] == "You are in row 2, column 1. The goal is in row 4, column 4."


def test_a_slip_is_shown() -> None:
    assert "Your last move: right, but you slipped down." in observe_text(
        play_on_map(SLIPPERY, "right", "down"), SLIPPERY
    )


def test_the_moves_left_are_shown() -> None:
    assert "Moves left: 14." in observe_text(play_on_map(FIRM, "right", "right"))


# the solver


def test_a_goal_behind_holes_is_worth_nothing() -> None:
    assert success_probability("SHHGHFFFFFFFFFFF", True, 64) == 0.0


def test_a_lane_of_three_squares_takes_three_moves_on_firm_ice() -> None:
    assert (success_probability(LANE, False, 2), success_probability(LANE, False, 3)) == (0.0, 1.0)


def test_the_lane_succeeds_one_time_in_27_with_three_slippery_moves() -> None:
    assert success_probability(LANE, True, 3) == pytest.approx(1 / 27)  # all three must go down


def test_the_lane_succeeds_seven_times_in_81_with_four_slippery_moves() -> None:
    # Moving left against the wall goes down 1/3, stays 1/3 and goes up 1/3, which at the top is staying too.
    # One square from the goal with two moves: 1/3 + 1/3 * 1/3 = 4/9. Two squares with three: 1/3 * 4/9 + 1/3 * 1/9.
    assert success_probability(LANE, True, 4) == pytest.approx(2 / 3 * 1 / 27 + 1 / 3 * 5 / 27)


def test_leaning_on_the_wall_of_the_lane_arrives_in_the_end() -> None:
    assert success_probability(LANE, True, 500) == pytest.approx(1.0)


def test_gymnasiums_own_map_is_worth_14_in_17() -> None:
    assert success_probability(GYMNASIUM_MAP, True, 2_000) == pytest.approx(14 / 17)


def test_gymnasiums_own_map_within_its_hundred_steps_is_worth_074() -> None:
    assert success_probability(GYMNASIUM_MAP, True, 100) == pytest.approx(0.7442, abs=5e-5)


@pytest.mark.parametrize("slippery", [False, True])
def test_the_values_are_those_of_exact_fractions(slippery: bool) -> None:
    for cells in list_maps(4)[:40]:
        assert success_probability(cells, slippery, 20) == pytest.approx(
            float(solve_slowly(cells, slippery, 20)), abs=1e-12
        )


def test_on_firm_ice_the_solver_always_arrives() -> None:
    assert {play_solver(FIRM, number, random.Random(0)) for number in range(1, 201)} == {1.0}


def test_on_firm_ice_the_solver_takes_a_shortest_path() -> None:
    state, num_moves = play_on_map(FIRM), 0
    while FIRM.to_act(state) != OVER:
        state, num_moves = FIRM.apply(state, FIRM.solution(FIRM.view(state, 0))[0][0]), num_moves + 1
    assert num_moves == 6


@pytest.mark.slow
def test_on_slippery_ice_the_solver_arrives_as_often_as_its_values_predict() -> None:
    rng, numbers = random.Random(6), range(1, 301)
    expected = sum(success_probability(list_maps(4)[number - 1], True, 64) for number in numbers) / len(numbers)
    mean = sum(play_solver(SLIPPERY, number, rng) for number in numbers) / len(numbers)
    assert mean == pytest.approx(expected, abs=0.07)  # more than three standard errors


@pytest.mark.slow
def test_all_maps_together_have_the_documented_value() -> None:
    mean = sum(success_probability(cells, True, 64) for cells in list_maps(4)) / NUM_MAPS
    assert f"{mean:.0%}".replace("%", " %") in (SLIPPERY.__doc__ or "")


@pytest.mark.parametrize("game", [FIRM, SLIPPERY], ids=lambda game: game.info.name)
def test_random_play_seldom_arrives(game: Game[Any, Any]) -> None:
    ((mean,),) = games.playouts(game, [game.start()], 500, random.Random(7))
    assert mean < 0.1
