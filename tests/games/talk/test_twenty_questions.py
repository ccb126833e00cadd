"""Twenty questions: the answers are true, plain questions are read, and every thing can be found."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.games.playing import play_texts

from mirrormatch import games
from mirrormatch.games import OVER, Game, Problem, ProblemKind
from mirrormatch.games.talk.twenty_questions import DATA, load_facts

GAME = games.get("twenty_questions")
SHORT = games.get("twenty_questions:questions=8")
KNOWN = json.loads(DATA.read_text(encoding="utf-8"))
PHRASINGS = [(phrasing, phrasings[0]) for phrasings in KNOWN["attributes"] for phrasing in phrasings]
nasty = st.text(st.one_of(st.characters(), st.sampled_from("\n\t\x00\ud800\"'|[]?")))

# Common knowledge, written down independently of the data.
TRUTHS = (
    ("cat", "is it an animal?", "yes"), ("cat", "can it fly?", "no"), ("cat", "does it lay eggs?", "no"),
    ("bat", "can it fly?", "yes"), ("bat", "is it a bird?", "no"), ("bat", "is it a mammal?", "yes"),
    ("penguin", "is it a bird?", "yes"), ("penguin", "can it fly?", "no"), ("penguin", "does it have wings?", "yes"),
    ("whale", "is it a fish?", "no"), ("whale", "is it a mammal?", "yes"), ("whale", "does it live in water?", "yes"),
    ("spider", "is it an insect?", "no"), ("bee", "is it an insect?", "yes"), ("frog", "is it a reptile?", "no"),
    ("snake", "is it a reptile?", "yes"), ("snake", "does it have four legs?", "no"),
    ("mushroom", "is it a plant?", "no"),
    ("tomato", "is it a fruit?", "sometimes"), ("carrot", "does it grow underground?", "yes"),
    ("lemon", "is it yellow?", "yes"), ("lemon", "is it sweet?", "no"), ("milk", "is it white?", "yes"),
    ("bicycle", "does it have an engine?", "sometimes"), ("car", "does it have wheels?", "yes"),
    ("helicopter", "does it have wings?", "no"), ("guitar", "does it have strings?", "yes"),
    ("trumpet", "is it made of metal?", "yes"), ("drum", "does it have strings?", "no"),
    ("knife", "is it used for cutting?", "yes"), ("moon", "is it found in a house?", "no"),
    ("sun", "is it hot?", "yes"), ("shoe", "can you wear it?", "yes"), ("oven", "is it found in a kitchen?", "yes"),
    ("elephant", "does it eat meat?", "no"), ("lion", "does it live in africa?", "yes"),
    ("candle", "does it use electricity?", "no"), ("book", "can you read it?", "yes"),
    ("castle", "is it a building?", "yes"), ("river", "is it man-made?", "no"),
)  # fmt: skip


def play_moves(thing: str, *moves: str, game: Game[Any, Any] = GAME) -> Any:
    """The state after the questions, each read as an agent's reply."""
    return play_texts(game, game.apply(game.start(), thing), moves)


def read_move(text: str) -> str | ProblemKind:
    move = GAME.parse(play_moves("cat"), text)
    return move.kind if isinstance(move, Problem) else move


def get_answer(thing: str, text: str) -> str:
    answered: str = play_moves(thing, text).lines[-1].answer
    return answered


def play_solver(game: Game[Any, Any], thing: str) -> tuple[float, int]:
    """The solver's return for a thing, and the number of its turns."""
    state = play_moves(thing, game=game)
    while game.to_act(state) != OVER:
        state = game.apply(state, game.solution(game.view(state, 0))[0][0])
    return game.returns(state)[0], len(state.lines)


# the data


def test_there_are_many_things_and_questions() -> None:
    assert len(KNOWN["things"]) >= 120 and len(KNOWN["attributes"]) >= 40


def test_no_two_things_have_the_same_answers() -> None:
    rows = {
        tuple((first in known["yes"], first in known.get("sometimes", ())) for first, *_ in KNOWN["attributes"])
        for known in KNOWN["things"].values()
    }
    assert len(rows) == len(KNOWN["things"])


