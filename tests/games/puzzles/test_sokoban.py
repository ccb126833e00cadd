"""Sokoban: pushes are those of a slow simulation, every level can be solved, and the solver's way is a shortest one."""

import random
from typing import Any, NamedTuple

import pytest

from mirrormatch import games
from mirrormatch.games import OVER, Action, Game, Problem

GAME = games.get("sokoban")
WAYS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
ROOM = ("######", "#@$-.#", "#-$--#", "#--#.#", "#----#", "######")
VARIANTS = ("sokoban", "sokoban:boxes=1", "sokoban:boxes=3", "sokoban:size=7")


class Slow(NamedTuple):
    """A room as sets of squares."""

    walls: frozenset[tuple[int, int]]
    goals: frozenset[tuple[int, int]]
    boxes: frozenset[tuple[int, int]]
    player: tuple[int, int]


def parse_room(cells: str) -> Slow:
    squares = {(r, c): x for r, line in enumerate(cells.splitlines()) for c, x in enumerate(line)}
    (player,) = (at for at, x in squares.items() if x in "@+")
    walls, goals, boxes = (frozenset(at for at, x in squares.items() if x in of) for of in ("#", ".*+", "$*"))
    return Slow(walls, goals, boxes, player)


def step_slowly(room: Slow, move: Action) -> Slow | None:
    """The room after a step; None where the way is blocked."""
    dr, dc = WAYS[move]
    ahead = (room.player[0] + dr, room.player[1] + dc)
    beyond = (ahead[0] + dr, ahead[1] + dc)
    if ahead in room.walls:
        return None
    if ahead in room.boxes:
        if beyond in room.walls | room.boxes:
            return None
        return room._replace(player=ahead, boxes=room.boxes - {ahead} | {beyond})
    return room._replace(player=ahead)


def search_distance(room: Slow) -> int | None:
    """Number of moves of a shortest solution, by a forward search."""
    known, frontier, distance = {room}, [room], 0
    while frontier:
        if any(r.boxes == r.goals for r in frontier):
            return distance
        stepped = {new for r in frontier for move in WAYS if (new := step_slowly(r, move)) is not None}
        frontier, distance = list(stepped - known), distance + 1
        known |= stepped
    return None


def play_moves(*moves: str, rows: tuple[str, ...] = ROOM) -> Any:
    state = GAME.apply(GAME.start(), "1")._replace(cells="\n".join(rows))
    for move in moves:
        state = GAME.apply(state, move)
    return state


def list_levels(game: Game[Any, Any], num: int) -> list[Any]:
    return [game.apply(game.start(), number) for number, _ in game.chance(game.start())[:num]]


def play_solver(game: Game[Any, Any], state: Any) -> tuple[float, int]:
    """The solver's return and the number of its moves."""
    num_moves = 0
    while game.to_act(state) != OVER:
        state, num_moves = game.apply(state, game.solution(game.view(state, 0))[0][0]), num_moves + 1
    return game.returns(state)[0], num_moves


# moves


@pytest.mark.parametrize("name", VARIANTS)
def test_random_games_are_those_of_a_slow_simulation(name: str) -> None:
    game, rng = games.get(name), random.Random(8)
    for state in list_levels(game, 150):
        room, num_moves = parse_room(state.cells), 0
        while game.to_act(state) != OVER:
            possible = {move: new for move in WAYS if (new := step_slowly(room, move)) is not None}
            assert game.legal(state) == tuple(sorted(possible))
            move = rng.choice(sorted(possible))
            state, room, num_moves = game.apply(state, move), possible[move], num_moves + 1
            assert parse_room(state.cells) == room
        stored, num_boxes = len(room.boxes & room.goals), len(room.boxes)
        assert stored == num_boxes or num_moves == game.info.max_turns == 20 * num_boxes
        assert game.returns(state) == (1.0 if stored == num_boxes else 0.5 * stored / num_boxes,)


def test_a_box_is_pushed_on() -> None:
    assert play_moves("right").cells.splitlines()[1] == "#-@$.#"


def test_a_box_pushed_to_a_goal_is_shown_so() -> None:
    assert play_moves("right", "right").cells.splitlines()[1] == "#--@*#"


