"""Nim."""

import functools
import operator
from dataclasses import dataclass
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import OVER, Action, Info

LETTERS = "abcde"  # the piles' names
PILES = ("1-3-5-7", "1-2-3", "2-3-4", "3-4-5", "3-5-7", "5-7-9", "2-4-6-8", "1-2-3-4-5")
_NUM_CACHED = 4_096  # size of each cache: "1-3-5-7" has 384 positions, "2-4-6-8" 945
_FORMS = ("{p}{n}", "{p} {n}", "{p}: {n}", "{p}:{n}", "{n} from {p}", "take {n} from {p}", "{p} take {n}",
          "{n} from pile {p}", "take {n} from pile {p}", "pile {p} take {n}", "pile {p}, take {n}")  # fmt: skip


@dataclass(frozen=True)
class NimSettings(GameSettings):
    """The piles and the winning rule."""

    piles: str = setting("1-3-5-7", "the piles at the start", PILES)
    play: str = setting("misere", "who takes the last object loses (misere) or wins (normal)", ("misere", "normal"))


_DEFAULT = NimSettings()


class Piles(NamedTuple):
    """The number of objects left in each pile, and the role to move."""

    left: tuple[int, ...]
    to_move: int


class View(NamedTuple):
    """The public state and the role that sees it."""

    role: int
    left: tuple[int, ...]
    to_move: int


class Nim(Game[Piles, View]):
    """Taking objects from piles; who takes the last one loses.

    There are piles of 1, 3, 5 and 7 objects. In turn each player takes one or more objects from one pile: `b2` takes 2
    from pile B. Who takes the last object of all loses (+1 to -1); in normal play (`play=normal`) that player wins.
    Best play leaves the other piles whose binary sum without carry is 0, or, in the misere game as soon as no pile has
    more than one object, an odd number of piles (Bouton 1901). The piles 1, 3, 5, 7 are such: the second player wins.
    """

    examples = ("play=normal", "piles=3-4-5", "piles=1-2-3-4-5,play=normal")

    def __init__(self, settings: NimSettings = _DEFAULT) -> None:
        self.settings = settings
        self._start = tuple(int(n) for n in settings.piles.split("-"))
        self._misere = settings.play == "misere"
        self._spellings = {
            form.format(p=p, n=n): f"{p}{n}"
            for p, most in zip(LETTERS, self._start, strict=False)
            for n in range(1, most + 1)
            for form in _FORMS
        }
        self.info = Info(
            name=settings.full_name("nim"), version=2, roles=("first", "second"), min_return=-1.0, max_return=1.0,
            zero_sum=True, max_turns=sum(self._start), hidden=False, random=False, open_text=False, solver="exact",
            forfeit=-1.0, source="Bouton 1901, Nim, a game with a complete mathematical theory; OpenSpiel nim",
        )  # fmt: skip

    def start(self) -> Piles:
        return Piles(self._start, 0)

    def to_act(self, state: Piles) -> int:
        return state.to_move if any(state.left) else OVER

    def legal(self, state: Piles) -> tuple[Action, ...]:
        return _legal(state.left)

    def apply(self, state: Piles, action: Action) -> Piles:
        return _apply(state, action)

    def returns(self, state: Piles) -> tuple[float, ...]:
        last = 1 - state.to_move
        winner = 1 - last if self._misere else last
        return (1.0, -1.0) if winner == 0 else (-1.0, 1.0)

    def view(self, state: Piles, role: int) -> View:
        return View(role, state.left, state.to_move)

    def rules(self) -> str:
        start = ", ".join(f"{p.upper()} {n}" for p, n in zip(LETTERS, self._start, strict=False))
        ends = "loses" if self._misere else "wins"
        return (
            f"Nim. Piles of objects at the start: {start}. Two players move in turn. A move takes 1 or more objects "
            f"from one pile. The player who takes the very last object {ends}. "
            "Write a move as the pile's letter and how many you take: 'b2' takes 2 from pile B."
        )

    def render(self, view: View) -> str:
        return _render(view.left, self.info.roles[view.role])

    def notation(self, state: Piles) -> dict[str, Action]:
        return self._spellings

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Every move to a lost position; in a lost position every move."""
        best = _winning_moves(view.left, self._misere) or _legal(view.left)
        return tuple((action, 1 / len(best)) for action in best)


@functools.lru_cache(_NUM_CACHED)
def _legal(left: tuple[int, ...]) -> tuple[Action, ...]:
    return tuple(sorted(f"{p}{n}" for p, most in zip(LETTERS, left, strict=False) for n in range(1, most + 1)))


@functools.lru_cache(_NUM_CACHED)
def _apply(state: Piles, action: Action) -> Piles:
    if action not in _legal(state.left):
        raise ValueError(f"{action!r} can't be taken from {state.left!r}")
    return Piles(_take(state.left, action), 1 - state.to_move)


@functools.lru_cache(_NUM_CACHED)
def _render(left: tuple[int, ...], role: str) -> str:
    piles = ", ".join(f"{p.upper()} {n}" for p, n in zip(LETTERS, left, strict=False))
    return f"You are the {role} player.\nPiles: {piles}."


@functools.lru_cache(_NUM_CACHED)
def _winning_moves(left: tuple[int, ...], misere: bool) -> tuple[Action, ...]:
    return tuple(action for action in _legal(left) if _is_lost(_take(left, action), misere))


def _is_lost(left: tuple[int, ...], misere: bool) -> bool:
    """Whether the player to move loses against best play (Bouton 1901)."""
    nim_sum = functools.reduce(operator.xor, left)
    if misere and max(left) <= 1:
        return nim_sum == 1  # an odd number of single objects: the player to move takes the last of them
    return nim_sum == 0


def _take(left: tuple[int, ...], action: Action) -> tuple[int, ...]:
    k = LETTERS.index(action[0])
    return (*left[:k], left[k] - int(action[1:]), *left[k + 1 :])


GAME = Nim()
