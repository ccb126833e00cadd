"""Texts for which a reader's processor time explodes are found, and only those."""

import re
import time

import pytest

from mirrormatch.games.contract.growth import FLOOR_S, LENGTHS, MAX_UNITS, find_bomb, list_units, reduce_to_form
from mirrormatch.games.exercises.grading import grade_answer

PLAIN_UNITS = (
    "1",
    "1 ",
    "a",
    "a ",
    " ",
    ",",
    "(",
    "{",
    "[",
    "*",
    "=",
    "\\frac",
    "\\text{",
    "\\",
    "1,111",
    "-",
    "x=",
    "$",
)


@pytest.mark.parametrize("pattern", [r"(a+)+", r"(?:\d{1,3}\s*)+", r"(?:a|aa)*", r"(a*)*b"])
def test_exponential_growth_is_found_within_a_second(pattern: str) -> None:
    start = time.process_time()
    bombs = [find_bomb(re.compile(pattern).fullmatch, "", unit) for unit in ("a", "1")]
    assert any(bombs)
    assert time.process_time() - start < 5


def test_a_unit_of_many_letters_is_found_within_seconds() -> None:
    start = time.process_time()
    assert find_bomb(re.compile(r"(?:[a-z]+ ?)+").fullmatch, "", "heads") is not None
    assert time.process_time() - start < 10


def test_cubic_growth_is_found() -> None:
    assert find_bomb(re.compile(r"a*a*a*b").fullmatch, "", "a") is not None


def test_growth_behind_a_prefix_is_found() -> None:
    read = re.compile(r"offer (?:\d+ ?)+").fullmatch
    assert find_bomb(read, "", "1") is None
    assert find_bomb(read, "offer ", "1") is not None


def test_a_reader_that_keeps_its_results_is_found() -> None:
    kept: dict[str, object] = {}

    def read(text: str) -> object:
        if text not in kept:
            kept[text] = re.fullmatch(r"(?:a+)+", text)
        return kept[text]

    assert find_bomb(read, "", "a") is not None


@pytest.mark.parametrize(
    "read", [str.split, str.casefold, re.compile(r"a+").fullmatch, lambda text: sum(map(ord, text))]
)
def test_linear_growth_is_no_finding(read: object) -> None:
    assert callable(read)
    assert find_bomb(read, "", "a" * 20) is None


def test_a_single_pause_of_the_machine_is_no_finding() -> None:
    waits = iter([False] * 20 + [True])

    def read(text: str) -> None:
        end = time.process_time() + 10 * FLOOR_S * next(waits, False)
        while time.process_time() < end:
            pass

    assert find_bomb(read, "", "a") is None


def test_lengths_rise_by_a_quarter_from_eight_on_and_include_their_halves() -> None:
    assert LENGTHS[:14] == (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32)
    assert LENGTHS[-2:] == (1_792, MAX_UNITS)
    assert all(num // 2 in LENGTHS for num in LENGTHS if num >= 16)


def test_units_are_the_tokens_of_a_spelling() -> None:
    expected = [
        ("", "go"),
        ("", "go "),
        ("", "4"),
        ("", "4 "),
        ("go ", "4"),
        ("go ", "4 "),
        ("", "go 4"),
        ("", "go 4 "),
    ]
    assert list(list_units("go 4")) == expected


def test_spellings_of_one_form_differ_in_their_words_and_numbers_alone() -> None:
    assert reduce_to_form("2 wood and 10 gold") == reduce_to_form("1 ore or 3 wood") == "0 a a 0 a"


@pytest.mark.parametrize("unit", PLAIN_UNITS)
@pytest.mark.parametrize("prefix", ["", "\\boxed{", "x = "])
def test_the_grader_of_exercises_is_quick(prefix: str, unit: str) -> None:
    assert find_bomb(lambda text: grade_answer("12", text), prefix, unit) is None
