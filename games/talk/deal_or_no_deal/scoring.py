"""The points of a division, and the scores that an objective makes of them."""

import operator

from mirrormatch.games.talk.deal_or_no_deal.state import WORTH, Table, value_of

BEST_SUM = 19.0  # the most that both together can get in any deal
# The sum that counts as a win in cooperation: blind halves give 10, the best split 12 or more in 95 % of the deals.
WIN_SUM = 12.0
WORST = {"cooperative": 0.0, "selfish": 0.0, "competitive": -float(WORTH)}
BEST = {"cooperative": BEST_SUM, "selfish": float(WORTH), "competitive": float(WORTH)}


def compute_points(state: Table) -> tuple[int, int]:
    """The worth of the items that A and B take, to themselves; (0, 0) without a deal."""
    first, second = state.moves[-2].takes, state.moves[-1].takes
    assert first is not None and second is not None
    if tuple(map(operator.add, first, second)) != state.counts:
        return (0, 0)
    a, b = (first, second) if (state.begins + len(state.moves)) % 2 == 0 else (second, first)
    return value_of(a, state.values[0]), value_of(b, state.values[1])


def score_points(points: tuple[int, int], objective: str) -> tuple[float, float]:
    """The scores of A and B for these points."""
    a, b = points
    if objective == "selfish":
        return (float(a), float(b))
    if objective == "cooperative":
        return (float(a + b), float(a + b))
    return (float(a - b), float(b - a))
