"""Any text in any position of any game is a legal move or a named problem."""

import functools
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.strategies import texts

from mirrormatch import games
from mirrormatch.agents.play import MAX_ANSWER_CHARS, find_move
from mirrormatch.games import Problem
from mirrormatch.games.contract.visits import Visit, play_random_game
from mirrormatch.games.exercises import grade_answer
from mirrormatch.games.game import Game
from mirrormatch.games.player_text import clean_message, quote_message
from mirrormatch.text import has_visible, one_line, printable, strip_latex

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]
NUM_GAMES = 4  # whose positions are tried, of each game


@functools.cache
def positions(name: str) -> tuple[Visit, ...]:
    """The positions of some random games in which a player is to act."""
    visits = list[Visit]()
    for seed in range(NUM_GAMES):
        assert not list(play_random_game(games.get(name), seed, 2, visits))
    return tuple(visit for visit in visits if visit.role >= 0)


@functools.cache
def spellings(name: str) -> tuple[str, ...]:
    """Moves of the game, legal at some position."""
    game: Game[Any, Any] = games.get(name)
    found = dict.fromkeys(move for visit in positions(name) for move in (*(game.legal(visit.state) or ()), *visit.path))
    return tuple(found)[:200] or ("",)


@pytest.mark.parametrize("name", games.names())
@given(data=st.data())
def test_any_text_is_a_legal_move_or_a_problem(name: str, data: st.DataObject) -> None:
    game = games.get(name)
    state = data.draw(st.sampled_from(positions(name))).state
    answer = data.draw(texts(*spellings(name)))
    move = find_move(game, state, answer)
    if isinstance(move, Problem):
        assert move.detail and len(move.detail) < 4 * MAX_ANSWER_CHARS
        return
    legal = game.legal(state)
    assert legal is None or move in legal
    assert find_move(game, state, move) == move, "a move is not read as itself"
    game.to_act(game.apply(state, move))


@given(texts("12", "1/2", "x = 3", "Ann", "12 points"), texts("12", "1/2", "x = 3", "Ann"))
def test_any_answer_to_an_exercise_is_graded(given_answer: str, reference: str) -> None:
    assert grade_answer(reference, given_answer) in (True, False)


@given(texts("hello", "I offer 2"))
def test_a_message_to_others_has_nothing_hidden_and_stays_as_it_is_when_it_is_cleaned_again(text: str) -> None:
    cleaned = clean_message(text)
    assert cleaned == clean_message(cleaned)
    assert not {unicodedata.category(c) for c in cleaned} & {"Cf", "Cc", "Cs", "Zl", "Zp"}
    assert "\n" not in quote_message(text) and "\x1b" not in quote_message(text)


@given(texts("\\text{a}", "\\mathrm{"), st.integers(1, 80))
def test_any_text_can_be_shown_on_one_line(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown) <= limit and "\n" not in shown and printable(shown) == shown
    assert isinstance(strip_latex(text), str) and has_visible(text) in (True, False)
