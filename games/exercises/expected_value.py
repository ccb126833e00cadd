"""Expected value: the total or average of a bet over its possible cases."""

import math
import random
from fractions import Fraction

from mirrormatch.games.exercises.types import Draft
from mirrormatch.games.exercises.words import count_chips


def make_level_1(rng: random.Random) -> Draft:
    """The sum over equally likely cases of two sorts."""
    cases = rng.randint(2, 8)
    wins = rng.randint(1, cases - 1)
    win, loss = rng.randint(1, 12), rng.randint(1, 12)
    rest = cases - wins
    question = (
        f"{_draw_bet(rng)} wins {count_chips(win)} in {wins} of {cases} cases "
        f"and loses {count_chips(loss)} in the other {rest}. What is the total over all {cases} cases?"
    )
    thinking, total = _work_out_balance(wins, win, rest, loss)
    return Draft(question, thinking, str(total))


def make_level_2(rng: random.Random) -> Draft:
    """The average over cases of three sorts, a fraction in lowest terms."""
    cases = rng.randint(3, 9)
    wins = rng.randint(1, cases - 2)
    losses = rng.randint(1, cases - wins - 1)
    win, loss = rng.randint(1, 12), rng.randint(1, 12)
    question = (
        f"{_draw_bet(rng)} wins {count_chips(win)} in {wins} of {cases} cases, loses {count_chips(loss)} in {losses} "
        f"and wins nothing in the others. What is the average per case, as a fraction?"
    )
    thinking, total = _work_out_balance(wins, win, losses, loss)
    answer = str(Fraction(total, cases))
    last = f"{total}/{cases}." if math.gcd(total, cases) == 1 else f"{total}/{cases}={answer}."
    return Draft(question, f"{thinking} {last}", answer)


def make_level_3(rng: random.Random) -> Draft:
    """The average over cases of three sorts, two of which win, a fraction in lowest terms."""
    cases = rng.randint(5, 12)
    often = rng.randint(1, cases - 3)
    seldom = rng.randint(1, cases - often - 1)
    rest = cases - often - seldom
    win, more, loss = rng.randint(1, 12), rng.randint(1, 12), rng.randint(1, 12)
    question = (
        f"{_draw_bet(rng)} wins {count_chips(win)} in {often} of {cases} cases, wins {count_chips(more)} in {seldom} "
        f"and loses {count_chips(loss)} in the others. What is the average per case, as a fraction?"
    )
    gained, total = often * win + seldom * more, often * win + seldom * more - rest * loss
    answer = str(Fraction(total, cases))
    thinking = (
        f"{often}*{win}={often * win}. {seldom}*{more}={seldom * more}. {often * win}+{seldom * more}={gained}. "
        f"{rest}*{loss}={rest * loss}. {gained}-{rest * loss}={total}."
    )
    last = f"{total}/{cases}." if math.gcd(total, cases) == 1 else f"{total}/{cases}={answer}."
    return Draft(question, f"{thinking} {last}", answer)


def _work_out_balance(wins: int, win: int, losses: int, loss: int) -> tuple[str, int]:
    gained, lost = wins * win, losses * loss
    return f"{wins}*{win}={gained}. {losses}*{loss}={lost}. {gained}-{lost}={gained - lost}.", gained - lost


def _draw_bet(rng: random.Random) -> str:
    return rng.choice(("A bet", "A call", "A raise"))
