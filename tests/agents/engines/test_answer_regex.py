"""The regular expression of an answer matches the prompt's text around a move, and nothing else."""

import doctest
import re

import pytest

from mirrormatch.agents.engines import _answer_regex
from mirrormatch.agents.engines._answer_regex import answer_regex, list_choices

AROUND = (
    ("\\boxed{", "}"),
    ("<answer>", "</answer>"),
    ("[[", "]]"),
    (" ", ""),
    ("ANSWER: ", "\n"),
    ("^]\n", "$"),
    ("", ""),
)


@pytest.mark.parametrize(("opening", "closing"), AROUND)
def test_it_matches_a_choice_between_two_texts(opening: str, closing: str) -> None:
    found = re.compile(answer_regex(opening, list_choices(("x.y", "1", "12", "5-6 |a]")), closing))
    for move in ("x.y", "1", "12", "5-6 |a]"):
        assert found.fullmatch(f"{opening}{move}{closing}")
    for text in ("xzy", "", "5", "a]", "1|12"):
        assert not found.fullmatch(f"{opening}{text}{closing}")
    assert not found.fullmatch(f"I think {opening}1{closing}") and not found.fullmatch(f"{opening}1{closing} so")


def test_its_examples_are_true() -> None:
    assert doctest.testmod(_answer_regex) == (0, 1)
