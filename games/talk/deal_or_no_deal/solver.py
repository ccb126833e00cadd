"""A rule-based player of deal or no deal: it demands much, then less, and accepts a good enough rest.

It acts on a player's view alone.
"""

import functools
import itertools
import operator
import re
from typing import TypeAlias

from mirrormatch.games.talk.deal_or_no_deal.deals import list_contexts
from mirrormatch.games.talk.deal_or_no_deal.reading import list_items, read_demand
from mirrormatch.games.talk.deal_or_no_deal.state import ITEMS, WORTH, Amounts, View, subtract, value_of
from mirrormatch.games.types import Action

_NUM_CACHED = 4_096  # results of each function that is called again and again
_VALUES = re.compile(r"my values: book (\d{1,2}), hat (\d{1,2}), ball (\d{1,2})")

# Items to take -> the score of taking them, and the worth of the rest to the other.
_Utilities: TypeAlias = dict[Amounts, tuple[float, float]]


def choose_move(view: View, objective: str, num_turns: int) -> Action:
    """The solver's move, with this number of turns of talk before both must propose."""
    counts, others = view.counts, _find_other_values(view)
    utilities = _compute_utilities(counts, view.values, others, objective)
    num_mine = sum((view.begins + k) % 2 == view.role for k in range(len(view.moves)))
    is_cooperative = objective == "cooperative"
    enough = _accepted_score(utilities, num_mine if others is None else 0, objective)
    wish = _choose_wish(utilities, enough, is_cooperative)
    demand = _find_latest_demand(view, mine=False)
    left = None if demand is None else subtract(counts, demand)
    if view.moves and view.moves[-1].kind == "propose":
        return _propose(_choose_answer(view, utilities, wish))
    if left is not None and utilities[left][0] >= enough:
        return _propose(left)
    if len(view.moves) >= num_turns:
        return _propose(left if left is not None and utilities[left][0] > 0 else wish)
    if is_cooperative and others is not None:
        return _propose(wish)
    if is_cooperative and not num_mine:
        return f"say | My values: {', '.join(f'{item} {v}' for item, v in zip(ITEMS, view.values, strict=True))}."
    return f"say | I take {list_items(wish)}; you get the rest."


def _find_latest_demand(view: View, mine: bool) -> Amounts | None:
    """The latest demand of the player, or of the other."""
    for k in reversed(range(len(view.moves))):
        if ((view.begins + k) % 2 == view.role) == mine:
            demand = read_demand(view.moves[k].words, view.counts)
            if demand is not None:
                return demand
    return None


def _find_other_values(view: View) -> Amounts | None:
    """The other's values, if it has stated them."""
    stated = [_VALUES.match(m.words.casefold()) for k, m in enumerate(view.moves) if (view.begins + k) % 2 != view.role]
    for match in stated:
        if match and value_of(values := tuple(map(int, match.groups())), view.counts) == WORTH:
            return values
    return None


@functools.lru_cache(_NUM_CACHED)
def _compute_utilities(counts: Amounts, mine: Amounts, others: Amounts | None, objective: str) -> _Utilities:
    """Every part of the items -> the expected score of taking it, and the expected worth of the rest to the other."""
    fitting = (others,) if others is not None else list_contexts()[counts][mine]
    mean = [sum(w[k] for w in fitting) / len(fitting) for k in range(len(ITEMS))]
    sign = {"cooperative": 1, "selfish": 0, "competitive": -1}[objective]
    found = {}
    for takes in itertools.product(*(range(n + 1) for n in counts)):
        left = sum(map(operator.mul, subtract(counts, takes), mean))
        found[takes] = (value_of(takes, mine) + sign * left, left)
    return found


def _accepted_score(utilities: _Utilities, num_turns: int, objective: str) -> float:
    """The score that the solver accepts after this number of own turns."""
    if objective == "cooperative":
        return max(u for u, _ in utilities.values()) - num_turns
    return max(9.0 - num_turns, 4.0) if objective == "selfish" else max(6.0 - 2 * num_turns, 1.0)


def _choose_wish(utilities: _Utilities, enough: float, is_cooperative: bool) -> Amounts:
    """The best part among those that score enough, or else score most: for both, or for the other."""

    def key(takes: Amounts) -> tuple[bool, float, float, Amounts]:
        score, left = utilities[takes]
        return (score >= enough, score, left, takes) if is_cooperative else (score >= enough, left, score, takes)

    return max(utilities, key=key)


def _choose_answer(view: View, utilities: _Utilities, wish: Amounts) -> Amounts:
    """The items to take after the other has ended the talk: the rest of its demand, else the own latest demand."""
    demand = read_demand(view.moves[-1].words, view.counts)
    if demand is None:
        return _find_latest_demand(view, mine=True) or wish
    left = subtract(view.counts, demand)
    return left if utilities[left][0] > 0 else view.counts


def _propose(takes: Amounts) -> Action:
    return f"propose {list_items(takes)} | I take {list_items(takes)}"
