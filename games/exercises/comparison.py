"""Comparison: the totals of two options, then of three, then of four with two steps each."""

import random
from typing import NamedTuple

from mirrormatch.games.exercises.types import Draft


class _Offer(NamedTuple):
    """An option in words, as a sum or product, and its total."""

    text: str
    sum: str
    total: int


def make_level_1(rng: random.Random) -> Draft:
    """Two sums; one in four pairs is equal."""
    a, b, c, d = (rng.randint(2, 20) for _ in range(4))
    if rng.random() < 0.25:
        d = a + b - c
    if d < 1 or (a, b) == (c, d):
        return make_level_1(rng)
    first, second = a + b, c + d
    answer = "same" if first == second else "A" if first > second else "B"
    sign = "=" if first == second else ">" if first > second else "<"
    question = f"A pays {a} and {b}. B pays {c} and {d}. Which pays more: A, B or same?"
    return Draft(question, f"A: {a}+{b}={first}. B: {c}+{d}={second}. {first} {sign} {second}.", answer)


def make_level_2(rng: random.Random) -> Draft:
    """Three options, sums or products; the most or the least, never shared."""
    offers = [_draw_offer(rng) for _ in range(3)]
    most = rng.random() < 0.5
    word, best = ("most", max(o.total for o in offers)) if most else ("least", min(o.total for o in offers))
    if sum(o.total == best for o in offers) > 1:
        return make_level_2(rng)
    letters = "ABC"
    answer = next(letter for letter, o in zip(letters, offers, strict=True) if o.total == best)
    options = " ".join(f"{letter} pays {o.text}." for letter, o in zip(letters, offers, strict=True))
    sums = " ".join(f"{letter}: {o.sum}={o.total}." for letter, o in zip(letters, offers, strict=True))
    return Draft(f"{options} Which pays the {word}: A, B or C?", f"{sums} The {word} is {best}.", answer)


def make_level_3(rng: random.Random) -> Draft:
    """Four options, each a product and a sum; the most or the least, never shared."""
    terms = [(rng.randint(2, 9), rng.randint(2, 9), rng.randint(1, 20)) for _ in range(4)]
    totals = [a * b + c for a, b, c in terms]
    most = rng.random() < 0.5
    word, best = ("most", max(totals)) if most else ("least", min(totals))
    if totals.count(best) > 1:
        return make_level_3(rng)
    letters = "ABCD"
    options = " ".join(f"{k} pays {a} times {b} and {c}." for k, (a, b, c) in zip(letters, terms, strict=True))
    sums = " ".join(
        f"{k}: {a}*{b}={a * b}. {a * b}+{c}={a * b + c}." for k, (a, b, c) in zip(letters, terms, strict=True)
    )
    question = f"{options} Which pays the {word}: A, B, C or D?"
    return Draft(question, f"{sums} The {word} is {best}.", letters[totals.index(best)])


def _draw_offer(rng: random.Random) -> _Offer:
    if rng.random() < 0.5:
        a, b = rng.randint(2, 9), rng.randint(2, 9)
        return _Offer(f"{a} times {b}", f"{a}*{b}", a * b)
    a, b = rng.randint(4, 40), rng.randint(4, 30)
    return _Offer(f"{a} and {b}", f"{a}+{b}", a + b)
