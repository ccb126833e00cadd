"""The state of a game of deal or no deal, the part of it that a player knows, and amounts of items."""

import operator
from typing import NamedTuple, TypeAlias

ITEMS = ("book", "hat", "ball")
WORTH = 10  # of all items together, to each player
SEATS = ("A", "B")

Amounts: TypeAlias = tuple[int, ...]  # one per type, in the order of ITEMS


class Move(NamedTuple):
    """One turn: talk, or a proposal (None where it is hidden), and the words."""

    kind: str  # "say" or "propose"
    takes: Amounts | None
    words: str


class Table(NamedTuple):
    """The state.

    Attributes:
        to_act: the player to move, chance, or `OVER`.
        counts: the number of items of each type.
        values: the worth of one item of each type, to A and to B.
        begins: the player who begins; -1 before it is drawn.
        moves: the moves so far.
    """

    to_act: int
    counts: Amounts
    values: tuple[Amounts, ...]
    begins: int
    moves: tuple[Move, ...]


class View(NamedTuple):
    """The part of the state that a player knows: its own values and all moves but, until the end, the other's proposal.

    Attributes:
        role: the seat.
        counts: the number of items of each type.
        values: the player's own values.
        moves: the moves; a hidden proposal has no amounts.
        begins: the player who began.
        points: the points of both, once the game is over.
    """

    role: int
    counts: Amounts
    values: Amounts
    moves: tuple[Move, ...]
    begins: int
    points: tuple[int, int] | None


def value_of(amounts: Amounts, values: Amounts) -> int:
    """The worth of these amounts to a player with these values."""
    return sum(map(operator.mul, amounts, values))


def subtract(counts: Amounts, takes: Amounts) -> Amounts:
    """The items that are left after one player takes its part."""
    return tuple(map(operator.sub, counts, takes))
