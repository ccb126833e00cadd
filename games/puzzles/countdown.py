"""Countdown, the numbers game."""

import functools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import strip_decoration
from mirrormatch.games.puzzles._expressions import expression_form
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind
from mirrormatch.seeds import derive
from mirrormatch.text import one_line

NUM_PUZZLES = 512
LOWEST_TARGET = 10
SMALL = tuple(range(1, 11)) * 2
LARGE = (25, 50, 75, 100)  # only with targets above 100
MAX_CHARS = 500  # length limit of an answer, spaces included
MAX_TOKENS = 60  # in an answer

Numbers: TypeAlias = tuple[int, ...]
Ratio: TypeAlias = tuple[int, int]  # numerator and denominator; not in lowest terms, which saves time

_PUZZLES = tuple((str(k), 1 / NUM_PUZZLES) for k in range(1, NUM_PUZZLES + 1))
_IDS = frozenset(number for number, _ in _PUZZLES)
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}
_BRACKETS, _QUOTES = (("[", "]"), ("\\(", "\\)"), ("\\[", "\\]")), "\"'`$"  # what comes off around an expression
_SPACED = {sign: f" {sign} " for sign in _BINDING}
_SIGNS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "−": "-", "–": "-"})
_LATEX = {"\\times": "*", "\\cdot": "*", "\\div": "/", "\\left": "", "\\right": ""}
_X_TIMES = re.compile(r"(?<=[\d)])(\s*)[xX](\s*)(?=[\d(])")
_EQUALS = re.compile(r"=\s*[0-9]{1,9}\s*$")  # a stated result; only the expression counts
_TOKEN = re.compile(r"[0-9]{1,4}(?![0-9])|[-+*/()]")
_MAX_TABLED = 4  # the values of up to this many numbers are tabulated; those of more are searched
_NUM_CACHED = 1_024  # results of each function that rendering and reading call again and again


@dataclass(frozen=True)
class CountdownSettings(GameSettings):
    """The difficulty of the puzzles."""

    numbers: int = setting(4, "numbers on the table", range(3, 7))
    highest: int = setting(100, "the largest target", (50, 100, 999))
    tries: int = setting(3, "expressions that may be tried", range(1, 6))


_DEFAULT = CountdownSettings()


class Try(NamedTuple):
    """An expression and its value, as they are shown."""

    expression: str
    value: str


class Puzzle(NamedTuple):
    """The numbers, empty before chance has drawn the puzzle, the target and the tries. All of it is public."""

    numbers: Numbers
    target: int
    tries: tuple[Try, ...]


