"""The state of a game of mini Hanabi, and the part of it that a player knows."""

from typing import NamedTuple, TypeAlias

COLOURS = ("red", "yellow", "green", "white", "blue")

Kind: TypeAlias = int  # a card's colour times the number of ranks, plus its rank, both counted from 0
Known: TypeAlias = tuple[int, int]  # the possible colours and the possible ranks of a card, as bits


class Table(NamedTuple):
    """The state: the player to act, the deck, both hands, the players' knowledge of them, and the public rest."""

    to_act: int
    left: tuple[int, ...]  # number of cards of each kind in the deck
    hands: tuple[tuple[Kind, ...], tuple[Kind, ...]]  # oldest card first
    known: tuple[tuple[Known, ...], tuple[Known, ...]]
    built: tuple[int, ...]  # number of cards of each colour
    discarded: tuple[Kind, ...]  # sorted
    hints: int
    lives: int
    past: tuple[str, str]  # the moves, rendered for each player
    last_turns: int
    drawer: int  # the role that draws the next card


class View(NamedTuple):
    """A role's knowledge: everything but its own hand and the order of the deck."""

    role: int
    partner: tuple[Kind, ...]
    known: tuple[tuple[Known, ...], tuple[Known, ...]]
    built: tuple[int, ...]
    discarded: tuple[Kind, ...]
    deck: int
    hints: int
    lives: int
    past: str
    last_turns: int
