"""Countdown: expressions have their value in Python, and every puzzle is solved."""

import ast
import random
import re
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch import games
from mirrormatch.games import OVER, Game, Problem, ProblemKind

GAME = games.get("countdown")
VARIANTS = [f"countdown:numbers={n},highest={h}" for n in (3, 4, 5, 6) for h in (50, 100, 999)]
NUMBERS, TARGET = (3, 4, 6, 8), 30
scribble = st.text(st.sampled_from("0123456789+-*/() =x×.[]$"), max_size=30)


def lay_out(*tries: str, numbers: tuple[int, ...] = NUMBERS, target: int = TARGET) -> Any:
    """The state with these numbers on the table after the tries, each read as an agent's reply."""
    state = GAME.apply(GAME.start(), "1")._replace(numbers=numbers, target=target)
    for text in tries:
        move = GAME.parse(state, text)
        assert not isinstance(move, Problem), f"{text!r}: {move}"
        state = GAME.apply(state, move)
    return state


def problem_of(text: str, numbers: tuple[int, ...] = NUMBERS) -> ProblemKind:
    move = GAME.parse(lay_out(numbers=numbers), text)
    assert isinstance(move, Problem), f"{text!r} was read as {move!r}"
    return move.kind


def evaluate_slowly(expression: str) -> Fraction:
    """The exact value of an expression, by Python's own grammar."""

    def of(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, int)
            return Fraction(node.value)
        assert isinstance(node, ast.BinOp), expression
        left, right = of(node.left), of(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        assert isinstance(node.op, ast.Div), expression
        return left / right

    return of(ast.parse(expression, mode="eval").body)


def draw_expression(numbers: list[int], rng: random.Random) -> str:
    """Draws a random tree over the numbers, with random parentheses and spaces."""
    if len(numbers) == 1:
        text = str(numbers[0])
    else:
        cut = rng.randrange(1, len(numbers))
        left, right = draw_expression(numbers[:cut], rng), draw_expression(numbers[cut:], rng)
        space = " " * rng.randrange(3)
        text = f"{left}{space}{rng.choice('+-*/')}{space}{right}"
    return f"({text})" if rng.random() < 0.4 else text


def find_all_values(numbers: tuple[int, ...]) -> set[Fraction]:
    """Every value that some of the numbers make, by combining any two again and again."""
    found, seen, waiting = set[Fraction](), set[tuple[Fraction, ...]](), [tuple(map(Fraction, sorted(numbers)))]
    while waiting:
        left = waiting.pop()
        if left in seen:
            continue
        seen.add(left)
        found |= set(left)
        for i in range(len(left)):
            for j in range(len(left)):
                if i != j:
                    a, b = left[i], left[j]
                    rest = [x for k, x in enumerate(left) if k not in (i, j)]
                    made = [a + b, a - b, a * b] + ([a / b] if b else [])
                    waiting += [tuple(sorted([*rest, m])) for m in made]
    return found


def list_puzzles(game: Game[Any, Any], num: int = 512) -> list[Any]:
    return [game.apply(game.start(), number) for number, _ in game.chance(game.start())[:num]]


# reading


def test_expressions_have_the_values_of_python() -> None:
    rng, num_read = random.Random(11), 0
    for _ in range(3_000):
        numbers = [rng.randint(1, 12) for _ in range(rng.randint(2, 6))]
        text = draw_expression(numbers, rng)
        move = GAME.parse(state := lay_out(numbers=tuple(numbers)), text)
        try:
            value = evaluate_slowly(text)
        except ZeroDivisionError:
            assert isinstance(move, Problem) and move.kind is ProblemKind.ILLEGAL
            continue
        assert isinstance(move, str) and evaluate_slowly(move) == value
        assert GAME.apply(state, move).tries[-1].value == str(value)
        num_read += 1
    assert num_read > 2_500


@pytest.mark.slow
@given(scribble)
def test_everything_that_is_read_is_an_expression_in_python_too(text: str) -> None:
    move = GAME.parse(lay_out(), text)
    if not isinstance(move, Problem):
        assert not Counter(re.findall(r"\d+", move)) - Counter(map(str, NUMBERS))
        assert GAME.apply(lay_out(), move).tries[-1] == (move, str(evaluate_slowly(move)))
        assert GAME.parse(lay_out(), move) == move


@pytest.mark.parametrize("text", [
    "(4 + 6) * 3", "(4+6)*3", "(4 + 6) × 3", "(4 + 6) x 3", "(4+6)x3", r"$(4 + 6) \times 3$", "`(4 + 6) * 3`",
    "(4 + 6) * 3 = 30", "[(4 + 6) * 3]", '"(4 + 6) * 3."', r"\left(4 + 6\right) \cdot 3", "(04 + 6) * 3",
])  # fmt: skip
def test_an_expression_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(lay_out(), text) == "(4 + 6) * 3"


@pytest.mark.parametrize("text", [
    "", "30", "3 4", "3 +", "+ 3", "-3 + 4", "3 + -4", "(3 + 4", "3 + 4)", "()", "3 ** 4", "9**9**9", "3 // 4", "3(4)",
    "(3)(4)", "3 + 4, 6", "3 + 4 or 6", "3 + 4; 6 * 8", "I would say 3 + 4", "three + four", "3 + 4 = 7 = 7", "3.0 + 4",
    "3 ^ 4", "0x3", "3_4", "__import__('os')", "3 + 4\n6 + 8", "٣ + 4", "3!", "30 = 3 + 4", "1" * 5_000, "(" * 5_000,
    "(" * 100 + "3" + ")" * 100,
])  # fmt: skip
def test_what_is_no_single_expression_of_the_numbers_is_no_move(text: str) -> None:
    assert problem_of(text) in (ProblemKind.NONE, ProblemKind.ILLEGAL, ProblemKind.TOO_LONG)


@pytest.mark.parametrize("text", ["3 + 5", "3 + 3", "4 * 4", "34 + 6", "8 / (6 - 3 - 3)"])
def test_a_number_that_is_not_there_or_used_up_is_illegal(text: str) -> None:
    assert problem_of(text) is ProblemKind.ILLEGAL


def test_a_number_that_lies_there_twice_may_be_used_twice() -> None:
    assert GAME.parse(lay_out(numbers=(3, 3, 4)), "3 * 3") == "3 * 3"


def test_a_division_by_zero_is_illegal() -> None:
    assert problem_of("8 / (3 - 3)", numbers=(3, 3, 8)) is ProblemKind.ILLEGAL


# the game


def test_the_target_wins_at_once() -> None:
    state = lay_out("(4 + 6) * 3")
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (1.0,)


def test_the_target_may_be_made_by_way_of_fractions() -> None:
    assert GAME.returns(lay_out("8 / (3 - 8 / 3)", numbers=(3, 3, 8, 8), target=24)) == (1.0,)


def test_three_wrong_tries_lose() -> None:
    state = lay_out("3 + 4", "3 + 4", "6 * 8")
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (0.0,)


def test_the_third_try_still_wins() -> None:
    assert GAME.returns(lay_out("3 + 4", "6 * 8", "(4 + 6) * 3")) == (1.0,)


def test_a_try_is_shown_with_its_value_and_the_difference() -> None:
    text = GAME.observe(lay_out("6*8", "8/(3*4)"), 0).text
    assert text.splitlines() == [
        "Numbers: 3, 4, 6, 8. Target: 30.",
        "You tried 6 * 8 = 48: 18 too high.",
        "You tried 8 / (3 * 4) = 2/3: 88/3 too low.",
        "Tries left: 1.",
    ]


# puzzles and their solutions


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_the_solver_solves_every_puzzle(name: str) -> None:
    game = games.get(name)
    for state in list_puzzles(game, 200):
        ((move, _),) = game.solution(game.view(state, 0))
        assert evaluate_slowly(move) == state.target
        assert not Counter(map(int, re.findall(r"\d+", move))) - Counter(state.numbers)
        assert game.returns(game.apply(state, move)) == (1.0,)


@pytest.mark.parametrize("name", VARIANTS)
def test_puzzles_follow_the_settings(name: str) -> None:
    game = games.get(name)
    num, highest = (int(part.partition("=")[2]) for part in name.partition(":")[2].split(","))
    for state in list_puzzles(game):
        assert len(state.numbers) == num and 10 <= state.target <= highest and state.target not in state.numbers
        assert max(state.numbers) <= (100 if highest > 100 else 10)


def test_there_are_many_puzzles() -> None:
    assert len(set(list_puzzles(GAME))) > 480


def test_the_targets_are_among_all_that_the_numbers_make() -> None:
    assert all(Fraction(state.target) in find_all_values(state.numbers) for state in list_puzzles(GAME, 10))


def test_random_expressions_seldom_make_the_target() -> None:
    ((mean,),) = games.playouts(GAME, [GAME.start()], 1_000, random.Random(12))
    assert mean < 0.15
