"""Logic: orderings, rules that follow from each other, and liars."""

import itertools
import random
from typing import Final, NamedTuple

from mirrormatch.games.exercises.types import Draft
from mirrormatch.games.exercises.words import NAMES

LIGHTS: Final = ("red", "blue", "green", "white", "pink", "black", "gold", "gray")
ORDERS: Final = (  # more, less, most, least
    ("older", "younger", "oldest", "youngest"),
    ("taller", "shorter", "tallest", "shortest"),
    ("faster", "slower", "fastest", "slowest"),
    ("richer", "poorer", "richest", "poorest"),
)


def make_level_1(rng: random.Random) -> Draft:
    """An ordering of three, or two rules."""
    return _make_ordering(rng, 3) if rng.random() < 0.5 else _make_chain(rng, 3, rng.choice(("yes", "no")))


def make_level_2(rng: random.Random) -> Draft:
    """An ordering of four, three rules that may leave the answer open, or a coin and three statements."""
    pick = rng.randrange(3)
    if pick == 0:
        return _make_ordering(rng, 4)
    return _make_chain(rng, 4, rng.choice(("yes", "no", "unknown"))) if pick == 1 else _make_coin(rng)


def make_level_3(rng: random.Random) -> Draft:
    """The second of an ordering of five, or four rules that may leave the answer open."""
    return _make_second(rng) if rng.random() < 0.5 else _make_chain(rng, 5, rng.choice(("yes", "no", "unknown")))


def _make_second(rng: random.Random) -> Draft:
    """The second or the last but one of an ordering of five."""
    names = rng.sample(NAMES, 5)
    more, less, most, least = rng.choice(ORDERS)
    facts = [
        f"{below} is {less} than {above}." if rng.random() < 0.5 else f"{above} is {more} than {below}."
        for above, below in itertools.pairwise(names)
    ]
    rng.shuffle(facts)
    word, answer = rng.choice(((most, names[1]), (least, names[3])))
    return Draft(
        f"{' '.join(facts)} Who is the second {word}?", f"{' > '.join(names)}. Second {word}: {answer}.", answer
    )


def _make_ordering(rng: random.Random, number: int) -> Draft:
    """The first or last of an ordering; from four people on, a fact may use either word of a pair."""
    names = rng.sample(NAMES, number)
    more, less, most, least = rng.choice(ORDERS)
    facts = list[str]()
    for above, below in itertools.pairwise(names):
        turned = number > 3 and rng.random() < 0.5
        facts.append(f"{below} is {less} than {above}." if turned else f"{above} is {more} than {below}.")
    rng.shuffle(facts)
    word, answer = rng.choice(((most, names[0]), (least, names[-1])))
    return Draft(f"{' '.join(facts)} Who is the {word}?", f"{' > '.join(names)}.", answer)


def _make_chain(rng: random.Random, number: int, answer: str) -> Draft:
    """Lights that switch each other on: on follows forwards, off follows backwards, nothing else follows."""
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
        return Draft(question, f"No rule leads from {lights[given]} {state} to {lights[asked]}.", answer)
    path = lights[low : high + 1] if forwards else lights[low : high + 1][::-1]
    steps = " ".join(f"{a} {state}, so {b} {state}." for a, b in itertools.pairwise(path))
    return Draft(question, steps, answer)


class _Statement(NamedTuple):
    """A claim that a person has the coin, or doesn't."""

    speaker: str
    about: str
    has: bool

    def to_text(self) -> str:
        verb = "have" if self.about == self.speaker else "has"
        subject = "I" if self.about == self.speaker else self.about
        negation = {"have": "do not have", "has": "does not have"}
        return f"{self.speaker} says: {subject} {verb if self.has else negation[verb]} it."


def _make_coin(rng: random.Random) -> Draft:
    """Three statements about the holder of a coin, one or two of them lies; exactly one holder fits."""
    names = rng.sample(NAMES, 3)
    statements = [_Statement(name, rng.choice(names), rng.random() < 0.5) for name in names]
    num_lies = rng.choice((1, 2))
    lies = {holder: sum((s.about == holder) != s.has for s in statements) for holder in names}
    fitting = [holder for holder in names if lies[holder] == num_lies]
    if len(fitting) != 1:
        return _make_coin(rng)
    claims = " ".join(s.to_text() for s in statements)
    rule = "One of them lies." if num_lies == 1 else "Two of them lie."
    question = f"{names[0]}, {names[1]} or {names[2]} has the coin. {claims} {rule} Who has it?"
    counts = " ".join(f"{holder}: {count} {'lie' if count == 1 else 'lies'}." for holder, count in lies.items())
    return Draft(question, counts, fitting[0])
