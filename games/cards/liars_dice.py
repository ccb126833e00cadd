"""Liar's dice."""

import functools
import math
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info

LIAR: Final = "liar"
SEATS: Final = ("first", "second", "third", "fourth")
_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen",
)  # fmt: skip
_PLURALS = ("", "ones", "twos", "threes", "fours", "fives", "sixes")
_CHALLENGES = (LIAR, "call liar", "challenge", "doubt", "bluff", "call bluff")
_BELIEF = 0.5  # the solver's probability that a bid on a face is backed by a die, beyond chance
_NUM_CACHED = 4_096  # size of the cache of each function that rendering calls often


@dataclass(frozen=True)
class LiarsDiceSettings(GameSettings):
    """The number of players and the dice."""

    players: int = setting(2, "how many play", range(2, 5))
    dice: int = setting(2, "dice of each player", range(1, 5))
    faces: int = setting(6, "sides of a die; the highest is wild", range(3, 7))


DEFAULT: Final = LiarsDiceSettings()


class Cups(NamedTuple):
    """The player to act, the dice that each player has rolled so far, and the calls: bids and finally `LIAR`."""

    to_act: int
    dice: tuple[str, ...]  # a digit for each die, sorted; the last player is still rolling
    calls: tuple[Action, ...]


class View(NamedTuple):
    """A role's own dice, sorted, and the calls; every player's dice after they are shown."""

    role: int
    dice: str
    calls: tuple[Action, ...]
    shown: tuple[str, ...]


class Bids(NamedTuple):
    """The bids of one variant, lowest first.

    Attributes:
        names: the bids as text.
        ranks: each bid's position.
        legal: the legal moves after each bid, sorted; `""` is the opening.
        spellings: every spelling -> its move.
    """

    names: tuple[Action, ...]
    ranks: dict[Action, int]
    legal: dict[Action, tuple[Action, ...]]
    spellings: dict[str, Action]


class LiarsDice(Game[Cups, View]):
    """Bids about dice under cups, each bolder than the last, until somebody doubts one.

    Every player rolls dice that only it sees. In turn each bids or, once there is a bid, calls the last bidder a liar.
    The bid `3x5` says that at least three of all dice show a 5. The highest face (6) is wild: it counts as every face,
    and a bid on it counts itself alone. A bid raises the last: more dice of any face, or as many of a higher face; at
    most all dice. After `liar` the dice are shown: if the bid is true the caller loses, else the bidder. The loser
    gets -1 and the others share +1. Two players with two dice each is the default; the first bid is the first player's.

    `solution` calls liar when the bid is more likely false than its own best raise is true, by the binomial
    distribution and half a belief in what the others have bid; else it makes that raise.
    """

    examples: ClassVar[tuple[str, ...]] = ("dice=1", "dice=1,faces=3", "players=3", "players=4,dice=4")

    def __init__(self, settings: LiarsDiceSettings = DEFAULT) -> None:
        self.settings: LiarsDiceSettings = settings
        seats = SEATS[: settings.players]
        self._names = tuple(tuple("you" if seat == own else seat for seat in seats) for own in seats)
        self._num_dice = settings.players * settings.dice
        self._bids = _bids(self._num_dice, settings.faces)
        self._rolls = tuple((str(face), 1 / settings.faces) for face in range(1, settings.faces + 1))
        self._faces = frozenset(face for face, _ in self._rolls)
        self.info = Info(
            name=settings.full_name("liars_dice"), version=1, roles=seats, min_return=-1.0, max_return=1.0,
            zero_sum=True, max_turns=len(self._bids.names) + 1, hidden=True, random=True,
            open_text=False, solver="rules", forfeit=-1.0, win_at=1 / (len(seats) - 1),
            source="OpenSpiel liars_dice, with its bidding rule reset-face; more than two players added",
        )  # fmt: skip

    def start(self) -> Cups:
        return Cups(CHANCE, (), ())

    def to_act(self, state: Cups) -> int:
        return state.to_act

    def chance(self, state: Cups) -> tuple[tuple[Action, float], ...]:
        return self._rolls

    def legal(self, state: Cups) -> tuple[Action, ...]:
        if state.to_act < 0:
            return ()
        return self._bids.legal[state.calls[-1] if state.calls else ""]

    def apply(self, state: Cups, action: Action) -> Cups:
        to_act, dice, calls = state
        if to_act == CHANCE:
            if action not in self._faces:
                raise ValueError(f"{action!r} is not a face of a die")
            return _roll(dice, action, self.settings.players, self.settings.dice)
        if action not in self.legal(state):
            raise ValueError(f"{action!r} is not allowed after {calls!r}")
        return Cups(OVER if action == LIAR else (to_act + 1) % self.settings.players, dice, (*calls, action))

    def returns(self, state: Cups) -> tuple[float, ...]:
        num_players, num_calls = self.settings.players, len(state.calls)
        caller, bidder = (num_calls - 1) % num_players, (num_calls - 2) % num_players
        loser = caller if _is_true(state.calls[-2], state.dice, self.settings.faces) else bidder
        return tuple(-1.0 if role == loser else 1 / (num_players - 1) for role in range(num_players))

    def view(self, state: Cups, role: int) -> View:
        to_act, dice, calls = state
        return View(role, dice[role] if role < len(dice) else "", calls, dice if to_act == OVER else ())

    def rules(self) -> str:
        players, top, dice = self.settings.players, self.settings.faces, self.settings.dice
        return (
            f"Liar's dice: {players} players roll {_count_dice(dice)} each, with faces 1 to {top}, and see "
            f"only their own. {top} is wild: it counts as every face. In turn a player bids or calls the last bidder a "
            f"liar. The bid 2x1 says: at least two of all {self._num_dice} dice show 1 or {top}; a bid on {top} counts "
            f"only {top}. A bid must have more dice than the last, with any face, or as many dice and a higher face. "
            "'liar' ends the game: if the last bid is true, the caller loses, otherwise the bidder does."
            + ("" if players == 2 else f" The loser gets -1, each other player 1/{players - 1}.")
        )

    def render(self, view: View) -> str:
        role, dice, calls, shown = view
        names = self._names[role]
        text = f"{_render_seat(role, dice, len(names), self._num_dice)}\nBids: {_render_calls(calls, names)}."
        return f"{text}\n{self._render_ending(view, names)}" if shown else text

    def _render_ending(self, view: View, names: tuple[str, ...]) -> str:
        """Renders every player's dice and whether the last bid is true."""
        bid = view.calls[-2]
        cups = ", ".join(f"{name} {' '.join(dice)}" for name, dice in zip(names, view.shown, strict=True))
        return f"Shown: {cups}. {bid} is {str(_is_true(bid, view.shown, self.settings.faces)).lower()}."

    def notation(self, state: Cups) -> dict[str, Action]:
        return self._bids.spellings

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The likeliest claim: that the last bid is a lie, or the best raise."""
        legal = self._bids.legal[view.calls[-1] if view.calls else ""]
        worth = {bid: self._likelihood(view, bid) for bid in legal if bid != LIAR}
        best = max(worth, key=lambda bid: (worth[bid], -self._bids.ranks[bid]), default=LIAR)
        if view.calls and 1 - self._likelihood(view, view.calls[-1]) >= worth.get(best, 0.0):
            best = LIAR
        return ((best, 1.0),)

    def _likelihood(self, view: View, bid: Action) -> float:
        """The probability that the bid is true, given the own dice and the other players' bids."""
        num_players, faces = self.settings.players, self.settings.faces
        number, face = _parse_bid(bid)
        missing = number - _count_face(face, view.dice, faces)
        believed = {k % num_players for k, bid in enumerate(view.calls) if _parse_bid(bid)[1] == face} - {view.role}
        p = (1 if face == faces else 2) / faces
        unknown = self._num_dice - self.settings.dice
        return sum(
            _binomial(k, len(believed), _BELIEF) * _tail(missing - k, unknown - k, p) for k in range(len(believed) + 1)
        )


