"""Settings are read from a game's name, and a wrong one is reported in one line."""

from dataclasses import dataclass

import pytest

from mirrormatch import games
from mirrormatch.errors import UserError
from mirrormatch.games import GameSettings, setting


@dataclass(frozen=True)
class Table(GameSettings):
    players: int = setting(2, "how many sit there", range(2, 5))
    deck: str = setting("small", "which cards", ("small", "large"))
    share: float = setting(0.5, "of the pot", (0.0, 0.5, 1.0))


def test_an_omitted_setting_keeps_its_default() -> None:
    assert Table().read("players=4", "poker") == Table(players=4)


def test_several_settings_are_read_in_any_order() -> None:
    assert Table().read("share=1.0, deck=large", "poker") == Table(deck="large", share=1.0)


def test_a_value_has_the_type_of_its_setting() -> None:
    assert type(Table().read("players=3", "poker").players) is int


def test_a_name_holds_what_is_not_the_default_in_the_order_of_the_fields() -> None:
    assert Table(share=0.0, players=3).full_name("poker") == "poker:players=3,share=0.0"
    assert Table().full_name("poker") == "poker"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "player=3",
            "game 'poker' has no setting 'player', did you mean 'players'?; there are: players (2 to 4), deck",
        ),
        ("players=5", "players='5' is not possible in 'poker'; it takes 2 to 4"),
        ("deck=lagre", "deck='lagre' is not possible in 'poker', did you mean 'large'?; it takes small | large"),
        ("players", "takes each setting once, as players=VALUE, not 'players'"),
        ("players=2,players=3", "takes each setting once, as players=VALUE, not 'players=3'"),
        ("", "game 'poker' has no setting ''"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line(given: str, message: str) -> None:
    with pytest.raises(UserError) as told:
        Table().read(given, "poker")
    assert message in str(told.value)


def test_a_value_that_is_not_allowed_is_a_fault_of_the_caller() -> None:
    with pytest.raises(AssertionError, match="players = 7"):
        Table(players=7)


def test_a_game_without_settings_says_so() -> None:
    with pytest.raises(UserError, match="game 'tictactoe' has no settings, 'players=3' was given"):
        games.get("tictactoe:players=3")


def test_an_unknown_library_names_those_that_there_are() -> None:
    with pytest.raises(LookupError, match="unknown library 'openspeil', did you mean 'openspiel'"):
        games.get("openspeil/chess")


def test_long_lists_of_values_are_cut() -> None:
    @dataclass(frozen=True)
    class Many(GameSettings):
        word: str = setting("a", "any", tuple("abcdefghijklmnopqrstuvwxyz"))

    assert Many().describe()["word"]["allowed"].endswith("| l | ... (26 values)")
