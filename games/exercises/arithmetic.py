"""Arithmetic: two operands, then three, then two products."""

import random

from mirrormatch.games.exercises.types import Draft
from mirrormatch.games.exercises.words import count_chips


def make_level_1(rng: random.Random) -> Draft:
    """Two operands, results from 0 to 99."""
    sign = rng.choice("+-+-*")
    if sign == "*":
        a, b = rng.randint(2, 12), rng.randint(2, 8)
        text = rng.choice((f"What is {a} * {b}?", f"You win {a} chips {b} times. How many chips do you win?"))
        return Draft(text, f"{a}*{b}={a * b}.", str(a * b))
    a = rng.randint(2, 98)
    b = rng.randint(1, 99 - a if sign == "+" else a)
    verb = "win" if sign == "+" else "lose"
    story = f"You have {count_chips(a)} and {verb} {b}. How many chips do you have?"
    thinking, result = _work_out(a, (sign, b))
    return Draft(rng.choice((f"What is {a} {sign} {b}?", story)), thinking, str(result))


def make_level_2(rng: random.Random) -> Draft:
    """Three operands: sums up to 200, or the product of two numbers of two digits and a sum."""
    if rng.random() < 0.6:
        a, b, c = rng.randint(12, 49), rng.randint(12, 29), rng.randint(2, 50)
        sign = rng.choice("+-")
        tens, ones = b // 10 * 10, b % 10
        product = f"{a}*{tens}={a * tens}. " + (
            f"{a}*{ones}={a * ones}. {a * tens}+{a * ones}={a * b}. " if ones else ""
        )
        thinking, result = _work_out(a * b, (sign, c))
        return Draft(f"What is {a} * {b} {sign} {c}?", product + thinking, str(result))
    a = rng.randint(20, 80)
    first, second = rng.choice("+-"), rng.choice("+-")
    b = rng.randint(2, 60 if first == "+" else a)
    left = a + b if first == "+" else a - b
    c = rng.randint(1, 60 if second == "+" else max(left, 1))
    if second == "-" and left < c:
        second = "+"
    verbs = {"+": "win", "-": "lose"}
    story = f"You have {a} chips. You {verbs[first]} {b}, then you {verbs[second]} {c}. How many chips do you have?"
    thinking, result = _work_out(a, (first, b), (second, c))
    return Draft(rng.choice((f"What is {a} {first} {b} {second} {c}?", story)), thinking, str(result))


def make_level_3(rng: random.Random) -> Draft:
    """The sum or the difference of two products, one of them of two numbers of two digits."""
    a, b, c, d = rng.randint(12, 45), rng.randint(11, 29), rng.randint(3, 12), rng.randint(3, 9)
    sign = "-" if a * b > c * d and rng.random() < 0.5 else "+"
    first, second = a * b, c * d
    tens, ones = b // 10 * 10, b % 10
    parts = f"{a}*{tens}={a * tens}."
    if ones:
        parts += f" {a}*{ones}={a * ones}. {a * tens}+{a * ones}={first}."
    result = first + second if sign == "+" else first - second
    story = (
        f"You win {a} chips {b} times and {'win' if sign == '+' else 'lose'} {c} chips {d} times. "
        "How many more chips do you have than before?"
    )
    question = rng.choice((f"What is {a} * {b} {sign} {c} * {d}?", story))
    return Draft(question, f"{parts} {c}*{d}={second}. {first}{sign}{second}={result}.", str(result))


def _work_out(start: int, *steps: tuple[str, int]) -> tuple[str, int]:
    """Adds and subtracts the tens first, then the ones; returns the text of the steps and the result."""
    lines, total = list[str](), start
    for sign, operand in steps:
        tens = operand // 10 * 10
        for part in (tens, operand - tens):
            if part:
                after = total + part if sign == "+" else total - part
                lines.append(f"{total}{sign}{part}={after}.")
                total = after
    return " ".join(lines), total
