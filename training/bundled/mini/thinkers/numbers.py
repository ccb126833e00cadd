"""Thinkers of number puzzles: they halve intervals and compute step by step."""

import re
from fractions import Fraction

from mirrormatch.games.puzzles import countdown, guess_the_number
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_any, draw_solution, is_sound


def think_guess(sight: Sight) -> Thought:
    """Names the interval that is left, and its middle when it is sound."""
    view: guess_the_number.View = sight.view
    low = max((hint.guess + 1 for hint in view.hints if hint.sign > 0), default=1)
    high = min((hint.guess - 1 for hint in view.hints if hint.sign < 0), default=len(sight.legal or ()))
    if is_sound(sight):
        move = draw_solution(sight)
        return Thought(f"It is in {low} to {high}. ({low}+{high})/2: {move}.", move)
    move = str(sight.rng.randint(low, high))
    return Thought(f"It is in {low} to {high}. I guess {move}.", move)


def think_countdown(sight: Sight) -> Thought:
    """Computes an expression step by step and compares it with the target."""
    view: countdown.Puzzle = sight.view
    move = draw_solution(sight) if is_sound(sight) else draw_any(sight)
    steps, value = compute_steps(move)
    return Thought(f"{' '.join(f'{step}.' for step in steps)} Target {view.target}, I make {value}.".strip(), move)


def compute_steps(expression: str) -> tuple[list[str], str]:
    """The single operations of an expression, innermost first, and its value."""
    tokens = re.findall(r"\d+|[-+*/()]", expression)
    steps = list[str]()
    value, rest = _add(tokens, steps)
    assert not rest, f"{expression!r} is not read to its end"
    return steps, value


def _add(tokens: list[str], steps: list[str]) -> tuple[str, list[str]]:
    left, tokens = _multiply(tokens, steps)
    while tokens and tokens[0] in "+-":
        sign, (right, rest) = tokens[0], _multiply(tokens[1:], steps)
        left, tokens = _step(left, sign, right, steps), rest
    return left, tokens


def _multiply(tokens: list[str], steps: list[str]) -> tuple[str, list[str]]:
    left, tokens = _read_term(tokens, steps)
    while tokens and tokens[0] in "*/":
        sign, (right, rest) = tokens[0], _read_term(tokens[1:], steps)
        left, tokens = _step(left, sign, right, steps), rest
    return left, tokens


def _read_term(tokens: list[str], steps: list[str]) -> tuple[str, list[str]]:
    if tokens[0] != "(":
        return tokens[0], tokens[1:]
    value, rest = _add(tokens[1:], steps)
    return value, rest[1:]


def _step(left: str, sign: str, right: str, steps: list[str]) -> str:
    result = _compute(left, sign, right)
    steps.append(f"{left}{sign}{right}={result}")
    return result


def _compute(left: str, sign: str, right: str) -> str:
    """The value of one operation, as a whole number or a fraction."""
    value = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    }[sign](Fraction(left), Fraction(right))  # fmt: skip
    return str(value)


THINKERS = {"countdown": think_countdown, "guess_the_number": think_guess}