class Countdown(Game[Puzzle, Puzzle]):
    """The numbers game: make the target out of the numbers.

    On the table lie 4 numbers from 1 to 10 and a target from 10 to 100 (one of 512 puzzles; with `highest=999` there
    may be 25, 50, 75 and 100 too). The player answers with one expression of +, -, *, / and parentheses that uses each
    number at most once; it is evaluated exactly, fractions included. If it makes the target the game ends with 1; else
    the player sees what it makes and tries again, three times in all, and ends with 0. Every puzzle has a solution
    that uses all numbers and never leaves the positive whole numbers; best play always earns 1.
    """

    settings: CountdownSettings
    examples = ("numbers=3,highest=50", "numbers=6,highest=999", "tries=1")

    def __init__(self, settings: CountdownSettings = _DEFAULT) -> None:
        self.settings = settings
        self.info = Info(
            name=settings.full_name("countdown"), version=2, roles=("player",), min_return=0.0, max_return=1.0,
            zero_sum=False, max_turns=settings.tries, hidden=False, random=True, open_text=True, solver="exact",
            forfeit=0.0, source="the numbers round of the television game Countdown, exact targets only", win_at=1.0,
        )  # fmt: skip

    def start(self) -> Puzzle:
        return Puzzle((), 0, ())

    def to_act(self, state: Puzzle) -> int:
        numbers, _, tries = state
        if not numbers:
            return CHANCE
        return OVER if len(tries) == self.settings.tries or _is_solved(state) else 0

    def chance(self, state: Puzzle) -> tuple[tuple[Action, float], ...]:
        return _PUZZLES

    def legal(self, state: Puzzle) -> tuple[Action, ...] | None:
        return None if self.to_act(state) == 0 else ()

    def apply(self, state: Puzzle, action: Action) -> Puzzle:
        role = self.to_act(state)
        if role == CHANCE and action in _IDS:
            return _make_puzzle(self.settings.numbers, self.settings.highest, int(action))
        if role != 0:
            raise ValueError(f"{action!r} is not allowed in {state!r}")
        tried = _read_expression(action, state.numbers)
        if isinstance(tried, Problem):
            raise ValueError(f"{action!r}: {tried.detail}")
        return Puzzle(state.numbers, state.target, (*state.tries, tried))

    def returns(self, state: Puzzle) -> tuple[float, ...]:
        return (1.0,) if _is_solved(state) else (0.0,)

    def view(self, state: Puzzle, role: int) -> Puzzle:
        return state

    def rules(self) -> str:
        num = self.settings.tries
        tries = "one try" if num == 1 else f"{num} tries and see the result of each"
        return (
            "Countdown, the numbers game. Make the target with the given numbers and + - * / and parentheses. Use "
            "each number at most once, and not necessarily all. There is always a solution. Division is exact, "
            f"fractions are allowed on the way. You have {tries}. You win if one makes exactly the target. "
            "A move is one expression and nothing else, like (3 + 5) * 7 - 2."
        )

    def render(self, view: Puzzle) -> str:
        numbers, target, tries = view
        if not numbers:
            return "The numbers are not on the table yet."
        lines = [f"Numbers: {', '.join(map(str, numbers))}. Target: {target}."]
        lines += [_describe_try(tried, target) for tried in tries]
        left = self.settings.tries - len(tries)
        if _is_solved(view):
            lines.append("You have won.")
        else:
            lines.append(f"Tries left: {left}." if left else "No tries left: you have lost.")
        return "\n".join(lines)

    def parse(self, state: Puzzle, text: str) -> Action | Problem:
        tried = _read_expression(text, state.numbers)
        return tried if isinstance(tried, Problem) else tried.expression

    def form(self, view: Puzzle) -> str:
        return expression_form(view.numbers)

    def sample(self, view: Puzzle, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Two or more of the numbers in random order, with random signs between them."""
        numbers = rng.sample(view.numbers, rng.randint(2, len(view.numbers)))
        return "".join([f"{number} {rng.choice('+-*/')} " for number in numbers[1:]]) + str(numbers[0])

    def solution(self, view: Puzzle) -> tuple[tuple[Action, float], ...]:
        """An expression of all numbers that makes the target, by search over their partitions."""
        return ((_solve(view.numbers, view.target), 1.0),)


def _is_solved(state: Puzzle) -> bool:
    return bool(state.tries) and state.tries[-1].value == str(state.target)


@functools.lru_cache(_NUM_CACHED)
def _describe_try(tried: Try, target: int) -> str:
    over, slash, under = tried.value.partition("/")
    off = int(over) - target * int(under or 1)
    verdict = f"{abs(off)}{slash}{under} too {'high' if off > 0 else 'low'}" if off else "the target"
    return f"You tried {tried.expression} = {tried.value}: {verdict}."


# reading an expression


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def _read_expression(text: str, numbers: Numbers) -> Try | Problem:
    """Reads an expression, which must be the whole text, and evaluates it."""
    if len(text) > MAX_CHARS:
        return Problem(ProblemKind.TOO_LONG, f"an expression of {len(text)} characters")
    tokens = _tokenize(text)
    if not tokens or len(tokens) > MAX_TOKENS:
        return Problem(ProblemKind.NONE, f"no expression of numbers and + - * / ( ): {one_line(text, 60)!r}")
    left = list(numbers)
    for used in (int(token) for token in tokens if token.isdecimal()):
        if used not in left:
            again = "is used more often than it is there" if used in numbers else "is not one of the numbers"
            return Problem(ProblemKind.ILLEGAL, f"{used} {again}")
        left.remove(used)
    try:
        value = _evaluate(tokens)
    except ZeroDivisionError:
        return Problem(ProblemKind.ILLEGAL, "it divides by zero")
    if value is None:
        return Problem(ProblemKind.NONE, f"no complete expression: {one_line(text, 60)!r}")
    return Try(_spell_tokens(tokens), _format_value(value))


def _tokenize(text: str) -> list[str]:
    """The numbers, signs and parentheses in order; empty if the text contains anything else."""
    plain = text if text.isascii() else text.translate(_SIGNS)
    if "\\" in plain:
        for latex, sign in _LATEX.items():
            plain = plain.replace(latex, sign)
    plain = strip_decoration(plain, _BRACKETS, _QUOTES, endings=".")
    plain = _X_TIMES.sub(r"\1*\2", _EQUALS.sub("", plain)).rstrip()
    tokens = _TOKEN.findall(plain)
    if "".join(tokens) != "".join(plain.split()):
        return []
    return [token.lstrip("0") or "0" if token[0] == "0" else token for token in tokens]


def _evaluate(tokens: list[str]) -> Ratio | None:
    """Computes the exact value, without recursion; None where the tokens are no complete expression.

    Raises:
        ZeroDivisionError: the expression divides by zero.
    """
    values, waiting = list[Ratio](), list[str]()
    operand_next = True
    for token in tokens:
        is_number = token.isdecimal()
        if (is_number or token == "(") != operand_next:
            return None
        if is_number:
            values.append((int(token), 1))
            operand_next = False
        elif token == ")":
            _reduce(values, waiting, 1)
            if not waiting:
                return None
            waiting.pop()
        else:
            if token != "(":
                _reduce(values, waiting, _BINDING[token])
                operand_next = True
            waiting.append(token)
    if operand_next:
        return None
    _reduce(values, waiting, 1)
    return None if waiting else values[0]


def _reduce(values: list[Ratio], waiting: list[str], binding: int) -> None:
    """Applies the waiting signs that bind at least this strongly, back to an open parenthesis."""
    while waiting and waiting[-1] != "(" and _BINDING[waiting[-1]] >= binding:
        sign, right, left = waiting.pop(), values.pop(), values.pop()
        values.append(_apply_sign(sign, left, right))


def _apply_sign(sign: str, left: Ratio, right: Ratio) -> Ratio:
    (a, b), (c, d) = left, right
    if sign == "+":
        return a * d + c * b, b * d
    if sign == "-":
        return a * d - c * b, b * d
    if sign == "*":
        return a * c, b * d
    if c == 0:
        raise ZeroDivisionError
    return a * d, b * c


def _format_value(value: Ratio) -> str:
    over, under = value
    return str(Fraction(over, under) if over % under else over // under)


def _spell_tokens(tokens: list[str]) -> str:
    """The canonical spelling: spaces around signs only."""
    return "".join([_SPACED.get(token, token) for token in tokens])


# generating and solving puzzles


@functools.cache
def _make_puzzle(num_numbers: int, highest: int, puzzle_id: int) -> Puzzle:
    """Makes the puzzle of that id: random numbers, combined at random until a value qualifies as the target."""
    rng = random.Random(derive(puzzle_id, "countdown", num_numbers, highest))
    pool = SMALL + (LARGE if highest > 100 else ())
    while True:
        numbers = tuple(sorted(rng.sample(pool, num_numbers)))
        target = _draw_target(list(numbers), rng)
        if LOWEST_TARGET <= target <= highest and target not in numbers:
            return Puzzle(numbers, target, ())


def _draw_target(numbers: list[int], rng: random.Random) -> int:
    """Combines random pairs of the numbers until one value is left."""
    while len(numbers) > 1:
        rng.shuffle(numbers)
        a, b = sorted((numbers.pop(), numbers.pop()))
        made = [a + b, a * b] + [b - a] * (a != b) + [b // a] * (b % a == 0)
        numbers.append(rng.choice(made))
    return numbers[0]


class Operation(NamedTuple):
    """The last operation of an expression: its sign, and both values with their numbers."""

    sign: str
    left: int
    left_of: Numbers
    right: int
    right_of: Numbers


# Numbers -> every value that all of them make -> the last operation.
Tables: TypeAlias = dict[Numbers, dict[int, Operation | None]]


@functools.lru_cache(_NUM_CACHED)
def _solve(numbers: Numbers, target: int) -> str:
    tables: Tables = {}
    expression = _find_expression(numbers, target, tables)
    assert expression is not None, f"{target} can't be made of {numbers}"
    return expression.removeprefix("(").removesuffix(")")


def _find_expression(numbers: Numbers, target: int, tables: Tables) -> str | None:
    """An expression in parentheses that makes the target from all numbers, through positive whole numbers only."""
    if len(numbers) <= _MAX_TABLED:
        return _spell_value(numbers, target, tables) if target in _tabulate(numbers, tables) else None
    for some, others in _list_splits(numbers):
        for a in _tabulate(some, tables):
            for sign, b, a_first in _list_partners(a, target):
                if (rest := _find_expression(others, b, tables)) is not None:
                    left, right = _spell_value(some, a, tables), rest
                    return f"({left} {sign} {right})" if a_first else f"({right} {sign} {left})"
    return None


def _list_partners(a: int, target: int) -> Iterator[tuple[str, int, bool]]:
    """Every sign and b > 0 for which `a sign b` (True) or `b sign a` (False) is the target."""
    if target > a:
        yield "+", target - a, True
    elif target < a:
        yield "-", a - target, True
    if target % a == 0:
        yield "*", target // a, True
    if a % target == 0:
        yield "/", a // target, True
    yield "-", target + a, False
    yield "/", target * a, False


def _list_splits(numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Every split of the numbers in two parts, the smaller one first."""
    places = range(len(numbers))
    for size in range(1, len(numbers) // 2 + 1):
        for chosen in combinations(places, size):
            yield tuple(numbers[k] for k in chosen), tuple(numbers[k] for k in places if k not in chosen)


def _tabulate(numbers: Numbers, tables: Tables) -> dict[int, Operation | None]:
    """The table of the numbers; it is made on first use."""
    if numbers not in tables:
        if len(numbers) == 1:
            tables[numbers] = {numbers[0]: None}
        else:
            made: dict[int, Operation | None] = {}
            for some, others in _list_splits(numbers):
                for a in _tabulate(some, tables):
                    for b in _tabulate(others, tables):
                        _add_values(made, a, some, b, others)
            tables[numbers] = made
    return tables[numbers]


def _add_values(made: dict[int, Operation | None], a: int, a_of: Numbers, b: int, b_of: Numbers) -> None:
    """Adds the values that two values make; the first operation found for a value is kept."""
    if a < b:
        a, a_of, b, b_of = b, b_of, a, a_of
    for sign, value in (("+", a + b), ("*", a * b), ("-", a - b), ("/", a // b if a % b == 0 else 0)):
        if value and value not in made:
            made[value] = Operation(sign, a, a_of, b, b_of)


def _spell_value(numbers: Numbers, value: int, tables: Tables) -> str:
    last = _tabulate(numbers, tables)[value]
    if last is None:
        return str(value)
    left, right = (_spell_value(of, v, tables) for of, v in ((last.left_of, last.left), (last.right_of, last.right)))
    return f"({left} {last.sign} {right})"


GAME = Countdown()
