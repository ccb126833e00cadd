"""The information states of a small game: everywhere that a role decides, as that role sees it."""

from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple

from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action, Observation

MAX_SEARCHED_NODES: Final = 10_000  # nodes of the tree, which best responses walk again and again; Kuhn poker has 58


class InfoSet(NamedTuple):
    """One information state.

    Attributes:
        view: what identifies it.
        observation: the same in words.
        state: one of the states that look like this.
        role: who acts.
        legal: its moves.
        parent: the role's own decision before this one, by its position in the list, and the move it made there.
    """

    view: Hashable
    observation: Observation
    state: Any
    role: int
    legal: tuple[Action, ...]
    parent: tuple[int, Action] | None


def information_states(game: Game[Any, Any]) -> list[InfoSet]:
    """Every one in which a role decides, in tree order; a role's earlier decisions come before its later ones.

    Roles are taken to forget nothing, so that a view has one parent.

    Raises:
        UserError: not a two-player zero-sum game, free text, or too large a tree.
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
