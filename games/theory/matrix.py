"""Equilibria of matrix games: of any size where one player's gain is the other's loss, two by two otherwise.

Payoffs are numbers in any unit; a mixture is the probabilities of a player's choices. The games that use these tables
are in games/matrix and games/cards.
"""

from collections.abc import Sequence
from typing import TypeAlias

Payoffs: TypeAlias = tuple[float, float]  # the first player's, the second's
PayoffTable: TypeAlias = tuple[tuple[Payoffs, Payoffs], tuple[Payoffs, Payoffs]]  # [first's choice][second's choice]
Cell: TypeAlias = tuple[int, int]  # the first player's choice, the second's: 0 or 1
Mixed: TypeAlias = tuple[float, float]  # each player's probability of choice 0

CELLS: tuple[Cell, ...] = ((0, 0), (0, 1), (1, 0), (1, 1))
_TINY = 1e-12  # smaller numbers in the tableau count as rounding errors


def solve_zero_sum(matrix: Sequence[Sequence[float]]) -> tuple[float, tuple[float, ...]]:
    """Solves a zero-sum game by the simplex method on the column player's linear program.

    Bland's rule chooses the pivots (Dantzig 1951; Chvátal 1983, chapter 15).

    Args:
        matrix: the row player's payoffs, by row and column.

    Returns:
        The game's value to the row player, and the probability of each row in an optimal mixture.
    """
    m, n = len(matrix), len(matrix[0])
    shift = 1 - min(map(min, matrix))  # all entries at least 1
    tableau = [[*(x + shift for x in row), *(float(i == k) for k in range(m)), 1.0] for i, row in enumerate(matrix)]
    costs = [-1.0] * n + [0.0] * (m + 1)
    basis = list(range(n, n + m))
    while (column := next((k for k in range(n + m) if costs[k] < -_TINY), -1)) >= 0:
        ratios = [(row[-1] / row[column], basis[i], i) for i, row in enumerate(tableau) if row[column] > _TINY]
        pivot = min(ratios)[2]
        basis[pivot] = column
        scale = tableau[pivot][column]
        tableau[pivot] = [x / scale for x in tableau[pivot]]
        for i, row in enumerate(tableau):
            if i != pivot and row[column]:
                tableau[i] = [x - row[column] * y for x, y in zip(row, tableau[pivot], strict=True)]
        costs = [x - costs[column] * y for x, y in zip(costs, tableau[pivot], strict=True)]
    weights = [max(0.0, costs[n + k]) for k in range(m)]
    total = sum(weights)
    return 1 / costs[-1] - shift, tuple(weight / total for weight in weights)


def dominant_choices(table: PayoffTable) -> tuple[int | None, int | None]:
    """Each player's strictly dominant choice, None where it has none."""
    first = [all(table[i][j][0] > table[1 - i][j][0] for j in (0, 1)) for i in (0, 1)]
    second = [all(table[i][j][1] > table[i][1 - j][1] for i in (0, 1)) for j in (0, 1)]
    return (first.index(True) if any(first) else None, second.index(True) if any(second) else None)


def pure_equilibria(table: PayoffTable) -> tuple[Cell, ...]:
    """The outcomes that neither player can improve alone, in the order of `CELLS`."""
    return tuple(
        (i, j) for i, j in CELLS if table[i][j][0] >= table[1 - i][j][0] and table[i][j][1] >= table[i][1 - j][1]
    )


def best_pure_equilibrium(table: PayoffTable) -> Cell:
    """The pure equilibrium with the greatest sum of payoffs; among equal sums the most even one, then the first."""
    return max(pure_equilibria(table), key=lambda cell: (sum(table[cell[0]][cell[1]]), min(table[cell[0]][cell[1]])))


def mixed_equilibrium(table: PayoffTable) -> Mixed | None:
    """The equilibrium in which both choose at random, each leaving the other indifferent; None if there is none."""
    ((a, w), (b, x)), ((c, y), (d, z)) = table
    slope_first, slope_second = w - x - y + z, a - b - c + d
    if not slope_first or not slope_second:
        return None
    p, q = (z - y) / slope_first, (d - b) / slope_second
    return (p, q) if 0 < p < 1 and 0 < q < 1 else None


def equilibrium(table: PayoffTable) -> Mixed:
    """One Nash equilibrium: the best pure one, or the mixed one if there is no pure one.

    If one equilibrium is better for both players than every other, it has the greatest sum and is chosen.
    """
    if pure_equilibria(table):
        i, j = best_pure_equilibrium(table)
        return (1.0 - i, 1.0 - j)
    mixed = mixed_equilibrium(table)
    assert mixed is not None, f"neither a pure nor a mixed equilibrium in {table!r}"
    return mixed


def expected_payoffs(table: PayoffTable, mixed: Mixed) -> Payoffs:
    """Both players' expected payoffs under independent mixtures."""
    p, q = mixed
    weights = (p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q))
    cells = [table[i][j] for i, j in CELLS]
    return (
        sum(w * cell[0] for w, cell in zip(weights, cells, strict=True)),
        sum(w * cell[1] for w, cell in zip(weights, cells, strict=True)),
    )
