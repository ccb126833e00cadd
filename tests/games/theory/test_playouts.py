"""Random playouts give the mean returns of uniform play."""

import random

import pytest

from mirrormatch import games

KUHN, TICTACTOE = games.get("kuhn_poker"), games.get("tictactoe")


def test_a_finished_game_gives_its_own_returns() -> None:
    state = TICTACTOE.start()
    for square in ("1", "4", "2", "5", "3"):
        state = TICTACTOE.apply(state, square)
    assert games.playouts(TICTACTOE, [state], 3, random.Random(0)) == [(1.0, -1.0)]


def test_each_state_has_its_own_mean() -> None:
    won = TICTACTOE.start()
    for square in ("1", "4", "2", "5", "3"):
        won = TICTACTOE.apply(won, square)
    of_start, of_won = games.playouts(TICTACTOE, [TICTACTOE.start(), won], 2_000, random.Random(1))
    # Uniform play from the empty board: X wins .5849 and O .2881 of the games (counted over all 255,168 of them).
    assert of_start[0] == pytest.approx(0.2968, abs=0.06)
    assert of_won == (1.0, -1.0)


def test_zero_sum_means_add_up_to_zero() -> None:
    (mean,) = games.playouts(KUHN, [KUHN.start()], 500, random.Random(2))
    assert sum(mean) == pytest.approx(0.0, abs=1e-12)


def test_chance_is_drawn_by_its_probabilities_and_free_text_is_sampled() -> None:
    trade = games.get("simple_negotiation")
    (mean,) = games.playouts(trade, [trade.start()], 20, random.Random(3))
    assert sum(mean) == pytest.approx(0.0, abs=1e-9)


def test_equal_generators_give_equal_means() -> None:
    again = [games.playouts(KUHN, [KUHN.start()], 50, random.Random(4)) for _ in range(2)]
    assert again[0] == again[1]
