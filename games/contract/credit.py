"""The clauses on which training builds: rewards sum to returns, and parts are dealt once.

Each is a function that yields errors, like those of clauses.py, at one state.
"""

import math
from collections.abc import Iterator
from typing import Any

from mirrormatch.games.contract.visits import AnyGame, Errors, Visit, roles
from mirrormatch.games.types import CHANCE, OVER, Action
from mirrormatch.text import printable

_TOLERANCE = 1e-9  # allowed error of a sum of rewards


def rewards_add_up(game: AnyGame, visit: Visit) -> Errors:
    """Checks that the rewards of all actions sum to the returns, and that chance pays nothing before the first move."""
    if visit.role != OVER:
        return
    paid, has_moved = list[tuple[float, ...]](), False
    steps = list(_walk(game, visit.path))
    for before, action, after in steps:
        rewards = game.reward(before, action, after)
        has_moved = has_moved or game.to_act(before) != CHANCE
        if rewards is None:
            continue
        if len(rewards) != len(game.info.roles) or not all(math.isfinite(r) for r in rewards):
            yield f"reward() gives {rewards!r} for {action!r}: it must give one number for each role, or None"
        if not has_moved and any(rewards):
            yield f"reward() gives {rewards!r} for {action!r} before the first move: no move has earned it"
        paid.append(rewards)
    if paid and len(paid) < len(steps):
        yield f"reward() is None for {len(steps) - len(paid)} of {len(steps)} actions: it must be for all or for none"
    sums, returns = [math.fsum(column) for column in zip(*paid, strict=True)], game.returns(visit.state)
    if paid and any(abs(a - b) > _TOLERANCE for a, b in zip(sums, returns, strict=True)):
        yield f"the rewards of the game sum to {tuple(sums)!r}, but returns() gives {returns!r}"


def parts_are_dealt_once(game: AnyGame, visit: Visit) -> Errors:
    """Checks that a role has a part from the start, and the same one from the first move to the end."""
    for role in roles(game):
        part = game.part(visit.state, role)
        if not isinstance(part, str) or not part.strip() or "\n" in part or printable(part) != part:
            yield f"part() of role {role} is {part!r}: it must be a name on one line"
    if visit.role != OVER:
        return
    for before, action, _ in _walk(game, visit.path):
        changed = [r for r in roles(game) if game.part(before, r) != game.part(visit.state, r)]
        if game.to_act(before) != CHANCE and changed:
            yield (
                f"role {changed[0]} is {game.part(before, changed[0])!r} before {action!r} and "
                f"{game.part(visit.state, changed[0])!r} at the end: a part must not change after the first move"
            )


def _walk(game: AnyGame, path: tuple[Action, ...]) -> Iterator[tuple[Any, Action, Any]]:
    """Yields every action of a game with the states before and after it."""
    before = game.start()
    for action in path:
        after = game.apply(before, action)
        yield before, action, after
        before = after
