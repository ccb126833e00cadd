"""Short problems with worked solutions, made from a seed.

The nano model is trained on some of them and the transfer benchmarks measure with others: a question is held out or
not by a hash of its text, so the two never meet. Held-out questions come from the same templates with other numbers
and names: they measure whether a skill was kept or gained, not whether it reaches an unseen kind of text.

Nothing here knows a model, a prompt or a benchmark. Texts are short and plain enough for a model of a million
parameters: at most 40 words in a question, small numbers, few words used often. How often the commonest answer is right
(60,000 questions each, level 1 and level 2): arithmetic .02 .02, expected value .04 .04, comparison .38 .33, case
analysis .17 .22, logic .25 .11.
"""

import hashlib
import itertools
import math
import random
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from mirrormatch.seeds import derive

KINDS: Final = ("arithmetic", "expected_value", "comparison", "case_analysis", "logic")
LEVELS: Final = (1, 2)
HELD_OUT_ONE_IN: Final = 5

NAMES: Final = ("Ann", "Ben", "Cat", "Dan", "Eve", "Fay", "Gus", "Hal")
LIGHTS: Final = ("red", "blue", "green", "white", "pink", "black", "gold", "gray")
ORDERS: Final = (  # more, less, most, least
    ("older", "younger", "oldest", "youngest"),
    ("taller", "shorter", "tallest", "shortest"),
    ("faster", "slower", "fastest", "slowest"),
    ("richer", "poorer", "richest", "poorest"),
)
HIGHEST_CARD: Final = 12

MAX_GIVEN_CHARS: Final = 64  # no right answer is longer, and longer numbers only cost time
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12}|/\d{1,12})?")
_LATEX = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}")
_SPACED_SIGN = re.compile(r"\s*([/+-])\s*")
_LATEX_FRACTION = re.compile(r"([+-]?)\\d?frac\{([+-]?\d+)\}\{(\d+)\}")


class Exercise(NamedTuple):
    """One problem.

    Attributes:
        kind: one of `KINDS`.
        level: one of `LEVELS`; the second has a step, an operand or a case more.
        question: all that is needed to solve it.
        thinking: a short worked solution.
        answer: an integer, a fraction in lowest terms, or one word.
    """

    kind: str
    level: int
    question: str
    thinking: str
    answer: str


class _Solved(NamedTuple):
    question: str
    thinking: str
    answer: str


def make(kind: str, level: int, rng: random.Random) -> Exercise:
    """One exercise, held out or not."""
    return Exercise(kind, level, *_MAKERS[kind, level](rng))


