"""Episodes in words."""

from dataclasses import replace

import pytest

from mirrormatch.agents.episode_text import MAX_TEXT_CHARS, format_return, result_sentence, shorten_text
from mirrormatch.agents.types import Episode

EPISODE = Episode(
    game="kuhn_poker", version=1, seed=7, seats=("random", "optimal"), deal=("J K",), turns=(),
    returns=(-2.0, 2.0), outcome=("loss", "win"), forfeited_by=None,
)  # fmt: skip


@pytest.mark.parametrize(("value", "text"), [(2.0, "+2"), (-0.5, "-0.5"), (0.0, "0"), (-0.0, "0"), (1 / 3, "+0.333")])
def test_a_return_has_a_sign_and_no_trailing_zeros(value: float, text: str) -> None:
    assert format_return(value) == text


def test_a_result_names_every_role_and_a_forfeit() -> None:
    assert result_sentence(EPISODE, ("first", "second")) == "first -2 (loss), second +2 (win)."
    forfeited = replace(EPISODE, forfeited_by=0)
    assert result_sentence(forfeited, ("first", "second")).endswith("(win). First made no legal move and forfeits.")


def test_a_long_text_is_cut_with_the_number_of_characters_left_out() -> None:
    assert shorten_text(f" {'x' * MAX_TEXT_CHARS}\n") == "x" * MAX_TEXT_CHARS
    assert shorten_text("x" * (MAX_TEXT_CHARS + 1_234)).endswith("x… (1,234 more characters)")
