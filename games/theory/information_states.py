"""The information states of a small game: every decision of a role, as that role observes it."""

from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple

from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action, Observation

MAX_SEARCHED_NODES: Final = 10_000  # best responses in Python walk the whole tree repeatedly; Kuhn poker has 58


class InfoSet(NamedTuple):
    """An information state, with what a policy needs to decide there.

    Attributes:
        view: the role's view, which identifies the information state.
        observation: the rendered view.
        state: one of the states with this view.
        role: the role to act.
        legal: the legal moves.
        parent: the role's previous decision, by its position in the list, and its move there.
    """

    view: Hashable
    observation: Observation
    state: Any
    role: int
    legal: tuple[Action, ...]
    parent: tuple[int, Action] | None


def information_states(game: Game[Any, Any]) -> list[InfoSet]:
    """Lists all information states in tree order; a role's earlier decisions come before its later ones.

    Assumes perfect recall, which gives every view one parent.

    Raises:
        UserError: the game isn't two-player zero-sum, has free text, or its tree is too large.
    """
    if not game.info.is_two_player_zero_sum:
        raise UserError(f"exploitability is for two-player zero-sum games, which {game.info.name!r} is not")
    positions, infosets, num_histories = dict[Hashable, int](), list[InfoSet](), 0
    waiting: list[tuple[Any, Mapping[int, tuple[int, Action]]]] = [(game.start(), {})]  # state, each role's last move
    while waiting:
        state, last = waiting.pop(0)
        role, num_histories = game.to_act(state), num_histories + 1
        if num_histories > MAX_SEARCHED_NODES or (role >= 0 and game.legal(state) is None):
            raise UserError(f"{game.info.name!r} is too large to be searched whole; kuhn_poker is small enough")
        if role == CHANCE:
            waiting += [(game.apply(state, a), last) for a, _ in game.chance(state)]
        elif role != OVER:
            view, legal = game.view(state, role), game.legal(state) or ()
            if view not in positions:
                positions[view] = len(infosets)
                infosets.append(InfoSet(view, game.observe(state, role), state, role, legal, last.get(role)))
            waiting += [(game.apply(state, a), {**last, role: (positions[view], a)}) for a in legal]
    return infosets


def is_searchable(game: Game[Any, Any]) -> bool:
    """Whether the game's information states can be listed."""
    try:
        information_states(game)
    except UserError:
        return False
    return True
