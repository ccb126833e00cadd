"""The 144 strictly ordinal two-by-two games, with their numbers, names and families.

Two players have two choices each and rank the four outcomes from 1 to 4. Of the 24 * 24 pairs of rankings 144 differ in
more than the names of the choices; if the players could be exchanged too, 78 would be left. Playing and rendering a
game are the tasks of other modules.

The numbers follow the topology of Robinson and Goforth (The topology of the 2x2 games, 2005). g111 is the Prisoner's
Dilemma. The first digit is the layer, the second the first player's ranking, the third the second player's. Within a
layer exchanging the payoffs 1 and 2, then 2 and 3, and so on in turn leads through six rankings and back. The layers
differ in whose best outcome is where: in 1 each player's comes about when it alone takes its choice 1, in 3 both have
theirs when both take choice 0; in 2 only the first player's is of the latter kind, in 4 only the second's. Where a
source reads the last two digits the other way round, its g112 is g121 here (and its layers 2 and 4 are exchanged).
Published numbers were compared for g111, g221 and g412; the other numbers follow from this construction.
"""

from functools import cache
from typing import NamedTuple

from mirrormatch.games.theory.matrix import CELLS, Payoffs, PayoffTable, best_pure_equilibrium, pure_equilibria

# A ranking: a player's payoffs at (own choice, other's choice) = 00, 01, 10, 11. The names are as in Bruns 2015, Names
# for games.
_ALONE = {  # in layer 1: the best is to take 1 while the other takes 0
    "prisoners_dilemma": (3, 1, 4, 2), "chicken": (3, 2, 4, 1), "leader": (2, 3, 4, 1),
    "hero": (1, 3, 4, 2), "compromise": (1, 2, 4, 3), "deadlock": (2, 1, 4, 3),
}  # fmt: skip
_TOGETHER = {  # in layer 3: the best is that both take 0
    "concord": (4, 2, 3, 1), "stag_hunt": (4, 1, 3, 2), "assurance": (4, 1, 2, 3),
    "coordination": (4, 2, 1, 3), "peace": (4, 3, 1, 2), "harmony": (4, 3, 2, 1),
}  # fmt: skip
_LAYERS = {1: (_ALONE, _ALONE), 2: (_TOGETHER, _ALONE), 3: (_TOGETHER, _TOGETHER), 4: (_ALONE, _TOGETHER)}
# Other names: Leader is Robinson and Goforth's Battle of the Sexes; the other two are Snyder and Diesing's (1977), with
# the bully and the bluffed one moving as the first player.
ALIASES = {"battle_of_the_sexes": "leader", "bully": "g162", "called_bluff": "g112"}


class OrdinalGame(NamedTuple):
    """One of the 144 games.

    Attributes:
        number: `"g111"`: layer, the first player's ranking, the second player's ranking.
        name: the name of a symmetric game, otherwise the number.
        rankings: names of the symmetric games with the first and with the second player's ranking.
        table: the payoffs, 4 the best.
    """

    number: str
    name: str
    rankings: tuple[str, str]
    table: PayoffTable


@cache
def all_games() -> tuple[OrdinalGame, ...]:
    """The 144 games in the order of their numbers."""
    return tuple(
        OrdinalGame(
            number := f"g{layer}{r}{c}",
            row if row == column else number,
            (row, column),
            _table(rows[row], columns[column]),
        )
        for layer, (rows, columns) in _LAYERS.items()
        for r, row in enumerate(rows, 1)
        for c, column in enumerate(columns, 1)
    )


@cache
def names() -> tuple[str, ...]:
    """All names of games: own names, aliases and numbers."""
    own = tuple(game.name for game in all_games() if game.name != game.number)
    return (*own, *ALIASES, *(game.number for game in all_games()))


@cache
def find(name: str) -> OrdinalGame:
    """Finds a game by its name, alias or number."""
    sought = ALIASES.get(name, name)
    return next(game for game in all_games() if sought in (game.name, game.number))


def is_symmetric(game: OrdinalGame) -> bool:
    """Whether the two seats are equal."""
    return game.rankings[0] == game.rankings[1]


def family(game: OrdinalGame) -> str:
    """Classifies a game by the payoffs of its best pure equilibrium, after Bruns (2015).

    `"cyclic"`: there is no pure equilibrium; `"dilemma"`: both prefer another outcome (Robinson and Goforth's seven
    alibi games); `"win-win"`: 4 for both; `"biased"`: 4 and 3; `"second-best"`: 3 for both; `"unfair"`: 2 for one.
    """
    if not pure_equilibria(game.table):
        return "cyclic"
    a, b = best_pure_equilibrium(game.table)
    mine, others = game.table[a][b]
    if any(game.table[i][j][0] > mine and game.table[i][j][1] > others for i, j in CELLS):
        return "dilemma"
    return {8: "win-win", 7: "biased", 6: "second-best" if mine == others else "unfair"}.get(
        int(mine + others), "unfair"
    )


def _table(row: tuple[int, ...], column: tuple[int, ...]) -> PayoffTable:
    def at(i: int, j: int) -> Payoffs:
        return (row[2 * i + j], column[2 * j + i])

    return ((at(0, 0), at(0, 1)), (at(1, 0), at(1, 1)))