@functools.cache
def _bids(num_dice: int, faces: int) -> Bids:
    names = tuple(f"{number}x{face}" for number in range(1, num_dice + 1) for face in range(1, faces + 1))
    legal = {name: tuple(sorted((*names[k + 1 :], LIAR))) for k, name in enumerate(names)}
    spellings = {challenge: LIAR for challenge in _CHALLENGES}
    spellings |= {
        f"{verb}{bid}": name for name in names for bid in _spell_bid(*_parse_bid(name)) for verb in ("", "bid ")
    }
    legal |= {"": tuple(sorted(names)), LIAR: ()}
    return Bids(names, {name: k for k, name in enumerate(names)}, legal, spellings)


def _spell_bid(number: int, face: int) -> tuple[str, ...]:
    """`"2x5"`, `"2 x 5"`, `"two fives"` ..."""
    crossed = [f"{number}{cross}{face}" for cross in ("x", " x ", "×", " × ", "*", " * ")]
    names = (_PLURALS[face], _NUMBERS[face], f"{face}s", f"{face}'s")
    return (*crossed, *(f"{count} {name}" for count in (number, _NUMBERS[number]) for name in names))


@functools.cache
def _parse_bid(bid: Action) -> tuple[int, int]:
    """Parses a bid to the number of dice and their face."""
    number, _, face = bid.partition("x")
    return int(number), int(face)


def _count_face(face: int, dice: str, faces: int) -> int:
    wild = dice.count(str(faces)) if face != faces else 0
    return dice.count(str(face)) + wild


def _is_true(bid: Action, dice: tuple[str, ...], faces: int) -> bool:
    number, face = _parse_bid(bid)
    return _count_face(face, "".join(dice), faces) >= number


@functools.lru_cache(_NUM_CACHED)
def _roll(dice: tuple[str, ...], face: Action, num_players: int, num_dice: int) -> Cups:
    """Returns the state after one more die."""
    if dice and len(dice[-1]) < num_dice:
        dice = (*dice[:-1], "".join(sorted(dice[-1] + face)))
    else:
        dice = (*dice, face)
    done = len(dice) == num_players and len(dice[-1]) == num_dice
    return Cups(0 if done else CHANCE, dice, ())


@functools.lru_cache(_NUM_CACHED)
def _tail(at_least: int, trials: int, p: float) -> float:
    """The probability of `at_least` successes or more."""
    return sum(_binomial(k, trials, p) for k in range(max(0, at_least), trials + 1))


def _binomial(successes: int, trials: int, p: float) -> float:
    return math.comb(trials, successes) * p**successes * (1 - p) ** (trials - successes)


@functools.lru_cache(_NUM_CACHED)
def _render_seat(role: int, dice: str, num_players: int, num_dice: int) -> str:
    rolled = " ".join(dice) or "not rolled yet"
    return f"You are the {SEATS[role]} of {num_players} players. Your dice: {rolled}. There are {num_dice} dice in all."


@functools.lru_cache(_NUM_CACHED)
def _render_calls(calls: tuple[Action, ...], names: tuple[str, ...]) -> str:
    if not calls:
        return "none yet"
    last = f"{calls[-1]} ({names[(len(calls) - 1) % len(names)]})"
    return f"{_render_calls(calls[:-1], names)}, {last}" if len(calls) > 1 else last


def _count_dice(dice: int) -> str:
    return "1 die" if dice == 1 else f"{dice} dice"


GAME = LiarsDice()
