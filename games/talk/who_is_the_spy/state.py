"""The state of a game of who is the spy, and the part of it that a player knows."""

from typing import NamedTuple

TIE = -1  # in place of a player: no one was voted out


class Round(NamedTuple):
    """A finished round: its players, their clues and votes in that order, and the one voted out, or `TIE`."""

    players: tuple[int, ...]
    clues: tuple[str, ...]
    votes: tuple[int, ...]
    out: int


class Table(NamedTuple):
    """The state.

    Attributes:
        words: the two words of the pair.
        spy_word: the spy's word.
        spy: the spy's seat, -1 until dealt.
        to_move: the player to move, chance, or `OVER`.
        rounds: the finished rounds.
        heard: the letters of every clue so far.
        players: the players who are still in.
        clues: the clues of the round in play.
        votes: the votes of the round in play.
    """

    words: tuple[str, ...]
    spy_word: str
    spy: int
    to_move: int
    rounds: tuple[Round, ...]
    heard: tuple[str, ...]
    players: tuple[int, ...]
    clues: tuple[str, ...]
    votes: tuple[int, ...]


class Ending(NamedTuple):
    """The part of the state that becomes public at the end."""

    spy: int
    spy_word: str
    word: str


class View(NamedTuple):
    """The part of the state that a player knows: its word, all clues, the votes of finished rounds, its own vote."""

    role: int
    word: str
    rounds: tuple[Round, ...]
    heard: tuple[str, ...]
    players: tuple[int, ...]
    clues: tuple[str, ...]
    vote: int | None
    ending: Ending | None


def civilian_word(state: Table) -> str:
    """The word of all players but the spy."""
    return state.words[1] if state.spy_word == state.words[0] else state.words[0]


def word_of(state: Table, role: int) -> str:
    """The word of the player in this seat."""
    return state.spy_word if role == state.spy else civilian_word(state)
