"""Text of unknown origin is made safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch.text import one_line, printable

ESC, BEL = "\x1b", "\x07"
STEERING = (ESC, f"{ESC}[", f"{ESC}]", "31m", "0;", BEL, "\\", "\u202e", "\r", "\b", "\x9b")
PIECES = st.sampled_from((*STEERING, "a", "\n", "é"))
TRICKY = st.lists(PIECES | st.characters()).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ESC}[31mred{ESC}[0m", "red"),
        (f"{ESC}[2J{ESC}[H{ESC}[?25lgone", "gone"),
        (f"{ESC}[38;2;1;2;3mcolour", "colour"),
        (f"{ESC}]0;a title{BEL}text", "text"),
        (f"{ESC}]8;;http://evil{ESC}\\a link{ESC}]8;;{ESC}\\", "a link"),
        (f"{ESC}]0;a title without an end", ""),
        (f"{ESC}cReset", "Reset"),
        (f"a{ESC}", "a"),
        (f"{ESC}(Bline drawing", "line drawing"),
        (f"{ESC}[31", "31"),
    ],
)
def test_terminal_escapes_are_taken_out(text: str, expected: str) -> None:
    assert printable(text) == expected


@pytest.mark.parametrize("mark", ["\x00", BEL, "\b", "\x0b", "\r", "\x7f", "\x85", "\x9b"])
def test_control_characters_are_taken_out(mark: str) -> None:
    assert printable(f"a{mark}b") == "ab"


@pytest.mark.parametrize(
    "mark", [*"\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\U000e0041"]
)
def test_marks_that_turn_or_hide_text_are_taken_out(mark: str) -> None:
    assert printable(f"a{mark}b") == "ab"


@pytest.mark.parametrize("half", ["\ud83d", "\udcff"])
def test_half_a_character_is_taken_out(half: str) -> None:
    assert printable(f"a{half}b") == "ab"


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "Grüße, 日本, 🎲", "<think>\\boxed{4}</think>", ""])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(TRICKY)
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert not [c for c in printable(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\t\n"]


@given(TRICKY)
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(TRICKY)
def test_printable_text_can_be_written_to_any_file(text: str) -> None:
    printable(text).encode("utf-8")


# one line


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\n\n b\tc ", "a b c"), ("", ""), ("12345678", "12345678"), ("123456789", "1234567…"), ("\x1b[31mred", "red")],
)
def test_a_text_is_put_on_one_line_and_cut(text: str, expected: str) -> None:
    assert one_line(text, 8) == expected


@given(TRICKY, st.integers(1, 20))
def test_one_line_is_one_line_and_no_longer_than_asked(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
