"""Payoff tables as two rows of numbers, which are easier to permute and to search."""

from typing import TypeAlias

from mirrormatch.games.matrix._tables import OrdinalGame

# the first player's payoffs at 00, 01, 10, 11, then the second player's
Flat: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]


def flatten(game: OrdinalGame) -> Flat:
    (a, b), (c, d) = game.table
    return (a[0], b[0], c[0], d[0]), (a[1], b[1], c[1], d[1])
