"""Lewis signalling: words that mean nothing until two players agree on what they mean."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info

STATES = ("sun", "moon", "star", "cloud", "rain")
SIGNALS = ("ba", "do", "ki", "mu", "te")
SENDER, RECEIVER = 0, 1
_SEATS = ("sender", "receiver")
_UNKNOWN = -1
_NUM_CACHED = 16_384  # cached lines of text; two settings of the default size have 1,080
_SPELLINGS = {word: word for word in STATES + SIGNALS}
_SPELLINGS |= {f"{verb} {word}": word for verb in ("say", "send", "signal") for word in SIGNALS}
_SPELLINGS |= {f"guess {word}": word for word in STATES}


@dataclass(frozen=True)
class LewisSignalingSettings(GameSettings):
    """The number of states, signals and rounds, and whether the interests agree."""

    states: int = setting(3, "how many states there are", range(2, 6))
    signals: int = setting(3, "how many words the sender has", range(2, 6))
    rounds: int = setting(6, "how many times the sender signals", range(1, 21))
    interest: str = setting(
        "common", "whether the sender wants the right guess or the one after it", ("common", "biased")
    )


_DEFAULT = LewisSignalingSettings()


class Round(NamedTuple):
    """The state, the signal and the guess, as numbers; `_UNKNOWN` if hidden or still to come."""

    state: int
    signal: int
    guess: int


_NEW = Round(_UNKNOWN, _UNKNOWN, _UNKNOWN)


class Talk(NamedTuple):
    """The state of the game: the finished rounds and the current one."""

    past: tuple[Round, ...]
    now: Round


class View(NamedTuple):
    """The information of a role: all finished rounds, and the current one, for the receiver without the state."""

    role: int
    past: tuple[Round, ...]
    now: Round


class LewisSignaling(Game[Talk, View]):
    """A sender tells a receiver what it sees, in words without a meaning.

    In each of 6 rounds chance picks one of 3 states (sun, moon, star), each as likely as the others. Only the sender
    sees it, and sends one of 3 signals (ba, do, ki). The receiver sees the signal alone and guesses the state; then
    both see all three. With common interest both get 1 point for every right guess, and four right guesses of six
    count as a win. With `interest=biased` the receiver gets a point for the right guess, but the sender for the guess
    one further in the list (after the last comes the first). Common interest played well, a signal of its own for each
    state, earns a point every round, or with fewer signals than states signals/states of a point. Biased, it is an
    equilibrium to babble: any signal, any guess, 1/states of a point for each.
    """

    settings: LewisSignalingSettings
    examples = (
        "states=5,signals=2,rounds=10",
        "rounds=1",
        "interest=biased",
        "states=2,signals=5,rounds=20,interest=biased",
    )

    def __init__(self, settings: LewisSignalingSettings = _DEFAULT) -> None:
        self.settings = settings
        rounds, common = settings.rounds, settings.interest == "common"
        self._dealt = tuple((word, 1 / settings.states) for word in STATES[: settings.states])
        self._guesses = tuple(sorted(STATES[: settings.states]))
        self._signals = SIGNALS[: settings.signals]
        self.info = Info(
            name=settings.full_name("lewis_signaling"), version=2, roles=_SEATS, min_return=0.0,
            max_return=float(rounds), zero_sum=False, max_turns=2 * rounds, hidden=True, random=True,
            open_text=False, solver="exact", forfeit=0.0, cooperative=common,
            win_at=float(-(-2 * rounds // 3)) if common else None,
            source="Lewis 1969, Convention; OpenSpiel lewis_signaling (one round, common interest)",
        )  # fmt: skip

    def start(self) -> Talk:
        return Talk((), _NEW)

    def to_act(self, state: Talk) -> int:
        if len(state.past) == self.settings.rounds:
            return OVER
        now = state.now
        return CHANCE if now.state < 0 else SENDER if now.signal < 0 else RECEIVER

    def chance(self, state: Talk) -> tuple[tuple[Action, float], ...]:
        return self._dealt

    def legal(self, state: Talk) -> tuple[Action, ...]:
        role = self.to_act(state)
        return self._signals if role == SENDER else self._guesses if role == RECEIVER else ()

    def apply(self, state: Talk, action: Action) -> Talk:
        past, (seen, signal, _) = state
        role = self.to_act(state)
        if role == OVER or action not in (self._signals if role == SENDER else self._guesses):
            raise ValueError(f"{action!r} is not allowed now")
        if role == CHANCE:
            return Talk(past, Round(STATES.index(action), _UNKNOWN, _UNKNOWN))
        if role == SENDER:
            return Talk(past, Round(seen, SIGNALS.index(action), _UNKNOWN))
        return Talk((*past, Round(seen, signal, STATES.index(action))), _NEW)

    def returns(self, state: Talk) -> tuple[float, ...]:
        return self._count_points(state.past)

    def reward(self, state: Talk, action: Action, after: Talk) -> tuple[float, ...]:
        """The points of a round, earned by its guess."""
        return self._count_points(after.past[len(state.past) :])

    def forfeit_returns(self, state: Talk, role: int) -> tuple[float, ...]:
        """Nothing for the offender; with a biased sender the other wins all remaining rounds."""
        if self.info.cooperative:
            return (0.0, 0.0)
        other = self._count_points(state.past)[1 - role] + self.settings.rounds - len(state.past)
        return (other, 0.0) if role else (0.0, other)

    def view(self, state: Talk, role: int) -> View:
        past, now = state
        if role == RECEIVER and now.state >= 0:
            now = Round(_UNKNOWN, now.signal, _UNKNOWN)
        return View(role, past, now)

    def rules(self) -> str:
        s = self.settings
        states, signals = ", ".join(STATES[: s.states]), ", ".join(SIGNALS[: s.signals])
        aim = "Both of you get 1 point for a right guess."
        if s.interest == "biased":
            aim = (
                "The receiver gets 1 point for the right guess; the sender gets 1 point if the guess is the state that "
                f"follows the true one in the list (after {STATES[s.states - 1]} comes {STATES[0]})."
            )
        times = "One round" if s.rounds == 1 else f"{s.rounds} rounds"
        return (
            f"Signalling game. {times}. In each, a state is drawn at random from the list: {states}. Only the sender "
            f"sees it, and sends one signal: {signals}. A signal has only the meaning that you give it. The receiver "
            f"sees only the signal and guesses the state. Then both see the state. {aim} "
            f"Moves: the sender's is a signal like '{SIGNALS[0]}', the receiver's a state like '{STATES[0]}'."
        )

    def render(self, view: View) -> str:
        s, (role, past, now) = self.settings, view
        is_biased = s.interest == "biased"
        points = self._count_points(past)
        lines = [f"You are the {_SEATS[role]}. {_describe_score(role, points, len(past), is_biased)}"]
        lines += [_describe_round(k, r, s.states, is_biased) for k, r in enumerate(past)]
        if len(past) < s.rounds:
            lines.append(f"Round {len(past) + 1} of {s.rounds}: {_describe_current(role, now)}")
        return "\n".join(lines)

    def notation(self, state: Talk) -> dict[str, Action]:
        return _SPELLINGS

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """With common interest, signals in the order of the states; with a biased sender, random ones."""
        s, now = self.settings, view.now
        if s.interest == "biased":
            options = self._signals if view.role == SENDER else self._guesses
            return tuple((word, 1 / len(options)) for word in options)
        if view.role == SENDER:
            return ((SIGNALS[min(now.state, s.signals - 1)], 1.0),)
        return ((STATES[min(now.signal, s.states - 1)], 1.0),)

    def _count_points(self, past: tuple[Round, ...]) -> tuple[float, float]:
        right = float(sum([r.state == r.guess for r in past]))
        if self.settings.interest == "common":
            return (right, right)
        return (float(sum([(r.state + 1) % self.settings.states == r.guess for r in past])), right)


@functools.lru_cache(_NUM_CACHED)
def _describe_round(k: int, r: Round, num_states: int, is_biased: bool) -> str:
    """A line on a finished round."""
    result = "right" if r.state == r.guess else "wrong"
    if is_biased:
        following = (r.state + 1) % num_states == r.guess
        point = "the receiver" if r.state == r.guess else "the sender" if following else "neither"
        result = f"a point for {point}"
    return f"Round {k + 1}: state {STATES[r.state]}, signal {SIGNALS[r.signal]}, guess {STATES[r.guess]}: {result}."


@functools.lru_cache(_NUM_CACHED)
def _describe_current(role: int, now: Round) -> str:
    """The current round, as the role sees it."""
    if role == RECEIVER:
        return "wait for the signal." if now.signal < 0 else f"the signal is {SIGNALS[now.signal]}. Guess the state."
    if now.state < 0:
        return "the state is not drawn yet."
    if now.signal < 0:
        return f"the state is {STATES[now.state]}. Send a signal."
    return f"the state is {STATES[now.state]}. You sent {SIGNALS[now.signal]}; wait for the guess."


def _describe_score(role: int, points: tuple[float, float], num_past: int, is_biased: bool) -> str:
    if is_biased:
        return f"Your points: {points[role]:.0f}. The {_SEATS[1 - role]}'s points: {points[1 - role]:.0f}."
    return f"Right guesses: {points[role]:.0f} of {num_past}."


GAME = LewisSignaling()
