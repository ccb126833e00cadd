"""Number poker is solved exactly in every deal: against a second implementation by enumeration, and by hand."""

import itertools
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from tests.games.playing import play_game

from mirrormatch import games
from mirrormatch.games import CHANCE, Action
from mirrormatch.games.cards.number_poker import BETS, HALVES, STRONG_IN, TURNS_IN, Numbers, solve_deal

GAME = games.get("number_poker")
ALL = [Numbers(*numbers) for numbers in itertools.product(HALVES, BETS, STRONG_IN, TURNS_IN)]
SOME = random.Random(3).sample(ALL, 300)
PURE = list(itertools.product((True, False), repeat=2))  # whether a strong and a weak hand bets


def reach(numbers: tuple[int, int, int, int], *actions: Action) -> Any:
    half, bet, strong_in, turns_in = numbers
    state = GAME.start()
    for action in (f"half {half}", f"bet {bet}", f"strong in {strong_in}", f"turns in {turns_in}", *actions):
        state = GAME.apply(state, action)
    return state


def win(numbers: Numbers, bets: tuple[Fraction, Fraction], call: Fraction) -> Fraction:
    """The first player's mean return if its hands bet and the second player calls with these probabilities."""
    turns, strong = Fraction(numbers.turns_in, 10), Fraction(numbers.strong_in, 10)
    total = Fraction()
    for share, better, bet in ((strong, 1, bets[0]), (1 - strong, -1, bets[1])):
        edge = better * ((1 - turns) - turns)
        called = edge * (numbers.half + numbers.bet)
        total += share * (bet * (call * called + (1 - call) * numbers.half) + (1 - bet) * edge * numbers.half)
    return total


def value_by_enumeration(numbers: Numbers) -> Fraction:
    """The value: the second player's best mixture against the best of four pure strategies, at a corner or crossing."""
    calls = {Fraction(0), Fraction(1)}
    pure = [(Fraction(a), Fraction(b)) for a, b in PURE]
    for one, other in itertools.combinations(pure, 2):
        at_0, at_1 = (win(numbers, one, Fraction(c)) - win(numbers, other, Fraction(c)) for c in (0, 1))
        if at_0 != at_1 and 0 <= (crossing := at_0 / (at_0 - at_1)) <= 1:
            calls.add(crossing)
    return min(max(win(numbers, bets, call) for bets in pure) for call in calls)


def walk_deal(numbers: Numbers) -> Iterator[tuple[float, float]]:
    """The probability and the first player's return of each end of a deal, by the game's own rules and solution."""
    waiting: list[tuple[Any, float]] = [(reach(numbers), 1.0)]
    while waiting:
        state, reached = waiting.pop()
        role = GAME.to_act(state)
        if role == games.OVER:
            yield reached, GAME.returns(state)[0]
            continue
        options = GAME.chance(state) if role == CHANCE else GAME.solution(GAME.view(state, role))
        waiting += [(GAME.apply(state, action), reached * p) for action, p in options]


@pytest.mark.parametrize("numbers", SOME[:60], ids=str)
def test_the_solution_is_worth_what_enumeration_finds(numbers: Numbers) -> None:
    value = sum(p * won for p, won in walk_deal(numbers))
    assert value == pytest.approx(float(value_by_enumeration(numbers)))


def test_no_player_gains_against_the_solution_in_any_deal() -> None:
    for numbers in SOME:
        bluffing, calling = map(Fraction, solve_deal(numbers))
        value = float(value_by_enumeration(numbers))
        best_first = max(win(numbers, (Fraction(a), Fraction(b)), calling) for a, b in PURE)
        best_second = min(win(numbers, (Fraction(1), bluffing), Fraction(call)) for call in (0, 1))
        assert float(best_first) == pytest.approx(value) and float(best_second) == pytest.approx(value)


def test_a_deal_is_solved_as_by_hand() -> None:
    """Pot 12, bet 6, no last card that turns: a call costs 6 to win 18, so one bet in four may be a bluff."""
    bluffing, calling = solve_deal(Numbers(half=6, bet=6, strong_in=5, turns_in=0))
    assert bluffing == pytest.approx(1 / 3) and calling == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (Numbers(1, 20, 9, 0), (1.0, 0.0)),  # nearly always strong, and the call is dear
        (Numbers(10, 1, 9, 4), (0.0, 1.0)),  # 21 chips for 1 and a last card that turns 4 times in 10
    ],
)
def test_clear_odds_need_no_mixture(numbers: Numbers, expected: tuple[float, float]) -> None:
    assert solve_deal(numbers) == expected


@pytest.mark.parametrize(
    ("actions", "won"),
    [
        (("strong", "check", "holds"), 3.0),
        (("strong", "check", "turns"), -3.0),
        (("weak", "check", "holds"), -3.0),
        (("weak", "bet", "fold"), 3.0),
        (("weak", "bet", "call", "holds"), -8.0),
        (("weak", "bet", "call", "turns"), 8.0),
        (("strong", "bet", "call", "holds"), 8.0),
    ],
)
def test_every_end_pays_what_the_rules_say(actions: tuple[Action, ...], won: float) -> None:
    assert GAME.returns(reach((3, 5, 4, 2), *actions)) == (won, -won)


def test_a_fold_keeps_the_hand_hidden() -> None:
    strong, weak = (GAME.observe(reach((3, 5, 4, 2), hand, "bet", "fold"), 1).text for hand in ("strong", "weak"))
    assert strong == weak


def test_deals_hardly_ever_repeat() -> None:
    deals = [play_game(GAME, (True, True), seed)[0].drawn for seed in range(200)]
    assert len(ALL) == 9_000 and len(set(deals)) > 190


def test_the_better_answer_depends_on_the_numbers() -> None:
    """No constant answer is close to the solution: the calling probability covers all of its range."""
    calls = [solve_deal(numbers)[1] for numbers in ALL]
    assert min(calls) == 0.0 and max(calls) == 1.0
    assert sum(0.2 < call < 0.9 for call in calls) > len(calls) / 3
