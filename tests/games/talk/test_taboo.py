"""Taboo: forbidden clues, right guesses, the views of both roles, and the soundness of the list."""

import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.games.playing import play_game, play_texts
from tests.paths import ROOT

from mirrormatch import games
from mirrormatch.games import OVER, Problem, ProblemKind
from mirrormatch.games.player_text import CHAT_CHARS

GAME = games.get("taboo")
LIST = json.loads((ROOT / "games" / "talk" / "data" / "taboo.json").read_text(encoding="utf-8"))
CARDS = [(target, card["forbidden"], card["clues"]) for target, card in LIST.items()]

nasty = st.text(st.one_of(st.characters(), st.sampled_from("\n\r\t\x1b\x00\x85\u2028\u202e\ud800\"'|[]")))


def play_moves(target: str, *moves: str, game: Any = GAME) -> Any:
    """The state after the word is drawn and clues and guesses are given, each read as an agent's reply."""
    return play_texts(game, game.apply(game.start(), target), moves)


def find_used(clue: str, target: str = "volcano") -> str:
    """The forbidden word found in the clue; for the volcano: lava, erupt, mountain, hot, magma."""
    word: str = play_moves(target, clue).used
    return word


def read_guess(text: str) -> Any:
    return GAME.parse(play_moves("volcano", "a clue"), text)


def measure_share_won(solvers: Sequence[bool], name: str = "taboo") -> float:
    game = games.get(name)
    return sum(float(game.returns(play_game(game, solvers, seed)[0])[0]) for seed in range(200)) / 200


def is_used_slowly(clue: str, target: str) -> bool:
    """Whether a plain English clue contains a forbidden word, by trying every word, beginning and end."""
    letters = "".join(c if c.isalpha() else " " for c in clue.lower())
    words = letters.split()
    runs = {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
    held = {target, *target.split(), *LIST[target]["forbidden"]}
    return any(run == word or (run.startswith(word) and run[len(word) :] == "s") for run in runs for word in held)


# the list


def test_there_are_188_words() -> None:
    assert len(LIST) == 188


@pytest.mark.parametrize(("target", "forbidden", "clues"), CARDS, ids=list(LIST))
def test_a_card_has_five_forbidden_words_and_three_clues_that_hold_none(
    target: str, forbidden: list[str], clues: list[str]
) -> None:
    assert len({target, *forbidden}) == 6 and len(set(clues)) == 3
    assert [find_used(clue, target) for clue in clues] == ["", "", ""]
    assert [GAME.parse(play_moves(target), clue) for clue in clues] == clues


def test_no_clue_is_on_two_cards() -> None:
    clues = [clue for _, _, clues in CARDS for clue in clues]
    assert len(set(clues)) == len(clues)


def test_forbidden_words_are_in_their_base_form() -> None:
    words = {word for _, forbidden, _ in CARDS for word in forbidden}
    assert [w for w in words if w.removesuffix("s") in words - {w} or w != w.lower()] == []


def test_every_word_is_a_guess_without_changes() -> None:
    assert [read_guess(target) for target in LIST] == list(LIST)


# clues


@pytest.mark.parametrize("clue", [
    "volcano", "VOLCANO!", "Volcanoes in Italy", "it erupts", "an erupting thing", "it has erupted", "full of lava",
    "a mountain", "mountains", "very hot", "hotter than a stove", "la-va", "l a v a", "la va", "l.a.v.a", "_lava_",
    "lava's colour", "l-a-v-a", "l_a_v_a", "l, a, v, a", "l a va", "lav a", "la-va's", "la\u2011va",
    "vol cano", "erupt-ed", "l\u00e1va", "\uff4c\uff41\uff56\uff41", "l\u0430va", "m4gma", "l@va",
    "\U0001d525\U0001d52c\U0001d531", "la\u200bva", "(lava)", "mag\nma",
])  # fmt: skip
def test_a_forbidden_word_is_found_in_any_dress(clue: str) -> None:
    assert find_used(clue) != ""


@pytest.mark.parametrize("clue", [
    "Vesuvius buried Pompeii", "a hotel", "he shot it", "lavatory", "a photo", "mountaineering", "it hates", "12345",
    "\u706b\u5c71", "hö t\u00e4ble",
])  # fmt: skip
def test_other_words_are_allowed(clue: str) -> None:
    assert find_used(clue) == ""


@pytest.mark.parametrize(
    ("target", "clue"),
    [
        ("coffee", "It can be an espresso"), ("coffee", "it may be (an) espresso"), ("coffee", "Be. An espresso"),
        ("dog", "the bar king"), ("fireworks", "a new, long year"),
    ],
)  # fmt: skip
def test_letters_of_neighbouring_words_make_no_forbidden_one(target: str, clue: str) -> None:
    assert find_used(clue, target) == ""


@pytest.mark.parametrize(
    "clue", ["be-an", "b e a n", "b-e-a-n", "B.E.A.N.", "b. e. a. n.", "be a n", "b ean", "BE_AN", "bean"]
)
def test_letters_spelled_out_or_hyphenated_make_a_forbidden_word(clue: str) -> None:
    assert find_used(f"It can be a {clue}", "coffee") == "bean"


@pytest.mark.parametrize(
    ("target", "clue", "word"),
    [
        ("ice cream", "it is made from cream", "cream"), ("ice cream", "ice-creams", "ice"),
        ("ice cream", "a dish of icecream", "ice cream"), ("alarm clock", "many clocks", "clock"),
        ("bread", "baking", "bake"), ("bread", "the baker", "bake"), ("hat", "he hates it", ""), ("ear", "early", ""),
        ("beach", "swimming", "swim"), ("airport", "flies", "fly"), ("airport", "flyers", "fly"),
        ("airport", "flight", ""), ("jam", "strawberries", "strawberry"), ("cloud", "rainy", "rain"),
        ("crown", "golden", "gold"), ("fireworks", "on New Year's Eve", "new year"), ("sun", "it seems sunny", "sun"),
    ],
)  # fmt: skip
def test_forms_of_words_by_hand(target: str, clue: str, word: str) -> None:
    assert find_used(clue, target) == word


@given(st.data())
def test_plain_uses_are_found_as_a_slow_search_finds_them(data: st.DataObject) -> None:
    target, forbidden, _ = data.draw(st.sampled_from(CARDS))
    pool = [*forbidden, target, *[word + "s" for word in forbidden], *"it is so big for all and now".split()]
    clue = " ".join(data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=6)))
    assert bool(find_used(clue, target)) or not is_used_slowly(clue, target)


