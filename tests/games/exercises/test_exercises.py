"""The exercises are right and balanced, and no question serves both training and measuring.

Slow solvers find each answer again from the text of its question alone, by trying every case.
"""

import itertools
import random
import re
from collections import Counter
from fractions import Fraction
from functools import reduce

import pytest

from mirrormatch.games.exercises import KINDS, LEVELS, Exercise, draw_exercise, grade_answer, is_held_out, make_exercise
from mirrormatch.games.exercises.words import NAMES

TASKS = [(kind, level) for kind in KINDS for level in LEVELS]
MAJORITY_AT_MOST = 0.6
NUM_TRIED = 1_500


def make_sample(kind: str, level: int, number: int, seed: int = 3) -> list[Exercise]:
    rng = random.Random(seed)
    return [make_exercise(kind, level, rng) for _ in range(number)]


# the slow oracles


def find_numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)]


def apply_products(formula: str) -> int:
    """Adds up the products of a formula, each with its sign."""
    total = 0
    for sign, product in re.findall(r"([+-]?) ?(\d+(?: \* \d+)*)", formula):
        value = reduce(lambda a, b: a * b, find_numbers(product))
        total += -value if sign == "-" else value
    return total


def apply_step(total: int, more: tuple[str, str]) -> int:
    """Applies one operation, from left to right; a product occurs only at the start."""
    sign, operand = more[0], int(more[1])
    return total * operand if sign == "*" else total + operand if sign == "+" else total - operand


def solve_arithmetic(question: str) -> str:
    if formula := re.fullmatch(r"What is ([\d +*-]+)\?", question):
        return str(apply_products(formula[1]))
    if parts := re.findall(r"(win|lose) (\d+) chips (\d+) times", question):
        signed = [int(a) * int(b) * (1 if verb == "win" else -1) for verb, a, b in parts]
        return str(sum(signed))
    chips = int(re.match(r"You have (\d+) chip", question)[1])  # type: ignore[index]
    for verb, number in re.findall(r"(win|lose) (\d+)", question):
        chips += int(number) if verb == "win" else -int(number)
    return str(chips)


def solve_expected_value(question: str) -> str:
    if "average" in question and question.count("wins") == 2 and "nothing" not in question:
        win, wins, cases, more, seldom, loss = find_numbers(question)
        rest = cases - wins - seldom
        return str(Fraction(sum([win] * wins + [more] * seldom + [-loss] * rest), cases))
    if "average" in question:
        win, wins, cases, loss, losses = find_numbers(question)
        outcomes = [win] * wins + [-loss] * losses + [0] * (cases - wins - losses)
        assert len(outcomes) == cases
        return str(Fraction(sum(outcomes), cases))
    win, wins, cases, loss, rest, again = find_numbers(question)
    assert again == cases == wins + rest
    return str(sum([win] * wins + [-loss] * rest))


def solve_comparison(question: str) -> str:
    totals = dict[str, int]()
    for letter, a, word, b in re.findall(r"([ABC]) pays (\d+) (and|times) (\d+)\.", question):
        totals[letter] = int(a) + int(b) if word == "and" else int(a) * int(b)
    for letter, a, b, c in re.findall(r"([ABCD]) pays (\d+) times (\d+) and (\d+)\.", question):
        totals[letter] = sum([int(a)] * int(b)) + int(c)
    best = min(totals.values()) if "least" in question else max(totals.values())
    (*winners,) = (letter for letter, total in totals.items() if total == best)
    if len(winners) > 1:
        assert "same" in question
        return "same"
    return winners[0]


def solve_case_analysis(question: str) -> str:
    if "one each" in question:
        return solve_holders(question)
    cards = find_numbers(question.split(".")[0])
    mine = find_numbers(question.split(".")[1])[0]
    others = [c for c in cards if c != mine]
    if "holds one of the others" in question:
        return str(sum((mine > c) if "higher?" in question else (mine < c) for c in others))
    deals = list(itertools.permutations(others, 3 if "others each" in question else 2))
    if "only one" in question:
        above = "higher" in question
        return str(sum(sum((c > mine) == above for c in deal) == 1 for deal in deals))
    if "highest" in question:
        return str(sum(mine == max(mine, *deal) for deal in deals))
    if "lowest" in question:
        return str(sum(mine == min(mine, *deal) for deal in deals))
    return str(sum(sorted((mine, *deal))[1] == mine for deal in deals))


def solve_holders(question: str) -> str:
    first, *facts, asked = re.split(r"(?<=[.?]) ", question)
    names = re.findall("|".join(NAMES), first)
    found = set[int]()
    for deal in itertools.permutations(find_numbers(first)):
        holds = dict(zip(names, deal, strict=True))
        if all(is_true(fact, holds) for fact in facts):
            found.add(holds[re.findall("|".join(NAMES), asked)[0]])
    (answer,) = found
    return str(answer)


