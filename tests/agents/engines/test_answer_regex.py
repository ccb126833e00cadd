"""The regular expression of a constraint matches the replies with one opening, followed by a choice, and no others."""

import doctest
import itertools
import re

import pytest

from mirrormatch.agents.engines import _answer_regex
from mirrormatch.agents.engines._answer_regex import answer_regex
from mirrormatch.agents.engines._types import Constraint

OPENINGS = ("\\boxed{", "<answer>", "[[", "[", "aab", "abab", "aaa", "ab-ab/a", "ANSWER: ", "^]\n")


@pytest.mark.parametrize("opening", ["[", "[[", "aab", "aba", "abab", "aaa"])
def test_it_matches_what_has_the_opening_once_and_then_a_choice(opening: str) -> None:
    found = re.compile(answer_regex(Constraint(opening, ("x", "xa"), "]")))
    for length in range(len(opening) + 4):
        for characters in itertools.product(sorted({*opening, "x", "a", "]"}), repeat=length):
            text = "".join(characters)
            expected = text.partition(opening)[1:] in {(opening, "x]"), (opening, "xa]")}
            assert bool(found.fullmatch(text)) == expected, text


@pytest.mark.parametrize("opening", OPENINGS)
def test_reasoning_may_hold_pieces_of_the_opening(opening: str) -> None:
    found = re.compile(answer_regex(Constraint(opening, ("1", "x.y"), "}")))
    pieces = "".join(f"{opening[:k]}_" for k in range(1, len(opening)))
    assert found.fullmatch(f"{pieces}{opening}x.y}}")
    assert not found.fullmatch(f"{pieces}{opening}xzy}}")
    assert not found.fullmatch(f"{pieces}{opening}7 {opening}1}}")
    assert not found.fullmatch(f"{pieces}{opening}1}} and so on")


def test_an_answer_without_an_opening_is_the_whole_reply() -> None:
    found = re.compile(answer_regex(Constraint("", ("1", "12"), "")))
    assert [bool(found.fullmatch(text)) for text in ("1", "12", "", " 1", "2", "1 2")] == [True, True] + [False] * 4


@pytest.mark.parametrize("opening", OPENINGS)
def test_it_stays_short(opening: str) -> None:
    assert len(answer_regex(Constraint(opening, ("1",), "}"))) < 600


def test_its_examples_are_true() -> None:
    assert doctest.testmod(_answer_regex) == (0, 3)
