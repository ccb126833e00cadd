"""Signs around a move come off in pairs, in one place, for every game."""

import random
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Problem
from mirrormatch.games.player_text import normalise, strip_decoration

ACCEPTED = (
    "{0}", "[{0}]", "({0})", "<{0}>", "{{{0}}}", '"{0}"', "'{0}'", "`{0}`", "*{0}*", "**{0}**", "__{0}__", "${0}$",
    "\\({0}\\)", "\\[{0}\\]", "{0}.", "{0}!", " {0} \n", '"{0}".', "**[{0}]**", "**{0}.**", "([{0}]).", "``{0}``",
)  # fmt: skip
REFUSED = (
    "[ ] {0}", "!{0}", "<{0}", "{0}>", "[{0}", "{0}]", ".{0}", "${0}", "\\{0}", "?{0}", "({0}", "{0})", '"{0}', "{0}\"",
    "({0}]", "* {0}", "... {0}", ":{0}", "_{0}", "{{{0}", "[]{0}", "$ {0}", "`{0}", "][{0}",
)  # fmt: skip


def first_turns(game: Any) -> list[Any]:
    """States of one random game in which a role chooses among listed moves."""
    rng, state, found = random.Random(0), game.start(), []
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            state = game.apply(state, rng.choice(game.chance(state))[0])
            continue
        legal = game.legal(state)
        found += [state] if legal else []
        state = game.apply(state, game.sample(game.view(state, role), legal, rng))
    return found[:: max(1, len(found) // 5)]


@pytest.mark.parametrize("name", games.names())
def test_a_move_in_a_pair_of_signs_is_the_move_and_behind_half_a_pair_is_none(name: str) -> None:
    game = games.get(name)
    for state in first_turns(game):
        for move in game.legal(state) or ():
            for pattern in ACCEPTED:
                assert game.parse(state, pattern.format(move)) == move, pattern
            for pattern in REFUSED:
                assert isinstance(game.parse(state, pattern.format(move)), Problem), pattern


@pytest.mark.parametrize(("text", "expected"), [
    (" [4]. ", "4"), ("**Bet**", "bet"), ("bet.", "bet"), ("''", ""), ('"', '"'), ("[ ] bet", "[ ] bet"), ("<3", "<3"),
    (".5", ".5"), ("((a))", "a"), ("(a) or (b)", "(a) or (b)"), ('"a" "b"', '"a" "b"'), ("'a' or 'b'", "'a' or 'b'"),
    ("'bird's nest'", "bird's nest"), ("***a***", "a"), ("**a*", "**a*"), ("$4$", "4"), ("$4", "$4"), ("...", ""),
    ("(", "("), ("\\(4\\)", "4"), ("*", "*"), ("**", ""), ("[[", "[["), ("a  b", "a b"),
])  # fmt: skip
def test_brackets_and_quotation_marks_come_off_in_pairs(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_the_number_of_layers_is_bounded() -> None:
    assert strip_decoration("[" * 8 + "a" + "]" * 8) == "a"
    assert strip_decoration("[" * 9 + "a" + "]" * 9) == "[a]"


def test_a_guess_of_taboo_in_dollar_signs_is_the_word() -> None:
    game = games.get("taboo")
    state = game.apply(game.apply(game.start(), "apple"), "a round fruit")
    for text in ("$apple$", "**apple**", '"apple".', "[apple]"):
        assert game.parse(state, text) == "apple"


def test_an_expression_of_countdown_loses_signs_in_pairs_alone() -> None:
    game = games.get("countdown")
    state = game.apply(game.start(), game.chance(game.start())[0][0])
    first, second = state.numbers[:2]
    for text in ("{0}+{1}", "[{0}+{1}]", "${0}+{1}$", "`{0}+{1}`.", '"{0} + {1}"'):
        assert game.parse(state, text.format(first, second)) == f"{first} + {second}"
    for text in ("[{0}+{1}", "${0}+{1}", "{0}+{1}]", '"{0}+{1}'):
        assert isinstance(game.parse(state, text.format(first, second)), Problem)


@pytest.mark.parametrize(("text", "statement"), [
    ("<3", "<3"), ('"I am good."', "I am good."), ("[quest 2] failed", "[quest 2] failed"),
    ("*I am good*", "I am good"),
    ('"a" and "b"', "'a' and 'b'"), ("$5 on 3", "$5 on 3"), ("(a guess)", "(a guess)"),
])  # fmt: skip
def test_a_statement_of_avalon_keeps_its_signs(text: str, statement: str) -> None:
    from mirrormatch.games.talk.avalon.reading import read_statement

    assert read_statement(text) == statement
    assert read_statement(statement) == statement


@pytest.mark.parametrize(
    "text", ['"accept | thank you"', "[accept] | thank you", "accept | thank you", "**accept** | thank you"]
)
def test_a_command_with_words_is_read_in_marks_around_either_or_both(text: str) -> None:
    from mirrormatch.games.talk._binding import split_move

    binding, words = split_move(text)
    assert (normalise(binding), words) == ("accept", "thank you")