def is_true(fact: str, holds: dict[str, int]) -> bool:
    if lower := re.fullmatch(r"(\w+)'s card is lower than (\w+)'s\.", fact):
        return holds[lower[1]] < holds[lower[2]]
    if negative := re.fullmatch(r"(\w+) does not hold (\d+)\.", fact):
        return holds[negative[1]] != int(negative[2])
    positive = re.fullmatch(r"(\w+) holds (\d+)\.", fact)
    assert positive is not None, fact
    return holds[positive[1]] == int(positive[2])


def solve_logic(question: str) -> str:
    if "coin" in question:
        return solve_coin(question)
    return solve_lights(question) if question.startswith("If") else solve_ordering(question)


def solve_ordering(question: str) -> str:
    facts = re.findall(r"(\w+) is (\w+) than (\w+)\.", question)
    names = sorted({name for a, _, b in facts for name in (a, b)})
    lessening = {"younger", "shorter", "slower", "poorer", "youngest", "shortest", "slowest", "poorest"}
    found = set[str]()
    for order in itertools.permutations(names):  # the most first
        if all((order.index(a) < order.index(b)) != (word in lessening) for a, word, b in facts):
            asked = re.search(r"Who is the (second )?(\w+)\?", question)
            assert asked is not None
            place = 1 if asked[1] else 0
            found.add(order[-1 - place] if asked[2] in lessening else order[place])
    (answer,) = found
    return answer


def solve_lights(question: str) -> str:
    rules = re.findall(r"If (\w+) is on, (\w+) is on\.", question)
    given = re.search(r"\. ([A-Z]\w+) is (on|off)\. Is (\w+) on", question)
    assert given is not None
    lights = sorted({light for rule in rules for light in rule})
    seen = set[bool]()
    for values in itertools.product((False, True), repeat=len(lights)):
        on = dict(zip(lights, values, strict=True))
        if on[given[1].lower()] == (given[2] == "on") and all(on[b] or not on[a] for a, b in rules):
            seen.add(on[given[3]])
    return "unknown" if len(seen) > 1 else "yes" if seen == {True} else "no"


def solve_coin(question: str) -> str:
    names = re.findall("|".join(NAMES), question.split(".")[0])
    num_lies = 1 if "One of them lies" in question else 2
    statements = re.findall(r"(\w+) says: (\w+) ((?:do not|does not)? ?)(?:have|has) it\.", question)
    assert len(statements) == 3
    fitting = list[str]()
    for holder in names:
        true = [((speaker if who == "I" else who) == holder) == (not no) for speaker, who, no in statements]
        if true.count(False) == num_lies:
            fitting.append(holder)
    (answer,) = fitting
    return answer


ORACLES = {
    "arithmetic": solve_arithmetic,
    "expected_value": solve_expected_value,
    "comparison": solve_comparison,
    "case_analysis": solve_case_analysis,
    "logic": solve_logic,
}


@pytest.mark.parametrize(("kind", "level"), TASKS)
def test_every_answer_is_the_one_that_trying_all_cases_finds(kind: str, level: int) -> None:
    for exercise in make_sample(kind, level, NUM_TRIED):
        assert exercise.answer == ORACLES[kind](exercise.question), exercise


@pytest.mark.parametrize(("kind", "level"), TASKS)
def test_every_equation_in_a_worked_solution_is_true(kind: str, level: int) -> None:
    for exercise in make_sample(kind, level, NUM_TRIED):
        for left, sign, right, result in re.findall(r"(-?\d+)([-+*/])(\d+)=(-?\d+(?:/\d+)?)\.", exercise.thinking):
            value = Fraction(int(left), int(right)) if sign == "/" else apply_step(int(left), (sign, right))
            assert value == Fraction(result), exercise


@pytest.mark.parametrize(("kind", "level"), TASKS)
def test_texts_are_short_and_numbers_are_small(kind: str, level: int) -> None:
    for exercise in make_sample(kind, level, NUM_TRIED):
        assert len(exercise.question.split()) <= 40, exercise
        assert len(exercise.thinking.split()) <= 25, exercise
        assert max((*find_numbers(exercise.question), *find_numbers(exercise.thinking)), default=0) <= 1_500, exercise


@pytest.mark.parametrize(("kind", "level"), TASKS)
def test_no_single_answer_is_right_too_often(kind: str, level: int) -> None:
    ((_, most),) = Counter(e.answer for e in make_sample(kind, level, NUM_TRIED)).most_common(1)
    assert most / NUM_TRIED <= MAJORITY_AT_MOST


@pytest.mark.parametrize(("kind", "level"), TASKS)
def test_there_are_five_hundred_distinct_questions_that_are_held_out(kind: str, level: int) -> None:
    questions = {e.question for e in make_sample(kind, level, 10_000)}
    assert sum(map(is_held_out, questions)) >= 500


