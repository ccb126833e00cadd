"""Converts a small game to Gambit's text format for extensive games, which OpenSpiel's solvers in C++ read.

A role's view identifies its information set. The solving is done elsewhere.
"""

from collections.abc import Hashable
from typing import Any, Final, NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action

MAX_EFG_NODES: Final = 50_000  # a solver in C++ walks all nodes of the tree in every iteration


class EfgInfoSet(NamedTuple):
    """An information set as the file numbers it.

    Attributes:
        role: the role to act.
        number: position among the role's information sets, counted from 1.
        moves: the legal moves in order.
    """

    role: int
    number: int
    moves: tuple[Action, ...]

    @property
    def name(self) -> str:
        """The name that OpenSpiel gives to the information set."""
        return f"{self.role}-{self.role}-{self.number}-"


class EfgTree(NamedTuple):
    """A game's whole tree.

    Attributes:
        text: the tree in Gambit's format; a move's name is its position in the list of legal moves.
        infosets: a role's view -> its information set.
    """

    text: str
    infosets: dict[Hashable, EfgInfoSet]


def to_efg(game: Game[Any, Any]) -> EfgTree | None:
    """Converts a two-player game to a tree; None if the game has free text or more than `MAX_EFG_NODES` nodes."""
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
