"""The possible deals: the items, and both players' private values for them.

All deals are equally likely. A deal is drawn in steps: the items, A's values, B's values, the player who begins.
"""

import functools
import itertools

from mirrormatch.games.talk.deal_or_no_deal.state import ITEMS, SEATS, WORTH, Amounts, Table, value_of
from mirrormatch.games.types import Action

NUM_ITEMS = range(5, 8)  # of all types together; of each at least one
WHO_BEGINS = (("A", 1 / 2), ("B", 1 / 2))

_NUM_CACHED = 4_096  # results of each function that is called again and again


def deal(state: Table, action: Action) -> Table:
    """The state after the next draw."""
    counts, values = state.counts, state.values
    if len(values) == 2:
        if action not in SEATS:
            raise ValueError(f"{action!r} is not who begins, A or B")
        begins = SEATS.index(action)
        return state._replace(to_act=begins, begins=begins)
    dealt = _list_deals(counts, values).get(action)
    if dealt is None:
        raise ValueError(f"{action!r} is not dealt with {counts} and {values}")
    return state._replace(values=(*values, dealt)) if counts else state._replace(counts=dealt)


@functools.lru_cache(_NUM_CACHED)
def list_outcomes(counts: Amounts, values: tuple[Amounts, ...]) -> tuple[tuple[Action, float], ...]:
    """The outcomes of the next draw: the counts, A's values, B's values. Every whole deal is equally likely."""
    if values:
        fitting = list_contexts()[counts][values[0]]
        return tuple((_encode(w), 1 / len(fitting)) for w in fitting)
    if counts:
        sizes = {_encode(v): len(fitting) for v, fitting in list_contexts()[counts].items()}
    else:
        sizes = {_encode(c): sum(map(len, fitting.values())) for c, fitting in list_contexts().items()}
    total = sum(sizes.values())
    return tuple((code, n / total) for code, n in sizes.items())


@functools.cache
def list_contexts() -> dict[Amounts, dict[Amounts, tuple[Amounts, ...]]]:
    """Counts -> one player's values -> the possible values of the other player."""
    found: dict[Amounts, dict[Amounts, tuple[Amounts, ...]]] = {}
    for counts in itertools.product(range(1, NUM_ITEMS[-1]), repeat=len(ITEMS)):
        if sum(counts) not in NUM_ITEMS:
            continue
        worth = [v for v in itertools.product(range(WORTH + 1), repeat=len(ITEMS)) if value_of(counts, v) == WORTH]
        pairs = {v: tuple(w for w in worth if _is_fair(v, w)) for v in worth}
        found[counts] = {v: fitting for v, fitting in pairs.items() if fitting}
    return found


def _is_fair(mine: Amounts, others: Amounts) -> bool:
    """Whether every type has worth to a player, and some type to both."""
    both = list(zip(mine, others, strict=True))
    return all(v or w for v, w in both) and any(v and w for v, w in both)


@functools.lru_cache(_NUM_CACHED)
def _encode(amounts: Amounts) -> Action:
    return "-".join(map(str, amounts))


@functools.lru_cache(_NUM_CACHED)
def _list_deals(counts: Amounts, values: tuple[Amounts, ...]) -> dict[Action, Amounts]:
    """The possible next draws: action -> amounts."""
    if len(values) == 1:
        return {_encode(w): w for w in list_contexts()[counts][values[0]]}
    return {_encode(v): v for v in (list_contexts()[counts] if counts else list_contexts())}