@pytest.mark.parametrize(("kind", "level"), TASKS)
def test_held_out_and_training_questions_never_meet(kind: str, level: int) -> None:
    held_out = {draw_exercise(kind, level, 1, i, held_out=True).question for i in range(200)}
    training = {draw_exercise(kind, level, 1, i, held_out=False).question for i in range(200)}
    assert not held_out & training
    assert all(map(is_held_out, held_out))
    assert not any(map(is_held_out, training))


def test_what_is_held_out_never_changes() -> None:
    assert [is_held_out(f"What is 1 + {n}?") for n in range(8)] == [
        False, True, False, False, False, True, False, False,
    ]  # fmt: skip


def test_a_draw_depends_on_its_arguments_alone() -> None:
    first = draw_exercise("logic", 2, 7, 11, held_out=True)
    random.seed(0)
    assert draw_exercise("logic", 2, 7, 11, held_out=True) == first
    assert draw_exercise("logic", 2, 7, 12, held_out=True) != first
    assert draw_exercise("logic", 2, 8, 11, held_out=True) != first


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        ("12", "12"), ("12", " 12. "), ("12", "+12"), ("12", "$12$"), ("12", "12.0"), ("12", "24/2"), ("12", "012"),
        ("-3", "-3"), ("-3", "\N{MINUS SIGN}3"), ("-3", "- 3"), ("-7/2", "-7/2"), ("-7/2", "-3.5"),
        ("-7/2", "-7 / 2"), ("-7/2", "-14/4"), ("-7/2", r"-\frac{7}{2}"), ("-7/2", r"$\dfrac{-7}{2}$."),
        ("12", r"\$12"), ("12", "$12"), ("12", "{12}"), ("1/2", ".5"), ("-1/2", "-.5"), ("1/2", r"\tfrac12"),
        ("1/2", r"\frac12"), ("1/2", r"\(\frac{1}{2}\)"), ("1/2", r"\[\dfrac{1}{2}\]"), ("3/2", r"1\frac{1}{2}"),
        ("3/2", "1 1/2"), ("12", r"12 \text{ points}"), ("12", r"12\text{points}"), ("12", "12 chips"),
        ("12", "x = 12"), ("12", "x=**12**."), ("1200", "1,200"), ("1200", "1{,}200"), ("1200", r"1\,200.00"),
        ("12", "12."), ("12", "*12*"),
        ("12", r"\text{12}"), ("12", r"\boxed{12}"), ("12", r"\left(12\right)"), ("12", r"\displaystyle 12"),
        ("Ann", "**Ann**"), ("Ann", '"Ann"'), ("Ann", "(Ann)"), ("Ann", "\u201cAnn.\u201d"), ("Ann", "`Ann`"),
        ("Ann", r"\textbf{Ann}"), ("Ann", r"\mathrm{ann}"), ("yes", "[yes]"), ("yes", "x = yes"),
        ("yes", "Yes."), ("Ann", " ann"), ("A", "a"), ("same", r"\text{same}"), ("unknown", "UNKNOWN"),
    ],
)  # fmt: skip
def test_the_same_answer_in_another_spelling_is_right(answer: str, given: str) -> None:
    assert grade_answer(answer, given)


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        ("12", "13"), ("12", "1 2"), ("12", ""), ("12", "6*2"), ("12", "2+10"), ("12", "12 or 13"), ("62", "6*2"),
        ("12", "12 or so"), ("12", "12 hundred"), ("12", "12 is wrong"), ("12", "12 = 13"), ("12", "x = 12 or 13"),
        ("12", "1,2"), ("1200", "1,20"),
        ("11/2", r"1\frac{1}{2}"), ("0", "0xc"), ("12", "12th"), ("12", "(12, 13)"), ("12", "12 and 12"), ("1", "1st"),
        ("Ann", "Ann = Ben"), ("Ann", "(Ann) Ben"), ("5", "0.5"), ("-12", r"\(12\)"), ("12", "{12"), ("12", "."),
        ("12", "1.2e1"), ("12", "1_2"), ("12", "0xc"), ("12", "++12"), ("12", "--12"), ("12", "\u0661\u0662"),
        ("12", "12/0"), ("12", "nan"), ("12", "9**9**9**9"), ("12", "1" * 10_000), ("1/3", "0.333"), ("1/3", "1/3/1"),
        ("-3", "3"), ("yes", "no"), ("yes", "yes and no"), ("yes", "1"), ("Ann", "Ann or Ben"), ("A", "Option A"),
        ("12", "__import__('os').getpid()"), ("12", "\x00"), ("12", "\ud800"),
    ],
)  # fmt: skip
def test_another_answer_or_one_outside_the_grammar_is_wrong(answer: str, given: str) -> None:
    assert not grade_answer(answer, given)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "level"), TASKS)
def test_every_answer_grades_itself_as_right_and_no_other_as_right(kind: str, level: int) -> None:
    answers = sorted({e.answer for e in make_sample(kind, level, 300)})
    for one, other in itertools.product(answers, repeat=2):
        assert grade_answer(one, other) == (one == other)