def test_every_answer_belongs_to_a_question() -> None:
    firsts = {first for first, *_ in KNOWN["attributes"]}
    for thing, known in KNOWN["things"].items():
        assert {*known["yes"], *known.get("sometimes", ())} <= firsts, thing
        assert not {*known["yes"]} & {*known.get("sometimes", ())}, thing
        assert set(known) <= {"yes", "sometimes", "also"}, thing


def test_no_phrasing_asks_two_things() -> None:
    assert len({phrasing for phrasing, _ in PHRASINGS}) == len(PHRASINGS)


def test_every_question_divides_the_things() -> None:
    for first, *_ in KNOWN["attributes"]:
        assert 0 < sum(first in known["yes"] for known in KNOWN["things"].values()) < len(KNOWN["things"]), first


def test_no_name_is_shared() -> None:
    names = [name for thing, known in KNOWN["things"].items() for name in (thing, *known.get("also", ()))]
    assert len(set(names)) == len(names) == len(load_facts().named)


@pytest.mark.parametrize(("part", "whole"), [
    ("is it an animal", "is it alive"), ("is it a mammal", "is it an animal"), ("is it a bird", "does it have wings"),
    ("is it a bird", "does it lay eggs"), ("is it an insect", "is it an animal"), ("is it a fish", "is it an animal"),
    ("is it a reptile", "is it an animal"), ("is it a plant", "is it alive"), ("is it clothing", "can you wear it"),
    ("is it a vehicle", "is it man-made"), ("is it furniture", "is it man-made"), ("is it a pet", "is it an animal"),
    ("is it a building", "is it bigger than a person"), ("is it a musical instrument", "is it man-made"),
    ("is it a farm animal", "is it an animal"), ("does it have fur", "is it a mammal"), ("is it a fruit", "is it food"),
    ("is it a vegetable", "is it food"), ("does it eat meat", "is it an animal"), ("is it a toy", "is it man-made"),
])  # fmt: skip
def test_what_is_the_one_is_the_other(part: str, whole: str) -> None:
    assert [t for t, known in KNOWN["things"].items() if part in known["yes"] and whole not in known["yes"]] == []


@pytest.mark.parametrize(("one", "other"), [
    ("is it an animal", "is it man-made"), ("is it a bird", "is it a mammal"), ("is it a fish", "is it a mammal"),
    ("is it an animal", "is it a plant"), ("is it an animal", "is it furniture"), ("is it a drink", "is it a vehicle"),
    ("is it a pet", "is it dangerous"), ("does it fit in a pocket", "is it bigger than a person"),
    ("is it alive", "is it made of metal"), ("is it hot", "is it cold"), ("is it a farm animal", "is it a wild animal"),
])  # fmt: skip
def test_what_is_the_one_is_not_the_other(one: str, other: str) -> None:
    assert [t for t, known in KNOWN["things"].items() if one in known["yes"] and other in known["yes"]] == []


@pytest.mark.parametrize(("thing", "question", "expected"), TRUTHS)
def test_the_answers_are_true(thing: str, question: str, expected: str) -> None:
    assert get_answer(thing, question) == expected


def test_the_answers_are_those_in_the_data() -> None:
    rng = random.Random(13)
    for _ in range(300):
        thing, (phrasing, first) = rng.choice(sorted(KNOWN["things"])), rng.choice(PHRASINGS)
        known = KNOWN["things"][thing]
        expected = "yes" if first in known["yes"] else "sometimes" if first in known.get("sometimes", ()) else "no"
        assert get_answer(thing, phrasing) == expected


# reading


@pytest.mark.parametrize(("phrasing", "first"), PHRASINGS)
def test_every_phrasing_is_read(phrasing: str, first: str) -> None:
    assert read_move(f"{phrasing.capitalize()}?") == f"{first}?"


@pytest.mark.parametrize(("text", "question"), [
    ("Is it something you can eat?", "is it food?"), ("is it usually found in a kitchen", "is it found in a kitchen?"),
    ("Could it fly?", "can it fly?"), ("is it larger than a human?", "is it bigger than a person?"),
    ("Ask: is it man made?", "is it man-made?"), ("[is this an animal]", "is it an animal?"),
    ("does it have 4 legs", "does it have four legs?"), ("is it something that people wear?", "can you wear it?"),
])  # fmt: skip
def test_a_question_is_read_in_other_words(text: str, question: str) -> None:
    assert read_move(text) == question


