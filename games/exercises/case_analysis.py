"""Case analysis: hidden cards."""

import itertools
import math
import operator
import random
from collections.abc import Sequence
from typing import Final

from mirrormatch.games.exercises.types import Draft
from mirrormatch.games.exercises.words import NAMES

HIGHEST_CARD: Final = 12
_DROPPED: Final = 0.85  # share of the questions without any case that are left out at level 3: they are too many


def make_level_1(rng: random.Random) -> Draft:
    """One hidden card, or three cards of which one is known."""
    return rng.choice((_make_one_hidden, _make_known_card))(rng)


def make_level_2(rng: random.Random) -> Draft:
    """Two hidden cards, or three cards of which none is known."""
    return rng.choice((_make_two_hidden, _make_no_known_card))(rng)


def make_level_3(rng: random.Random) -> Draft:
    """Three hidden cards: the deals in which the own card is the highest, the lowest, or has one above or below it."""
    cards, mine = _draw_hand(rng, rng.randint(6, 7))
    lower, higher = sum(c < mine for c in cards), sum(c > mine for c in cards)
    asked = rng.choice(("do you have the highest", "do you have the lowest", "is only one higher", "is only one lower"))
    if asked.startswith("do"):
        rest = lower if asked.endswith("highest") else higher
        factors: tuple[int, ...] = (max(rest - 1, 0), max(rest - 2, 0))
    else:
        rest, one = (lower, higher) if asked.endswith("higher") else (higher, lower)
        factors = (max(rest - 1, 0), one, 3)  # the one is any of the three
    number = rest * math.prod(factors)
    if not number and rng.random() < _DROPPED:
        return make_level_3(rng)
    question = (
        f"The cards are {_list_things(cards)}. You hold {mine}. {_list_things(rng.sample(NAMES, 3))} get one of the "
        f"others each. In how many deals {asked}{' card' if asked.startswith('do') else ' than yours'}?"
    )
    return Draft(question, f"Lower: {lower}. Higher: {higher}. {_multiply(rest, factors)}", str(number))


def _multiply(start: int, factors: Sequence[int]) -> str:
    """The products of a start and each factor in turn, as text."""
    totals = itertools.accumulate(factors, operator.mul, initial=start)
    return " ".join(f"{total}*{factor}={total * factor}." for total, factor in zip(totals, factors, strict=False))


def _make_one_hidden(rng: random.Random) -> Draft:
    cards, mine = _draw_hand(rng, rng.randint(3, 5))
    higher = rng.random() < 0.5  # my card is the higher one
    others = [c for c in cards if c != mine]
    cases = [c for c in others if (c < mine) == higher]
    question = (
        f"The cards are {_list_things(cards)}. You hold {mine}. {rng.choice(NAMES)} holds one of the others. "
        f"In how many cases is your card {'higher' if higher else 'lower'}?"
    )
    thinking = f"Others: {_space_out(others)}. {'Lower' if higher else 'Higher'} than {mine}: {_space_out(cases)}."
    return Draft(question, thinking, str(len(cases)))


def _make_known_card(rng: random.Random) -> Draft:
    holders, cards = rng.sample(NAMES, 3), sorted(rng.sample(range(1, HIGHEST_CARD + 1), 3))
    known, other, last = rng.sample(holders, 3)
    card = dict(zip((known, other, last), rng.sample(cards, 3), strict=True))
    asked = rng.choice((other, last))
    left = [c for c in cards if c != card[known]]
    facts = [f"{known} holds {card[known]}.", f"{other} does not hold {card[last]}."]
    rng.shuffle(facts)
    question = f"{_list_holders(holders, cards)} {' '.join(facts)} Which card does {asked} hold?"
    thinking = f"{known} {card[known]}. Left: {_space_out(left)}. {other} {card[other]}. {last} {card[last]}."
    return Draft(question, thinking, str(card[asked]))


def _make_two_hidden(rng: random.Random) -> Draft:
    cards, mine = _draw_hand(rng, rng.randint(4, 5))
    first, second = rng.sample(NAMES, 2)
    lower, higher = [c for c in cards if c < mine], [c for c in cards if c > mine]
    asked = rng.choice(("do you have the highest card", "do you have the lowest card", "is your card in the middle"))
    if "middle" in asked:
        once = len(lower) * len(higher)
        thinking = f"Lower: {_space_out(lower)}. Higher: {_space_out(higher)}. {len(lower)}*{len(higher)}={once}. "
        thinking, number = thinking + f"{once}*2={once * 2}.", once * 2
    else:
        word, cases = ("Lower", lower) if "highest" in asked else ("Higher", higher)
        number = len(cases) * max(len(cases) - 1, 0)
        thinking = f"{word}: {_space_out(cases)}. {len(cases)}*{max(len(cases) - 1, 0)}={number}."
    question = (
        f"The cards are {_list_things(cards)}. You hold {mine}. "
        f"{first} gets one of the others, then {second} gets one. In how many deals {asked}?"
    )
    return Draft(question, thinking, str(number))


def _make_no_known_card(rng: random.Random) -> Draft:
    holders, cards = rng.sample(NAMES, 3), sorted(rng.sample(range(1, HIGHEST_CARD + 1), 3))
    low, high = rng.sample(range(3), 2)
    barred, card = rng.choice(range(3)), rng.choice(cards)
    first = [deal for deal in itertools.permutations(cards) if deal[low] < deal[high]]
    left = [deal for deal in first if deal[barred] != card]
    certain = [i for i in range(3) if len({deal[i] for deal in left}) == 1]
    if not certain or len(left) == len(first):
        return _make_no_known_card(rng)
    asked = rng.choice(certain)
    facts = [f"{holders[low]}'s card is lower than {holders[high]}'s.", f"{holders[barred]} does not hold {card}."]
    rng.shuffle(facts)
    question = f"{_list_holders(holders, cards)} {' '.join(facts)} Which card does {holders[asked]} hold?"
    thinking = f"Lower: {_list_deals(first)}. Not {card}: {_list_deals(left)}. {holders[asked]} holds {left[0][asked]}."
    return Draft(question, thinking, str(left[0][asked]))


def _draw_hand(rng: random.Random, size: int) -> tuple[list[int], int]:
    """Cards in order, and the solver's own one; the lowest is as likely as any other."""
    cards = sorted(rng.sample(range(1, HIGHEST_CARD + 1), size))
    return cards, rng.choice(cards)


def _list_holders(holders: Sequence[str], cards: Sequence[int]) -> str:
    return f"{_list_things(holders)} hold the cards {_list_things(cards)}, one each."


def _list_things(things: Sequence[object]) -> str:
    return f"{', '.join(str(t) for t in things[:-1])} and {things[-1]}"


def _space_out(numbers: Sequence[int]) -> str:
    return " ".join(str(n) for n in numbers) or "none"


def _list_deals(deals: Sequence[Sequence[int]]) -> str:
    return ", ".join(_space_out(deal) for deal in deals)
