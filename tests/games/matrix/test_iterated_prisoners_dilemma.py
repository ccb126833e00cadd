"""The iterated Prisoner's Dilemma is OpenSpiel's repeated matrix game of the same payoffs."""

import asyncio
import itertools
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import agents, games, play
from mirrormatch.games import Action, Problem

GAME = games.get("iterated_prisoners_dilemma")
ACTIONS = {"cooperate": 0, "defect": 1}
C, D = "cooperate", "defect"


def reach(*moves: Action, name: str = "iterated_prisoners_dilemma") -> Any:
    state = games.get(name).start()
    for move in moves:
        state = games.get(name).apply(state, move)
    return state


def solver_move(role: int, *moves: Action) -> Action:
    ((move, probability),) = GAME.solution(GAME.view(reach(*moves), role))
    assert probability == 1
    return move


def test_random_games_agree_with_openspiel() -> None:
    stage = pyspiel.create_matrix_game([[3, 0], [5, 1]], [[3, 5], [0, 1]])
    theirs = pyspiel.create_repeated_game(stage, {"num_repetitions": 10, "enable_infostate": False})
    positions = agree(GAME, pyspiel.convert_to_turn_based(theirs), lambda _, action, __: ACTIONS[action])
    assert positions == 2_000 * 20


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(C, C, (3, 3)), (C, D, (0, 5)), (D, C, (5, 0)), (D, D, (1, 1))]
)
def test_a_round_pays_what_the_rules_say(first: Action, second: Action, expected: tuple[float, float]) -> None:
    name = "iterated_prisoners_dilemma:rounds=1"
    assert games.get(name).returns(reach(first, second, name=name)) == expected


def test_points_add_up_over_the_rounds() -> None:
    name = "iterated_prisoners_dilemma:rounds=4"
    assert games.get(name).returns(reach(C, C, C, D, D, C, D, D, name=name)) == (9, 9)  # 3+0+5+1 and 3+5+0+1


def test_there_are_as_many_rounds_as_the_setting_says() -> None:
    assert [games.get(f"iterated_prisoners_dilemma:rounds={k}").info.max_turns for k in (1, 50)] == [2, 100]


@pytest.mark.parametrize("past", [(), (C, D)])
def test_the_second_does_not_see_what_the_first_has_just_chosen(past: tuple[Action, ...]) -> None:
    assert len({GAME.observe(reach(*past, move), 1) for move in (C, D)}) == 1


def test_both_see_the_round_when_it_is_over() -> None:
    first, second = (GAME.observe(reach(C, D), role).text for role in (0, 1))
    assert "Round 1: you cooperate, other defect; you got 0, other got 5." in first
    assert "Round 1: you defect, other cooperate; you got 5, other got 0." in second


def test_the_first_sees_its_own_waiting_choice() -> None:
    assert GAME.observe(reach(D), 0).text.endswith("You have chosen defect.")


def test_the_solver_cooperates_with_itself_until_the_last_round() -> None:
    solver = agents.get("optimal")
    episode = asyncio.run(play(GAME, [solver, solver], 0))
    assert [turn.action for turn in episode.turns] == [C] * 18 + [D] * 2


def test_the_solver_never_forgives() -> None:
    assert solver_move(0, C, D, D, C) == solver_move(1, D, C, C, D, C) == D


def test_the_solver_does_not_take_its_own_defection_for_the_others() -> None:
    assert solver_move(0, D, C) == C


def test_the_solver_does_not_know_what_it_has_not_seen() -> None:
    assert solver_move(1, D) == C


def test_always_defecting_is_the_one_equilibrium_of_a_round() -> None:
    pays = {(C, C): (3, 3), (C, D): (0, 5), (D, C): (5, 0), (D, D): (1, 1)}
    stable = [
        (a, b)
        for a, b in itertools.product((C, D), repeat=2)
        if pays[a, b][0] == max(pays[x, b][0] for x in (C, D)) and pays[a, b][1] == max(pays[a, x][1] for x in (C, D))
    ]
    assert stable == [(D, D)]


@pytest.mark.parametrize("seat", [0, 1])
def test_the_solver_beats_the_random_player(seat: int) -> None:
    seats = [agents.get("random"), agents.get("random")]
    seats[seat] = agents.get("optimal")

    async def play_games() -> list[tuple[float, ...]]:
        return [(await play(GAME, seats, seed)).returns for seed in range(200)]

    returns = asyncio.run(play_games())
    mine, others = (sum(r[role] for r in returns) / len(returns) for role in (seat, 1 - seat))
    assert mine > others + 10


def test_the_seats_are_equal() -> None:
    assert GAME.swap_seats((C, D, D, D)) == (D, C, D, D)


def test_who_fails_to_move_gets_nothing_and_the_other_keeps_its_points() -> None:
    assert GAME.forfeit_returns(reach(C, C), 1) == (23.25, 0)  # 3, and 9 rounds of (3+0+5+1) / 4 on average


@pytest.mark.parametrize("text", ["defect", "[Defect]", "D", "choose defect", '"defect."'])
def test_a_move_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(reach(), text) == D


@pytest.mark.parametrize("text", ["defect or cooperate", "I won't defect", "cooperate defect", "peace", ""])
def test_a_sentence_is_no_move(text: str) -> None:
    assert isinstance(GAME.parse(reach(), text), Problem)