@pytest.mark.parametrize("text", ["guess cat", "Guess: a cat!", "guess the cat", "is it a cat?", "guess cats"])
def test_a_guess_is_read_in_many_spellings(text: str) -> None:
    assert read_move(text) == "guess cat"


def test_an_orange_is_guessed_and_the_colour_asked() -> None:
    assert (read_move("is it an orange?"), read_move("is it orange?")) == ("guess orange", "is it orange?")


def test_a_thing_has_more_than_one_name() -> None:
    assert read_move("guess pants") == "guess trousers"


@pytest.mark.parametrize("text", [
    "", "cat", "animal?", "yes", "is it", "guess", "guess cat or dog", "guess cat dog", "guess not cat",
    "can it fly? or swim?",
    "is it an animal? can it fly?", "is it an animal can it fly", "is it a cat or a dog?", "is it a cat, a dog?",
    "guess cat can it fly", "I would ask: is it an animal?", "let me guess cat", "why is it so hard?", "what is it?",
    "is it made of " + "very " * 20 + "old stone?", "is it | yes", "is the sky blue?", "guess the big old red cat",
])  # fmt: skip
def test_what_is_no_single_question_is_no_move(text: str) -> None:
    assert read_move(text) in (ProblemKind.NONE, ProblemKind.AMBIGUOUS)


@given(nasty)
def test_any_reply_is_a_move_that_reads_back_or_a_problem(text: str) -> None:
    for reply in (text, f"is it {text}", f"guess {text}"):
        move = GAME.parse(play_moves("cat"), reply)
        assert isinstance(move, Problem) or GAME.parse(play_moves("cat"), move) == move


# the game


def test_an_unknown_question_is_answered_and_counts() -> None:
    state = play_moves("cat", "is it popular on the internet?")
    assert GAME.observe(state, 0).text.splitlines() == [
        "1. is it popular on the internet? I don't know",
        "Questions and guesses left: 19.",
    ]


def test_the_right_guess_wins() -> None:
    state = play_moves("cat", "is it a mammal?", "guess cat")
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (1.0,)


def test_a_wrong_guess_is_answered_with_no_and_the_game_goes_on() -> None:
    state = play_moves("cat", "guess dog", "guess unicorn")
    assert [line.answer for line in state.lines] == ["no", "no"] and GAME.to_act(state) == 0


def test_twenty_questions_without_the_right_guess_lose() -> None:
    state = play_moves("cat", *["guess dog"] * 20)
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (0.0,)


def test_the_twentieth_may_be_the_right_guess() -> None:
    assert GAME.returns(play_moves("cat", *["can it fly?"] * 19, "guess cat")) == (1.0,)


def test_the_thing_is_shown_only_after_a_loss() -> None:
    shown = [GAME.observe(play_moves("violin", *["guess dog"] * num), 0).text for num in (19, 20)]
    assert ["violin" in text for text in shown] == [False, True]


def test_what_is_shown_depends_on_the_answers_alone() -> None:
    moves = ("is it an animal?", "can it fly?", "guess cat")
    assert GAME.observe(play_moves("car", *moves), 0) == GAME.observe(play_moves("oven", *moves), 0)


# the solver


def test_the_solver_finds_every_thing_within_nine_turns() -> None:
    found = [play_solver(GAME, thing) for thing in KNOWN["things"]]
    assert {won for won, _ in found} == {1.0} and max(turns for _, turns in found) <= 9


def test_the_solver_finds_most_things_with_eight_turns() -> None:
    assert sum(play_solver(SHORT, thing)[0] for thing in KNOWN["things"]) > 0.95 * len(KNOWN["things"])


def test_the_solver_makes_use_of_what_was_asked_before() -> None:
    state = play_moves("penguin", "is it a bird?", "is it black?", "guess owl", "can it fly?")
    assert GAME.solution(GAME.view(state, 0))[0][0] in ("guess penguin", "guess chicken")


def test_random_play_seldom_finds_the_thing() -> None:
    ((mean,),) = games.playouts(GAME, [GAME.start()], 500, random.Random(14))
    assert mean < 0.1