def is_held_out(question: str) -> bool:
    """Whether a question is kept from training: one in five, by its text alone, alike on every machine."""
    digest = hashlib.blake2b(question.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % HELD_OUT_ONE_IN == 0


def draw(kind: str, level: int, seed: int, index: int, *, held_out: bool) -> Exercise:
    """The exercise number `index` under a seed, from the held-out questions or from the others.

    Two indices may draw the same question.
    """
    for attempt in itertools.count():
        rng = random.Random(derive(seed, "exercise", kind, level, held_out, index, attempt))
        exercise = make(kind, level, rng)
        if is_held_out(exercise.question) == held_out:
            return exercise
    raise AssertionError("unreachable: the count is endless")


def grade(answer: str, given: str) -> bool:
    """Whether `given` says the same as the right `answer`.

    Case, spaces, a leading `+`, a trailing `.`, `$` and LaTeX around a word or a fraction don't count; numbers are
    compared exactly (0.5 is 1/2; 0.33 isn't 1/3). The text is matched against a grammar and never evaluated.
    """
    if len(given) > MAX_GIVEN_CHARS:
        return False
    expected, found = _normal(answer), _normal(given)
    if _NUMBER.fullmatch(expected):
        return _number(found) == _number(expected)
    return found == expected


def _normal(text: str) -> str:
    text = text.replace("\N{MINUS SIGN}", "-").strip().removesuffix(".").strip("$ ")
    text = _LATEX_FRACTION.sub(r"\1\2/\3", _LATEX.sub(r"\1", text))
    text = _SPACED_SIGN.sub(r"\1", " ".join(text.split()).casefold())
    return text.removesuffix(".").removeprefix("+")


def _number(text: str) -> Fraction | None:
    if not text.isascii() or not _NUMBER.fullmatch(text):
        return None
    try:
        return Fraction(text)
    except ZeroDivisionError:
        return None


# Arithmetic: two operands, then three.


def _arithmetic_1(rng: random.Random) -> _Solved:
    """Two operands, results from 0 to 99."""
    sign = rng.choice("+-+-*")
    if sign == "*":
        a, b = rng.randint(2, 12), rng.randint(2, 8)
        text = rng.choice((f"What is {a} * {b}?", f"You win {a} chips {b} times. How many chips do you win?"))
        return _Solved(text, f"{a}*{b}={a * b}.", str(a * b))
    a = rng.randint(2, 98)
    b = rng.randint(1, 99 - a if sign == "+" else a)
    verb = "win" if sign == "+" else "lose"
    story = f"You have {_chips(a)} and {verb} {b}. How many chips do you have?"
    thinking, result = _work(a, (sign, b))
    return _Solved(rng.choice((f"What is {a} {sign} {b}?", story)), thinking, str(result))


def _arithmetic_2(rng: random.Random) -> _Solved:
    """Three operands: sums up to 200, or the product of two numbers of two digits and a sum."""
    if rng.random() < 0.6:
        a, b, c = rng.randint(12, 49), rng.randint(12, 29), rng.randint(2, 50)
        sign = rng.choice("+-")
        tens, ones = b // 10 * 10, b % 10
        product = f"{a}*{tens}={a * tens}. " + (
            f"{a}*{ones}={a * ones}. {a * tens}+{a * ones}={a * b}. " if ones else ""
        )
        thinking, result = _work(a * b, (sign, c))
        return _Solved(f"What is {a} * {b} {sign} {c}?", product + thinking, str(result))
    a = rng.randint(20, 80)
    first, second = rng.choice("+-"), rng.choice("+-")
    b = rng.randint(2, 60 if first == "+" else a)
    left = a + b if first == "+" else a - b
    c = rng.randint(1, 60 if second == "+" else max(left, 1))
    if second == "-" and left < c:
        second = "+"
    verbs = {"+": "win", "-": "lose"}
    story = f"You have {a} chips. You {verbs[first]} {b}, then you {verbs[second]} {c}. How many chips do you have?"
    thinking, result = _work(a, (first, b), (second, c))
    return _Solved(rng.choice((f"What is {a} {first} {b} {second} {c}?", story)), thinking, str(result))


def _work(start: int, *steps: tuple[str, int]) -> tuple[str, int]:
    """Adds and subtracts tens first, then ones; the text of it and the result."""
    lines, total = list[str](), start
    for sign, operand in steps:
        tens = operand // 10 * 10
        for part in (tens, operand - tens):
            if part:
                after = total + part if sign == "+" else total - part
                lines.append(f"{total}{sign}{part}={after}.")
                total = after
    return " ".join(lines), total


# Expected value: what a bet is worth over the cases it can meet.


def _expected_value_1(rng: random.Random) -> _Solved:
    """The sum over equally likely cases of two sorts."""
    cases = rng.randint(2, 8)
    wins = rng.randint(1, cases - 1)
    win, loss = rng.randint(1, 12), rng.randint(1, 12)
    rest = cases - wins
    question = (
        f"{_bet(rng)} wins {_chips(win)} in {wins} of {cases} cases and loses {_chips(loss)} in the other {rest}. "
        f"What is the total over all {cases} cases?"
    )
    thinking, total = _balance(wins, win, rest, loss)
    return _Solved(question, thinking, str(total))


def _expected_value_2(rng: random.Random) -> _Solved:
    """The average over cases of three sorts, a fraction in lowest terms."""
    cases = rng.randint(3, 9)
    wins = rng.randint(1, cases - 2)
    losses = rng.randint(1, cases - wins - 1)
    win, loss = rng.randint(1, 12), rng.randint(1, 12)
    question = (
        f"{_bet(rng)} wins {_chips(win)} in {wins} of {cases} cases, loses {_chips(loss)} in {losses} "
        f"and wins nothing in the others. What is the average per case, as a fraction?"
    )
    thinking, total = _balance(wins, win, losses, loss)
    answer = str(Fraction(total, cases))
    last = f"{total}/{cases}." if math.gcd(total, cases) == 1 else f"{total}/{cases}={answer}."
    return _Solved(question, f"{thinking} {last}", answer)


def _balance(wins: int, win: int, losses: int, loss: int) -> tuple[str, int]:
    gained, lost = wins * win, losses * loss
    return f"{wins}*{win}={gained}. {losses}*{loss}={lost}. {gained}-{lost}={gained - lost}.", gained - lost


def _bet(rng: random.Random) -> str:
    return rng.choice(("A bet", "A call", "A raise"))


def _chips(number: int) -> str:
    return "1 chip" if number == 1 else f"{number} chips"


# Comparison: the totals of two options, then of three.


class _Offer(NamedTuple):
    text: str
    sum: str
    total: int


def _comparison_1(rng: random.Random) -> _Solved:
    """Two sums; one in four pairs is equal."""
    a, b, c, d = (rng.randint(2, 20) for _ in range(4))
    if rng.random() < 0.25:
        d = a + b - c
    if d < 1 or (a, b) == (c, d):
        return _comparison_1(rng)
    first, second = a + b, c + d
    answer = "same" if first == second else "A" if first > second else "B"
    sign = "=" if first == second else ">" if first > second else "<"
    question = f"A pays {a} and {b}. B pays {c} and {d}. Which pays more: A, B or same?"
    return _Solved(question, f"A: {a}+{b}={first}. B: {c}+{d}={second}. {first} {sign} {second}.", answer)


def _comparison_2(rng: random.Random) -> _Solved:
    """Three options, sums or products; the most or the least, never shared."""
    offers = [_offer(rng) for _ in range(3)]
    most = rng.random() < 0.5
    word, best = ("most", max(o.total for o in offers)) if most else ("least", min(o.total for o in offers))
    if sum(o.total == best for o in offers) > 1:
        return _comparison_2(rng)
    letters = "ABC"
    answer = next(letter for letter, o in zip(letters, offers, strict=True) if o.total == best)
    options = " ".join(f"{letter} pays {o.text}." for letter, o in zip(letters, offers, strict=True))
    sums = " ".join(f"{letter}: {o.sum}={o.total}." for letter, o in zip(letters, offers, strict=True))
    return _Solved(f"{options} Which pays the {word}: A, B or C?", f"{sums} The {word} is {best}.", answer)


def _offer(rng: random.Random) -> _Offer:
    if rng.random() < 0.5:
        a, b = rng.randint(2, 9), rng.randint(2, 9)
        return _Offer(f"{a} times {b}", f"{a}*{b}", a * b)
    a, b = rng.randint(4, 40), rng.randint(4, 30)
    return _Offer(f"{a} and {b}", f"{a}+{b}", a + b)


# Case analysis: hidden cards.


def _case_analysis_1(rng: random.Random) -> _Solved:
    """One hidden card, or three cards of which one is known."""
    return rng.choice((_one_hidden, _known_card))(rng)


def _case_analysis_2(rng: random.Random) -> _Solved:
    """Two hidden cards, or three cards of which none is known."""
    return rng.choice((_two_hidden, _no_known_card))(rng)


def _one_hidden(rng: random.Random) -> _Solved:
    cards, mine = _hand(rng, rng.randint(3, 5))
    higher = rng.random() < 0.5  # my card is the higher one
    others = [c for c in cards if c != mine]
    cases = [c for c in others if (c < mine) == higher]
    question = (
        f"The cards are {_listed(cards)}. You hold {mine}. {rng.choice(NAMES)} holds one of the others. "
        f"In how many cases is your card {'higher' if higher else 'lower'}?"
    )
    thinking = f"Others: {_spaced(others)}. {'Lower' if higher else 'Higher'} than {mine}: {_spaced(cases)}."
    return _Solved(question, thinking, str(len(cases)))


def _known_card(rng: random.Random) -> _Solved:
    holders, cards = rng.sample(NAMES, 3), sorted(rng.sample(range(1, HIGHEST_CARD + 1), 3))
    known, other, last = rng.sample(holders, 3)
    card = dict(zip((known, other, last), rng.sample(cards, 3), strict=True))
    asked = rng.choice((other, last))
    left = [c for c in cards if c != card[known]]
    facts = [f"{known} holds {card[known]}.", f"{other} does not hold {card[last]}."]
    rng.shuffle(facts)
    question = f"{_held(holders, cards)} {' '.join(facts)} Which card does {asked} hold?"
    thinking = f"{known} {card[known]}. Left: {_spaced(left)}. {other} {card[other]}. {last} {card[last]}."
    return _Solved(question, thinking, str(card[asked]))


def _two_hidden(rng: random.Random) -> _Solved:
    cards, mine = _hand(rng, rng.randint(4, 5))
    first, second = rng.sample(NAMES, 2)
    lower, higher = [c for c in cards if c < mine], [c for c in cards if c > mine]
    asked = rng.choice(("do you have the highest card", "do you have the lowest card", "is your card in the middle"))
    if "middle" in asked:
        once = len(lower) * len(higher)
        thinking = f"Lower: {_spaced(lower)}. Higher: {_spaced(higher)}. {len(lower)}*{len(higher)}={once}. "
        thinking, number = thinking + f"{once}*2={once * 2}.", once * 2
    else:
        word, cases = ("Lower", lower) if "highest" in asked else ("Higher", higher)
        number = len(cases) * max(len(cases) - 1, 0)
        thinking = f"{word}: {_spaced(cases)}. {len(cases)}*{max(len(cases) - 1, 0)}={number}."
    question = (
        f"The cards are {_listed(cards)}. You hold {mine}. {first} gets one of the others, then {second} gets one. "
        f"In how many deals {asked}?"
    )
    return _Solved(question, thinking, str(number))


def _no_known_card(rng: random.Random) -> _Solved:
    holders, cards = rng.sample(NAMES, 3), sorted(rng.sample(range(1, HIGHEST_CARD + 1), 3))
    low, high = rng.sample(range(3), 2)
    barred, card = rng.choice(range(3)), rng.choice(cards)
    first = [deal for deal in itertools.permutations(cards) if deal[low] < deal[high]]
    left = [deal for deal in first if deal[barred] != card]
    certain = [i for i in range(3) if len({deal[i] for deal in left}) == 1]
    if not certain or len(left) == len(first):
        return _no_known_card(rng)
    asked = rng.choice(certain)
    facts = [f"{holders[low]}'s card is lower than {holders[high]}'s.", f"{holders[barred]} does not hold {card}."]
    rng.shuffle(facts)
    question = f"{_held(holders, cards)} {' '.join(facts)} Which card does {holders[asked]} hold?"
    thinking = f"Lower: {_deals(first)}. Not {card}: {_deals(left)}. {holders[asked]} holds {left[0][asked]}."
    return _Solved(question, thinking, str(left[0][asked]))


def _hand(rng: random.Random, size: int) -> tuple[list[int], int]:
    """Cards in order and the one that is mine; as often the lowest as any other."""
    cards = sorted(rng.sample(range(1, HIGHEST_CARD + 1), size))
    return cards, rng.choice(cards)


def _held(holders: Sequence[str], cards: Sequence[int]) -> str:
    return f"{_listed(holders)} hold the cards {_listed(cards)}, one each."


def _listed(things: Sequence[object]) -> str:
    return f"{', '.join(str(t) for t in things[:-1])} and {things[-1]}"


def _spaced(numbers: Sequence[int]) -> str:
    return " ".join(str(n) for n in numbers) or "none"


def _deals(deals: Sequence[Sequence[int]]) -> str:
    return ", ".join(_spaced(deal) for deal in deals)


# Logic: orderings, rules that follow from each other, one who lies.


def _logic_1(rng: random.Random) -> _Solved:
    """Three in order, or two rules."""
    return _ordering(rng, 3) if rng.random() < 0.5 else _chain(rng, 3, rng.choice(("yes", "no")))


def _logic_2(rng: random.Random) -> _Solved:
    """Four in order, three rules that may leave it open, or one coin and three sayings."""
    pick = rng.randrange(3)
    if pick == 0:
        return _ordering(rng, 4)
    return _chain(rng, 4, rng.choice(("yes", "no", "unknown"))) if pick == 1 else _coin(rng)


def _ordering(rng: random.Random, number: int) -> _Solved:
    """Who is first or last; from four on, either word of a pair may tell a fact."""
    names = rng.sample(NAMES, number)
    more, less, most, least = rng.choice(ORDERS)
    facts = list[str]()
    for above, below in itertools.pairwise(names):
        turned = number > 3 and rng.random() < 0.5
        facts.append(f"{below} is {less} than {above}." if turned else f"{above} is {more} than {below}.")
    rng.shuffle(facts)
    word, answer = rng.choice(((most, names[0]), (least, names[-1])))
    return _Solved(f"{' '.join(facts)} Who is the {word}?", f"{' > '.join(names)}.", answer)


def _chain(rng: random.Random, number: int, answer: str) -> _Solved:
    """Lights that switch each other on; on carries forwards, off carries backwards, nothing else follows."""
    lights = rng.sample(LIGHTS, number)
    low, high = (0, number - 1) if answer != "unknown" and number == 3 else sorted(rng.sample(range(number), 2))
    forwards = answer == "yes" or (answer == "unknown" and rng.random() < 0.5)
    given, asked = (low, high) if forwards else (high, low)
    state = "on" if (answer == "yes") or (answer == "unknown" and not forwards) else "off"
    rules = [f"If {a} is on, {b} is on." for a, b in itertools.pairwise(lights)]
    rng.shuffle(rules)
    choice = "yes or no" if number == 3 else "yes, no or unknown"
    question = f"{' '.join(rules)} {lights[given].capitalize()} is {state}. Is {lights[asked]} on: {choice}?"
    if answer == "unknown":
        return _Solved(question, f"No rule leads from {lights[given]} {state} to {lights[asked]}.", answer)
    path = lights[low : high + 1] if forwards else lights[low : high + 1][::-1]
    steps = " ".join(f"{a} {state}, so {b} {state}." for a, b in itertools.pairwise(path))
    return _Solved(question, steps, answer)


class _Saying(NamedTuple):
    speaker: str
    about: str
    has: bool

    def text(self) -> str:
        verb = "have" if self.about == self.speaker else "has"
        subject = "I" if self.about == self.speaker else self.about
        negation = {"have": "do not have", "has": "does not have"}
        return f"{self.speaker} says: {subject} {verb if self.has else negation[verb]} it."


def _coin(rng: random.Random) -> _Solved:
    """Three sayings about who has a coin, of which one or two are lies; one holder fits."""
    names = rng.sample(NAMES, 3)
    sayings = [_Saying(name, rng.choice(names), rng.random() < 0.5) for name in names]
    num_lies = rng.choice((1, 2))
    lies = {holder: sum((s.about == holder) != s.has for s in sayings) for holder in names}
    fitting = [holder for holder in names if lies[holder] == num_lies]
    if len(fitting) != 1:
        return _coin(rng)
    told = " ".join(s.text() for s in sayings)
    rule = "One of them lies." if num_lies == 1 else "Two of them lie."
    question = f"{names[0]}, {names[1]} or {names[2]} has the coin. {told} {rule} Who has it?"
    counts = " ".join(f"{holder}: {count} {'lie' if count == 1 else 'lies'}." for holder, count in lies.items())
    return _Solved(question, counts, fitting[0])


_MAKERS: Final[dict[tuple[str, int], Callable[[random.Random], _Solved]]] = {
    ("arithmetic", 1): _arithmetic_1,
    ("arithmetic", 2): _arithmetic_2,
    ("expected_value", 1): _expected_value_1,
    ("expected_value", 2): _expected_value_2,
    ("comparison", 1): _comparison_1,
    ("comparison", 2): _comparison_2,
    ("case_analysis", 1): _case_analysis_1,
    ("case_analysis", 2): _case_analysis_2,
    ("logic", 1): _logic_1,
    ("logic", 2): _logic_2,
}
