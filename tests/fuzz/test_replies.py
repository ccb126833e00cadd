"""Any reply of a model is read, by every prompt format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.strategies import texts

from mirrormatch import prompts
from mirrormatch.games import Problem
from mirrormatch.prompts import PromptSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]
MOVES = ("fold", "bet", "4", "<think>I bluff.</think>\\boxed{bet}", "Answer: 4", "assistantfinal", "analysisWell")


@pytest.mark.parametrize("name", prompts.names())
@given(reply=texts(*MOVES), truncated=st.booleans(), thinking=st.booleans() | st.none())
def test_any_reply_is_an_answer_or_a_problem(name: str, reply: str, truncated: bool, thinking: bool | None) -> None:
    reading = prompts.get(name, PromptSettings(thinking=thinking)).read(reply, truncated)
    assert isinstance(reading.thinking, str)
    if isinstance(reading.answer, Problem):
        assert reading.answer.detail and "\n" not in reading.answer.detail
    else:
        assert "\n" not in reading.answer and reading.answer == reading.answer.strip()
    assert all(isinstance(spelling, str) for spelling in reading.spellings)


@pytest.mark.parametrize("name", prompts.names())
@given(move=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{}\\\ufffd<>*`_#:"), min_size=1))
def test_a_move_in_the_format_s_own_form_is_read_back(name: str, move: str) -> None:
    prompt = prompts.get(name)
    expected = " ".join(move.split())
    if expected:
        assert isinstance(prompt.read(prompt.format_answer(expected), truncated=False).answer, str | Problem)
