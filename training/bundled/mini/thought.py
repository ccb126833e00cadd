"""A thinker: a player of mixed strength that thinks aloud in a few words which follow from the state.

What it says is computed from its view (counted odds, threatened lines, expected values), also where its move is poor:
a model that imitates it must be beatable, and must learn to read the state. Nothing here depends on a game.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from mirrormatch.games.game import Game, sample_chance
from mirrormatch.games.types import Action


class Sight(NamedTuple):
    """A thinker's input for one move.

    Attributes:
        game: the rules.
        view: everything that the role may know.
        role: the seat.
        legal: the legal moves; None where the text is free.
        skill: the probability of a sound move.
        rng: the thinker's generator.
    """

    game: Game[Any, Any]
    view: Any
    role: int
    legal: tuple[Action, ...] | None
    skill: float
    rng: random.Random


class Thought(NamedTuple):
    """A thought and the move that follows from it."""

    text: str
    move: Action


Thinker: TypeAlias = Callable[[Sight], Thought]


def is_sound(sight: Sight) -> bool:
    """Draws whether this move is a sound one."""
    return sight.rng.random() < sight.skill


def draw_solution(sight: Sight) -> Action:
    """Draws the solver's move."""
    return sample_chance(sight.game.solution(sight.view), sight.rng)


def draw_any(sight: Sight) -> Action:
    """Draws a random player's move."""
    return sight.game.sample(sight.view, sight.legal, sight.rng)


def draw_move(sight: Sight) -> Action:
    """Draws the solver's move, or a random one, by skill."""
    return draw_solution(sight) if is_sound(sight) else draw_any(sight)


def join_words(words: Sequence[object]) -> str:
    """The words with spaces between them, or `none`."""
    return " ".join(map(str, words)) or "none"
