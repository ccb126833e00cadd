"""Nim is OpenSpiel's, and Bouton's theorem agrees with a search of the whole game."""

import itertools
import random
from functools import cache
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import games
from mirrormatch.games import OVER, Action, Problem, ProblemKind
from mirrormatch.games.board.nim import PILES, NimSettings, Piles, View

GAME = games.get("nim")
NORMAL = games.get("nim:play=normal")


def their_game(piles: str, play: str) -> Any:
    return pyspiel.load_game("nim", {"pile_sizes": piles.replace("-", ";"), "is_misere": play == "misere"})


def their_action(ours: Any, action: Action, other: Any) -> int:
    """OpenSpiel's number of a move: (how many - 1) * piles + pile."""
    return (int(action[1:]) - 1) * len(ours.left) + "abcde".index(action[0])


@cache
def is_winning(left: tuple[int, ...], misere: bool) -> bool:
    """Whether the player to move can force a win, by exhaustive search."""
    if not any(left):
        return misere  # the other has just taken the last object
    return any(
        not is_winning((*left[:k], rest, *left[k + 1 :]), misere) for k, size in enumerate(left) for rest in range(size)
    )


def moves_to_lost(left: tuple[int, ...], misere: bool) -> set[Action]:
    return {
        f"{'abcde'[k]}{size - rest}"
        for k, size in enumerate(left)
        for rest in range(size)
        if not is_winning((*left[:k], rest, *left[k + 1 :]), misere)
    }


# rules


@pytest.mark.parametrize("play", ["misere", "normal"])
@pytest.mark.parametrize("piles", PILES)
def test_it_is_openspiels_nim(piles: str, play: str) -> None:
    num_games = 2_000 if piles == NimSettings().piles else 200
    agree(games.get(f"nim:piles={piles},play={play}"), their_game(piles, play), their_action, num_games)


def test_the_defaults_are_openspiels() -> None:
    default = pyspiel.load_game("nim").new_initial_state()
    assert str(default) == str(their_game(NimSettings().piles, NimSettings().play).new_initial_state())


def test_who_takes_the_last_object_loses_the_misere_game() -> None:
    assert GAME.returns(Piles((0, 0, 0, 0), to_move=1)) == (-1.0, 1.0)


def test_who_takes_the_last_object_wins_the_normal_game() -> None:
    assert NORMAL.returns(Piles((0, 0, 0, 0), to_move=1)) == (1.0, -1.0)


def test_every_part_of_the_piles_comes_up() -> None:
    found, waiting = {GAME.start()}, [GAME.start()]
    while waiting:
        state = waiting.pop()
        new = {GAME.apply(state, action) for action in GAME.legal(state) or ()} - found
        found |= new
        waiting += new
    assert len({state.left for state in found}) == 384  # 2 * 4 * 6 * 8


@pytest.mark.parametrize("text", [
    "b2", "B2", "[b 2]", "B: 2", "2 from b", "take 2 from B", "Take 2 from pile B.", "pile b, take 2",
])  # fmt: skip
def test_a_move_is_written_in_many_ways(text: str) -> None:
    assert GAME.parse(GAME.start(), text) == "b2"


@pytest.mark.parametrize("text", ["2", "b", "2b", "b0", "b-2", "f1", "take 2", "b2 c1", "not b2", "b2 or b3"])
def test_what_names_no_pile_or_number_is_no_move(text: str) -> None:
    assert isinstance(GAME.parse(GAME.start(), text), Problem)


def test_more_than_is_left_cannot_be_taken() -> None:
    problem = GAME.parse(GAME.apply(GAME.start(), "b2"), "b2")
    assert isinstance(problem, Problem) and problem.kind is ProblemKind.ILLEGAL


def test_the_piles_are_shown() -> None:
    state = GAME.apply(GAME.start(), "d7")
    assert GAME.observe(state, 1).text == "You are the second player.\nPiles: A 1, B 3, C 5, D 0."


def test_the_rules_say_who_wins() -> None:
    assert ("loses" in GAME.rules(), "loses" in NORMAL.rules()) == (True, False)


# the solution


@pytest.mark.parametrize("misere", [True, False])
def test_the_theorem_holds_for_every_position_of_up_to_four_piles_of_five(misere: bool) -> None:
    game = GAME if misere else NORMAL
    for left in itertools.product(range(6), repeat=4):
        if any(left):
            solved = {action for action, _ in game.solution(View(0, left, 0))}
            winning = moves_to_lost(left, misere)
            assert solved == (winning or set(game.legal(Piles(left, 0)) or ())), left


@pytest.mark.parametrize(
    ("piles", "play", "winner"),
    [("1-3-5-7", "misere", 1), ("1-3-5-7", "normal", 1), ("3-4-5", "misere", 0), ("1-2-3", "normal", 1)],
)
def test_the_start_is_won_by(piles: str, play: str, winner: int) -> None:
    left = tuple(map(int, piles.split("-")))
    assert is_winning(left, play == "misere") == (winner == 0)


@pytest.mark.parametrize("solver", [0, 1])
def test_the_solution_beats_random_play(solver: int) -> None:
    rng, won = random.Random(solver), 0
    for _ in range(200):
        state = GAME.start()
        while (role := GAME.to_act(state)) != OVER:
            solved = [a for a, _ in GAME.solution(GAME.view(state, role))] if role == solver else None
            state = GAME.apply(state, rng.choice(solved or GAME.legal(state) or ()))
        won += GAME.returns(state)[solver] == 1.0
    assert won >= (200 if solver == 1 else 180)  # the second player never loses
