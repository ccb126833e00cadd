"""Guess the number."""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info


@dataclass(frozen=True)
class GuessTheNumberSettings(GameSettings):
    """The number of numbers, and the guesses beyond those that bisection needs."""

    numbers: int = setting(50, "the secret is one of 1 to this", (10, 20, 50, 100, 200, 500))
    spare: int = setting(0, "guesses more (or fewer) than bisection needs at most", range(-2, 6))


_DEFAULT = GuessTheNumberSettings()


class Secret(NamedTuple):
    """The secret number, 0 before chance has drawn it, and the guesses."""

    number: int
    guesses: tuple[int, ...]


class Hint(NamedTuple):
    """A guess, and whether the secret is higher (1), lower (-1) or the guess itself (0)."""

    guess: int
    sign: int


class View(NamedTuple):
    """The guesses with their answers; the secret itself only when the game is over, else 0."""

    hints: tuple[Hint, ...]
    number: int


class GuessTheNumber(Game[Secret, View]):
    """A secret number, found by guessing it; every wrong guess is answered with higher or lower.

    Chance draws a number from 1 to 50, each equally likely. The player names a number; the answer is "higher" if the
    secret is higher than the guess and "lower" if it is lower. There are 6 guesses. The return is 1 if one of them is
    the secret, else 0. Always guessing the middle of what is left finds one of n numbers in at most ceil(log2(n + 1))
    guesses, which is what the player has (6 for 50), and no player can do it in fewer. With `spare=-1` luck is needed
    too: k guesses can find at most 2^k - 1 of the n numbers, and bisection finds that many.
    """

    examples = ("numbers=10", "numbers=100,spare=2", "numbers=20,spare=-1")

    def __init__(self, settings: GuessTheNumberSettings = _DEFAULT) -> None:
        self.settings = settings
        self.num_guesses = math.ceil(math.log2(settings.numbers + 1)) + settings.spare
        self._numbers = tuple(map(str, range(1, settings.numbers + 1)))
        self._chance = tuple((number, 1 / settings.numbers) for number in self._numbers)
        self._legal = tuple(sorted(self._numbers))
        self._notation = {**{n: n for n in self._numbers}, **{f"guess {n}": n for n in self._numbers}}
        self.info = Info(
            name=settings.full_name("guess_the_number"), version=2, roles=("player",), min_return=0.0, max_return=1.0,
            zero_sum=False, max_turns=self.num_guesses, hidden=True, random=True, open_text=False, solver="exact",
            forfeit=0.0, source="folklore; the bound on guesses is binary search's", win_at=1.0,
        )  # fmt: skip

    def start(self) -> Secret:
        return Secret(0, ())

    def to_act(self, state: Secret) -> int:
        number, guesses = state
        if not number:
            return CHANCE
        return OVER if len(guesses) == self.num_guesses or (guesses and guesses[-1] == number) else 0

    def chance(self, state: Secret) -> tuple[tuple[Action, float], ...]:
        return self._chance

    def legal(self, state: Secret) -> tuple[Action, ...]:
        return self._legal if self.to_act(state) == 0 else ()

    def apply(self, state: Secret, action: Action) -> Secret:
        if action not in self._notation or not action.isdecimal():
            raise ValueError(f"{action!r} is not a number from 1 to {len(self._numbers)}")
        role = self.to_act(state)
        if role == OVER:
            raise ValueError("the game is over")
        return Secret(int(action), ()) if role == CHANCE else Secret(state.number, (*state.guesses, int(action)))

    def returns(self, state: Secret) -> tuple[float, ...]:
        return (1.0,) if state.guesses[-1] == state.number else (0.0,)

    def view(self, state: Secret, role: int) -> View:
        number, guesses = state
        hints = tuple([_make_hint(guess, number) for guess in guesses])
        return View(hints, number if self.to_act(state) == OVER else 0)

    def rules(self) -> str:
        return (
            f"Guess the number. It is a whole number from 1 to {self._numbers[-1]}. After a wrong guess you learn "
            f"whether the secret number is higher or lower than your guess. You have {self.num_guesses} guesses. "
            "You win if one of them is the number. A move is the number that you guess, like 7."
        )

    def render(self, view: View) -> str:
        lines = list(map(_describe_hint, view.hints))
        if not view.number:
            lines.append(f"Guess {len(lines) + 1} of {self.num_guesses}: a number from 1 to {self._numbers[-1]}.")
        elif view.hints[-1].sign:
            lines.append(f"You have lost: the number was {view.number}.")
        return "\n".join(lines)

    def notation(self, state: Secret) -> dict[str, Action]:
        return self._notation

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The middle of the remaining numbers."""
        low = max((guess + 1 for guess, sign in view.hints if sign > 0), default=1)
        high = min((guess - 1 for guess, sign in view.hints if sign < 0), default=len(self._numbers))
        return ((str((low + high) // 2), 1.0),)


@functools.lru_cache(1_024)
def _make_hint(guess: int, number: int) -> Hint:
    return Hint(guess, (number > guess) - (number < guess))


@functools.lru_cache(1_024)
def _describe_hint(hint: Hint) -> str:
    guess, sign = hint
    if not sign:
        return f"You guessed {guess}: that is the number. You have won."
    return f"You guessed {guess}: the number is {'higher' if sign > 0 else 'lower'} than {guess}."


GAME = GuessTheNumber()