@pytest.mark.parametrize("clue", [clue for _, _, clues in CARDS[::10] for clue in clues])
def test_what_a_slow_search_does_not_find_is_not_called_used(clue: str) -> None:
    for target in LIST:
        if not any(word in clue.lower() for word in list_stems(target)):
            assert find_used(clue, target) == ""


def list_stems(target: str) -> list[str]:
    """The beginnings of every use of a forbidden word, except words cut in pieces."""
    words = [target, *target.split(), *LIST[target]["forbidden"]]
    return [word[:-1] if len(word) > 2 else word for word in words]


def test_a_forbidden_word_loses_for_both_at_once() -> None:
    state = play_moves("volcano", "full of lava")
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (0.0, 0.0)


def test_a_long_clue_is_cut() -> None:
    assert len(play_moves("volcano", "x" * 1_000).moves[0]) == CHAT_CHARS


@pytest.mark.parametrize("text", ["", " \n", "...", '"', "[]"])
def test_a_clue_has_words(text: str) -> None:
    move = GAME.parse(play_moves("volcano"), text)
    assert isinstance(move, Problem) and move.kind is ProblemKind.NONE


# guesses


@pytest.mark.parametrize("text", [
    "volcano", "Volcano!", "a volcano", "[The Volcano]", "guess: volcano", "Is it a volcano?", "volcanoes", "volcanos",
    "My guess is volcano.", '"volcano"', "v\u00f3lcano", "vol-cano", "It is a volcano",
])  # fmt: skip
def test_the_word_is_guessed_in_many_spellings(text: str) -> None:
    assert GAME.returns(play_moves("volcano", "a clue", text)) == (1.0, 1.0)


@pytest.mark.parametrize("text", ["mountain", "volcanic", "volcano island", "volcan"])
def test_another_word_is_a_wrong_guess(text: str) -> None:
    assert not play_moves("volcano", "a clue", text).guessed


@pytest.mark.parametrize("text", ["volcano, mountain", "volcano or mountain", "volcano/geyser", "volcano\ngeyser"])
def test_two_guesses_are_ambiguous(text: str) -> None:
    assert read_guess(text).kind is ProblemKind.AMBIGUOUS


