"""Prose is plain technical English, by the count of words that it avoids."""

import subprocess
import sys

import pytest
from tests.paths import ROOT
from tests.project import prose

pytestmark = pytest.mark.slow


def test_every_avoided_word_is_rare() -> None:
    assert {word: rate for word, rate in prose.measure_rates().items() if rate >= prose.MAX_RATE} == {}


def test_every_kind_of_prose_is_counted() -> None:
    assert {passage.kind for passage in prose.passages()} == {"docstring", "comment", "message", "page"}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It is told what it was told.", 2),
        ("Told", 1),
        ("understands", 0),
        ("written so\n    that it fits", 0),
    ],
)
def test_words_are_counted_whole(text: str, count: int) -> None:
    assert sum(prose.count_word(word, text) for word in ("told", "stands")) == count


def test_a_phrase_is_found_across_a_line_break() -> None:
    assert prose.count_word("so that", "written so\n    that it fits") == 1


def test_docstrings_are_drawn_with_a_fixed_seed() -> None:
    draw = [sys.executable, str(ROOT / "tests" / "project" / "prose.py"), "--draw", "3"]
    first, second = (subprocess.run(draw, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second and first.count(".py:") == 3
