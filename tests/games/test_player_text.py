"""Signs around a move come off in pairs, in one place, for every game."""

import random
import sys
import unicodedata
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Problem
from mirrormatch.games.player_text import clean_message, normalise, quote_message, strip_decoration

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


HIDDEN = (
    *(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) == "Cf"),
    *map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),
    *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0\ufff0",
)


def test_no_hidden_character_passes_from_one_player_to_another() -> None:
    assert len(HIDDEN) > 400
    for hidden in HIDDEN:
        assert clean_message(f"h{hidden}i!") == "hi!", f"U+{ord(hidden):04X}"
        assert quote_message(hidden) == '""', f"U+{ord(hidden):04X}"


def test_bytes_in_variation_selectors_are_removed() -> None:
    secret = "".join(
        chr(0xE0100 + byte - 16) if byte >= 16 else chr(0xFE00 + byte) for byte in b"meet me at dawn, agent \x07 then"
    )
    assert clean_message(f"hi\N{GRINNING FACE}{secret}!") == "hi\N{GRINNING FACE}!"


@pytest.mark.parametrize(("text", "shown"), [
    ("\u2764\ufe0f", "\u2764\ufe0f"), ("\u2764\ufe0f\ufe0f", "\u2764\ufe0f"), ("a\ufe0f", "a"),
    ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"), ("caf\u00e9 \u4f60\u597d", "caf\u00e9 \u4f60\u597d"),
    ("e\u0301", "e\u0301"), ("\U0001f44d\U0001f3fd", "\U0001f44d\U0001f3fd"),
])  # fmt: skip
def test_emoji_stay_and_lose_at_most_their_joiners(text: str, shown: str) -> None:
    assert clean_message(text) == shown


@pytest.mark.parametrize("name", ["avalon", "taboo", "who_is_the_spy", "simple_negotiation", "deal_or_no_deal"])
def test_no_talking_game_keeps_hidden_characters_in_an_action(name: str) -> None:
    game, rng = games.get(name), random.Random(0)
    state = game.start()
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            state = game.apply(state, rng.choice(game.chance(state))[0])
            continue
        text = game.sample(game.view(state, role), game.legal(state), rng)
        for hidden in "\u2063\ufe01\u3164\U000e0041":
            move = game.parse(state, f"{text}{hidden}" if "|" in text or game.legal(state) is None else text)
            assert isinstance(move, Problem) or hidden not in move
        state = game.apply(state, text)


@pytest.mark.parametrize("text", ["\u3164", "\u2800", "\u200b\u200d", "...", "!?"])
def test_a_statement_without_anything_visible_is_no_statement(text: str) -> None:
    from mirrormatch.games.talk.avalon.reading import read_statement

    assert isinstance(read_statement(text), Problem)


def test_an_emoji_is_a_statement() -> None:
    from mirrormatch.games.talk.avalon.reading import read_statement

    assert read_statement("\N{THUMBS UP SIGN}") == "\N{THUMBS UP SIGN}"