@pytest.mark.parametrize("text", ["", "?!", "I think that it must be a volcano", "one two three four", "x" * 100])
def test_a_guess_is_a_short_phrase(text: str) -> None:
    assert read_guess(text).kind is ProblemKind.NONE


@pytest.mark.parametrize("text", ["ice cream", "icecream", "ice-cream", "ice creams", "an ice cream"])
def test_spaces_and_hyphens_do_not_matter_in_a_guess(text: str) -> None:
    assert play_moves("ice cream", "a dessert", text).guessed


def test_five_wrong_guesses_lose() -> None:
    state = play_moves("volcano", *["a clue", "a wrong guess"] * 5)
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (0.0, 0.0)


def test_the_fifth_guess_may_be_right() -> None:
    state = play_moves("volcano", *["a clue", "a wrong guess"] * 4, "a clue", "volcano")
    assert GAME.returns(state) == (1.0, 1.0)


def test_a_right_guess_ends_the_game() -> None:
    assert GAME.to_act(play_moves("volcano", "a clue", "volcano")) == OVER


# anything may be typed


@given(nasty)
def test_any_reply_is_a_move_that_reads_back_or_a_problem(text: str) -> None:
    for state in (play_moves("volcano"), play_moves("volcano", "a clue")):
        move = GAME.parse(state, text)
        assert isinstance(move, Problem) or GAME.parse(state, move) == move


def test_every_letter_is_read_back() -> None:
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == "L" and not 0x3400 <= code < 0xD7B0 and code < 0x17000:
            guess = read_guess(chr(code))
            assert isinstance(guess, Problem) or read_guess(guess) == guess, hex(code)


@given(nasty)
def test_no_message_adds_a_line_or_ends_its_quotation(text: str) -> None:
    move = GAME.parse(play_moves("volcano"), text)
    if not isinstance(move, Problem) and not play_moves("volcano", move).used:
        shown = GAME.observe(play_moves("volcano", move), 1).text.splitlines()
        assert len(shown) == 3 and re.fullmatch(r'Clue 1: "[^"\n]*"', shown[1])


# what is shown


def test_the_describer_is_shown_the_card() -> None:
    text = GAME.observe(play_moves("volcano"), 0).text
    assert "Secret word: volcano.\nForbidden: lava, erupt, mountain, hot, magma." in text


@pytest.mark.parametrize("moves", [(), ("a clue",), ("a clue", "a guess"), ("a clue", "a guess", "another clue")])
def test_the_guesser_is_shown_the_same_for_every_word(moves: tuple[str, ...]) -> None:
    assert len({GAME.observe(play_moves(target, *moves), 1) for target in ("volcano", "zebra", "apple")}) == 1


def test_both_are_shown_clues_and_guesses() -> None:
    state = play_moves("volcano", "it smokes", "a pipe")
    for role in (0, 1):
        assert 'Clue 1: "it smokes"\nGuess 1: "pipe", wrong.' in GAME.observe(state, role).text


def test_the_guesser_learns_the_word_at_the_end() -> None:
    text = GAME.observe(play_moves("volcano", "full of lava"), 1).text
    assert text.endswith("The clue holds 'lava', which is forbidden. The word was 'volcano'. You both lose.")


def test_one_guess_is_in_the_singular() -> None:
    assert games.get("taboo:attempts=1").rules().endswith("There is one guess; both win if it is right.")
    assert GAME.rules().endswith("Both win if one of 5 guesses is right.")


# the solver


def test_two_solvers_win() -> None:
    assert measure_share_won((True, True)) == 1.0


def test_two_solvers_nearly_always_win_with_one_attempt() -> None:
    assert measure_share_won((True, True), "taboo:attempts=1") > 0.95


def test_random_players_nearly_always_lose() -> None:
    assert measure_share_won((False, False)) < 0.1


def test_the_guessing_solver_understands_a_describer_who_is_right_half_the_time() -> None:
    assert measure_share_won((False, True)) > 0.8


def test_the_guessing_solver_does_not_repeat_itself() -> None:
    state = play_moves("volcano")
    for _ in range(5):
        state = GAME.apply(state, "Vesuvius" if not state.moves else "something else")
        ((guess, _),) = GAME.solution(GAME.view(state, 1))
        if GAME.to_act(state := GAME.apply(state, guess)) == OVER:
            break
    assert len(set(state.moves[1::2])) == len(state.moves[1::2])
