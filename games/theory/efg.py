"""A small game as a text in Gambit's format for extensive games, which OpenSpiel's solvers in C++ read.

What a role knows, its view, is its information set; nothing is solved here.
"""

from collections.abc import Hashable
from typing import Any, Final, NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action

MAX_EFG_NODES: Final = 50_000  # nodes of the tree; a solver walks all of them in every iteration


class EfgInfoSet(NamedTuple):
    """An information set: whose it is, its number among that role's, counted from 1, and its moves in order."""

    role: int
    number: int
    moves: tuple[Action, ...]


class EfgTree(NamedTuple):
    """A whole game.

    Attributes:
        text: in Gambit's format; moves are called by their place in the list of legal moves.
        infosets: what a role knows -> its information set.
    """

    text: str
    infosets: dict[Hashable, EfgInfoSet]


def to_efg(game: Game[Any, Any]) -> EfgTree | None:
    """A two-player game as a tree; None where it is too large or has free text."""
    lines, infosets = ['EFG 2 R "" { "0" "1" }'], dict[Hashable, EfgInfoSet]()
    waiting, num_infosets = [game.start()], [0, 0]
    while waiting:
        state = waiting.pop()
        role = game.to_act(state)
        if role == OVER:
            returns = " ".join(map(repr, game.returns(state)))
            lines.append(f't "" {len(lines)} "" {{ {returns} }}')
        elif role == CHANCE:
            dealt = game.chance(state)
            shown = " ".join(f'"{k}" {p!r}' for k, (_, p) in enumerate(dealt))
            lines.append(f'c "" {len(lines)} "" {{ {shown} }} 0')
            waiting += [game.apply(state, action) for action, _ in reversed(dealt)]
        else:
            legal = game.legal(state)
            if legal is None:
                return None
            view = game.view(state, role)
            if view not in infosets:
                num_infosets[role] += 1
                infosets[view] = EfgInfoSet(role, num_infosets[role], legal)
            shown = " ".join(f'"{k}"' for k in range(len(legal)))
            lines.append(f'p "" {role + 1} {infosets[view].number} "" {{ {shown} }} 0')
            waiting += [game.apply(state, action) for action in reversed(legal)]
        if len(lines) + len(waiting) > MAX_EFG_NODES:
            return None
    return EfgTree("\n".join(lines) + "\n", infosets)


def infoset_name(infoset: EfgInfoSet) -> str:
    """What OpenSpiel calls it."""
    return f"{infoset.role}-{infoset.role}-{infoset.number}-"