def test_two_boxes_in_a_row_are_too_heavy() -> None:
    assert GAME.legal(play_moves(rows=("######", "#@$$.#", "#----#", "#---.#", "#----#", "######"))) == ("down",)


def test_a_goal_reappears_when_the_player_leaves_it() -> None:
    state = play_moves(rows=("######", "#+---#", "#-$--#", "#-$-.#", "#----#", "######"))
    assert GAME.apply(state, "right").cells.splitlines()[1] == "#.@--#"


def test_a_push_against_a_wall_is_refused() -> None:
    state = play_moves(rows=("######", "#$@--#", "#----#", "#-$..#", "#----#", "######"))
    with pytest.raises(ValueError, match="blocked"):
        GAME.apply(state, "left")


def test_all_boxes_on_goals_end_the_game_with_one() -> None:
    state = play_moves("right", rows=("######", "#@$.-#", "#----#", "#--*-#", "#----#", "######"))
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (1.0,)


def test_one_box_of_two_earns_a_quarter_when_time_is_up() -> None:
    state = play_moves("right", "right", *["left", "right"] * 19)
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (0.25,)


@pytest.mark.parametrize(("text", "move"), [("Right.", "right"), ("[D]", "down"), ("push right", "right")])
def test_a_direction_is_read_in_many_spellings(text: str, move: Action) -> None:
    assert GAME.parse(play_moves(), text) == move


@pytest.mark.parametrize("text", ["right, right", "right down", "I push right", "up", "left"])
def test_several_moves_and_blocked_ones_are_no_move(text: str) -> None:
    assert isinstance(GAME.parse(play_moves(), text), Problem)


# levels


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_level_has_its_boxes_and_as_many_free_goals(name: str) -> None:
    game = games.get(name)
    for state in list_levels(game, 512):
        room = parse_room(state.cells)
        assert len(room.boxes) == len(room.goals) == game.info.max_turns // 20 and not room.boxes & room.goals


@pytest.mark.parametrize("name", VARIANTS)
def test_a_level_is_walled_in(name: str) -> None:
    for state in list_levels(games.get(name), 512):
        lines = state.cells.splitlines()
        assert {*lines[0], *lines[-1], *(line[0] + line[-1] for line in lines)} == {"#", "##"}


@pytest.mark.parametrize("name", VARIANTS)
def test_there_are_many_levels(name: str) -> None:
    assert len({state.cells for state in list_levels(games.get(name), 512)}) > 450


@pytest.mark.parametrize("name", VARIANTS)
def test_a_level_takes_four_to_ten_moves_for_each_box(name: str) -> None:
    game = games.get(name)
    for state in list_levels(game, 15):
        num_boxes = game.info.max_turns // 20
        assert (distance := search_distance(parse_room(state.cells))) is not None
        assert 4 * num_boxes <= distance <= 10 * num_boxes


# the solver


@pytest.mark.parametrize("name", VARIANTS)
def test_the_solver_solves_every_level(name: str) -> None:
    game = games.get(name)
    assert {play_solver(game, state)[0] for state in list_levels(game, 100)} == {1.0}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_solver_goes_a_shortest_way(name: str) -> None:
    game = games.get(name)
    for state in list_levels(game, 15):
        assert play_solver(game, state)[1] == search_distance(parse_room(state.cells))


def test_the_solver_goes_a_shortest_way_from_positions_of_random_play() -> None:
    rng, num_solved = random.Random(9), 0
    for state in list_levels(GAME, 40):
        for _ in range(6):
            state = GAME.apply(state, rng.choice(GAME.legal(state) or ()))
        distance = search_distance(parse_room(state.cells))
        won, num_moves = play_solver(GAME, state) if GAME.to_act(state) != OVER else (1.0, 0)
        assert (won == 1.0) == (distance is not None) and (distance is None or num_moves == distance)
        num_solved += distance is not None
    assert 5 < num_solved < 40


def test_a_lost_position_still_gets_a_move() -> None:
    state = play_moves(rows=("######", "#$@--#", "#----#", "#-$..#", "#----#", "######"))
    assert GAME.solution(GAME.view(state, 0))[0][0] in (GAME.legal(state) or ())


def test_random_play_seldom_solves_a_level() -> None:
    ((mean,),) = games.playouts(GAME, [GAME.start()], 300, random.Random(10))
    assert mean < 0.2
