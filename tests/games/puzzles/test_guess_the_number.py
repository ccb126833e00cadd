"""Guess the number: the answers are true, and no strategy beats bisection."""

import functools
import math
import random
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.games import OVER, Action, Game, Problem

GAME = games.get("guess_the_number")
VARIANTS = ("numbers=10", "numbers=20", "numbers=100", "numbers=20,spare=-1", "numbers=100,spare=-2")


def play_guesses(secret: int, *guesses: str, game: Game[Any, Any] = GAME) -> Any:
    state = game.apply(game.start(), str(secret))
    for text in guesses:
        move = game.parse(state, text)
        assert not isinstance(move, Problem), f"{text!r}: {move}"
        state = game.apply(state, move)
    return state


def shown_lines(state: Any) -> list[str]:
    return GAME.observe(state, 0).text.splitlines()


def play_solver(game: Game[Any, Any], secret: int) -> tuple[float, int]:
    """The solver's return for a secret, and the number of its guesses."""
    state, num_guesses = play_guesses(secret, game=game), 0
    while game.to_act(state) != OVER:
        ((action, _),) = game.solution(game.view(state, 0))
        state, num_guesses = game.apply(state, action), num_guesses + 1
    return game.returns(state)[0], num_guesses


@functools.cache
def count_findable(num_left: int, num_guesses: int) -> int:
    """Number of remaining numbers that the best strategy finds, by trying every first guess."""
    if not num_left or not num_guesses:
        return 0
    return 1 + max(
        count_findable(lower, num_guesses - 1) + count_findable(num_left - 1 - lower, num_guesses - 1)
        for lower in range(num_left)
    )


def test_a_low_guess_is_answered_with_higher() -> None:
    assert shown_lines(play_guesses(31, "25"))[0] == "You guessed 25: the number is higher than 25."


def test_a_high_guess_is_answered_with_lower() -> None:
    assert shown_lines(play_guesses(31, "37"))[0] == "You guessed 37: the number is lower than 37."


def test_the_number_itself_wins() -> None:
    assert GAME.returns(play_guesses(31, "25", "31")) == (1.0,)


def test_six_wrong_guesses_lose() -> None:
    assert GAME.returns(play_guesses(31, *"123456")) == (0.0,)


def test_the_last_guess_still_wins() -> None:
    assert GAME.returns(play_guesses(5, *"123465")) == (1.0,)


def test_a_guess_in_words_is_the_number() -> None:
    assert GAME.parse(play_guesses(31), "Guess 7.") == "7"


@pytest.mark.parametrize("text", ["0", "51", "-7", "7.5", "seven", "7 or 8", "between 7 and 9", "07", "٧", "7 8"])
def test_what_is_no_number_of_the_range_is_no_move(text: str) -> None:
    assert isinstance(GAME.parse(play_guesses(31), text), Problem)


def test_the_answers_are_those_of_a_slow_referee() -> None:
    rng = random.Random(3)
    for _ in range(300):
        secret, state, told = rng.randint(1, 50), None, list[str]()
        state = play_guesses(secret)
        while GAME.to_act(state) != OVER:
            guess = rng.choice(GAME.legal(state) or ())
            state = GAME.apply(state, guess)
            above = int(guess) in range(secret + 1, 51)
            told.append("" if int(guess) == secret else f"{'lower' if above else 'higher'} than {guess}.")
        assert all(line.endswith(t) for line, t in zip(shown_lines(state), told, strict=False))
        assert GAME.returns(state) == (float(not told[-1]),) and (len(told) == 6 or not told[-1])


def test_the_secret_is_shown_only_after_a_loss() -> None:
    assert not any("31" in line for line in shown_lines(play_guesses(31, *"12345")))
    assert shown_lines(play_guesses(31, *"123456"))[-1] == "You have lost: the number was 31."


def test_what_is_shown_depends_on_the_answers_alone() -> None:
    assert GAME.observe(play_guesses(31, "25", "40"), 0) == GAME.observe(play_guesses(39, "25", "40"), 0)


@pytest.mark.parametrize("numbers", (10, 20, 50, 100, 200, 500))
def test_as_many_guesses_as_the_logarithm_find_every_number(numbers: int) -> None:
    game = games.get(f"guess_the_number:numbers={numbers}")
    found = [play_solver(game, secret) for secret in range(1, numbers + 1)]
    assert {won for won, _ in found} == {1.0}
    assert max(count for _, count in found) == math.ceil(math.log2(numbers + 1)) == game.info.max_turns


@pytest.mark.parametrize("given", VARIANTS)
def test_no_strategy_finds_more_numbers_than_the_solver(given: str) -> None:
    game = games.get(f"guess_the_number:{given}")
    numbers = len(game.chance(game.start()))
    found = sum(play_solver(game, secret)[0] for secret in range(1, numbers + 1))
    assert found == count_findable(numbers, game.info.max_turns) == min(numbers, 2**game.info.max_turns - 1)


def test_the_solver_recovers_from_poor_guesses() -> None:
    state = play_guesses(31, "1", "2")
    moves = list[Action]()
    while GAME.to_act(state) != OVER:
        moves.append(GAME.solution(GAME.view(state, 0))[0][0])
        state = GAME.apply(state, moves[-1])
    assert moves == ["26", "38", "32", "29"]  # of 3-50, 27-50, 27-37, 27-31


def test_random_play_wins_one_game_in_nine() -> None:
    ((mean,),) = games.playouts(GAME, [GAME.start()], 2_000, random.Random(4))
    assert mean == pytest.approx(1 - (49 / 50) ** 6, abs=0.03)  # 0.114; the solver always wins
