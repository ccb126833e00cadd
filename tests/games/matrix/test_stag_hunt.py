"""The stag hunt is OpenSpiel's repeated matrix game of the same payoffs, and its solution answers trust with trust."""

import asyncio
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import agents, games, play
from mirrormatch.games import Action, Problem

GAME = games.get("stag_hunt")
ACTIONS = {"hare": 0, "stag": 1}


def reach(*moves: Action, name: str = "stag_hunt") -> Any:
    state = games.get(name).start()
    for move in moves:
        state = games.get(name).apply(state, move)
    return state


def solver_move(role: int, *moves: Action) -> Action:
    ((move, probability),) = GAME.solution(GAME.view(reach(*moves), role))
    assert probability == 1
    return move


def test_random_games_agree_with_openspiel() -> None:
    stage = pyspiel.create_matrix_game([[3, 3], [0, 4]], [[3, 0], [3, 4]])
    theirs = pyspiel.create_repeated_game(stage, {"num_repetitions": 5, "enable_infostate": False})
    positions = agree(GAME, pyspiel.convert_to_turn_based(theirs), lambda _, action, __: ACTIONS[action])
    assert positions == 2_000 * 10


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("stag", "stag", (4, 4)), ("stag", "hare", (0, 3)), ("hare", "stag", (3, 0)), ("hare", "hare", (3, 3))],
)
def test_a_round_pays_what_the_rules_say(first: Action, second: Action, expected: tuple[float, float]) -> None:
    one_shot = games.get("stag_hunt:rounds=1")
    assert one_shot.returns(reach(first, second, name="stag_hunt:rounds=1")) == expected


def test_points_add_up_over_the_rounds() -> None:
    moves = ("stag", "stag", "stag", "hare", "hare", "hare", "hare", "stag", "stag", "stag")
    assert GAME.returns(reach(*moves)) == (14, 14)  # 4+0+3+3+4 and 4+3+3+0+4


@pytest.mark.parametrize("past", [(), ("stag", "hare")])
def test_the_second_does_not_see_what_the_first_has_just_chosen(past: tuple[Action, ...]) -> None:
    shown = {GAME.observe(reach(*past, move), 1) for move in ("stag", "hare")}
    assert len(shown) == 1


def test_the_solver_hunts_the_stag_at_first() -> None:
    assert (solver_move(0), solver_move(1, "hare")) == ("stag", "stag")  # the second hasn't seen the hare yet


@pytest.mark.parametrize("past", [("stag", "hare"), ("hare", "stag"), ("hare", "hare", "stag", "stag")])
def test_after_a_hare_the_solver_hunts_hares(past: tuple[Action, ...]) -> None:
    assert (solver_move(0, *past), solver_move(1, *past, "stag")) == ("hare", "hare")


def test_the_solver_goes_on_with_stags_while_both_do() -> None:
    assert solver_move(0, "stag", "stag", "stag", "stag") == "stag"


@pytest.mark.parametrize("past", [(), ("stag", "hare")])
@pytest.mark.parametrize("role", [0, 1])
def test_no_player_gains_by_leaving_the_solution_in_one_round(past: tuple[Action, ...], role: int) -> None:
    # The solution's later moves don't depend on a deviation in the last round, so one round is enough.
    pays = {("stag", "stag"): 4, ("stag", "hare"): 0, ("hare", "stag"): 3, ("hare", "hare"): 3}
    move, other = solver_move(role, *past, *(["stag"] * role)), solver_move(1 - role, *past, *(["stag"] * (1 - role)))
    assert pays[move, other] == max(pays[mine, other] for mine in ("stag", "hare"))


def test_solvers_get_4_a_round() -> None:
    solver = agents.get("optimal")
    assert asyncio.run(play(GAME, [solver, solver], 0)).returns == (20, 20)


@pytest.mark.parametrize("seat", [0, 1])
def test_the_solver_beats_the_random_player(seat: int) -> None:
    seats = [agents.get("random"), agents.get("random")]
    seats[seat] = agents.get("optimal")

    async def play_games() -> list[tuple[float, ...]]:
        return [(await play(GAME, seats, seed)).returns for seed in range(200)]

    returns = asyncio.run(play_games())
    mine, others = (sum(r[role] for r in returns) / len(returns) for role in (seat, 1 - seat))
    assert mine > others + 1


def test_the_seats_are_equal() -> None:
    path = ("stag", "hare", "stag", "stag")
    assert games.get("stag_hunt:rounds=2").swap_seats(path) == ("hare", "stag", "stag", "stag")


def test_who_fails_to_move_gets_nothing_and_the_other_keeps_its_points() -> None:
    assert GAME.forfeit_returns(reach("stag", "stag"), 0) == (0, 14)  # 4, and 4 rounds of (3+0+3+4) / 4 on average


@pytest.mark.parametrize("text", ["stag", "[Stag]", "S", "hunt stag", " stag. "])
def test_a_move_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(reach(), text) == "stag"


@pytest.mark.parametrize("text", ["stag or hare", "not stag", "I hunt the stag", "deer", ""])
def test_a_sentence_is_no_move(text: str) -> None:
    assert isinstance(GAME.parse(reach(), text), Problem)
