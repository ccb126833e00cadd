"""Number poker: one bet, with pot, bet and odds drawn in every deal."""

import functools
from typing import Final, NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation

HALVES: Final = range(1, 11)  # half of the pot, which each player has put in
BETS: Final = range(1, 21)
STRONG_IN: Final = range(1, 10)  # of 10 deals
TURNS_IN: Final = range(5)  # of 10 last cards
STRONG, WEAK = "strong", "weak"
TURNS, HOLDS = "turns", "holds"  # the last card makes the worse hand win, or doesn't
BET, CHECK, CALL, FOLD = "bet", "check", "call", "fold"
_SEATS = ("first", "second")
_LEGAL: dict[tuple[Action, ...], tuple[Action, ...]] = {(): (BET, CHECK), (BET,): (CALL, FOLD)}
_NOTATION: dict[str, Action] = {word: word for word in (BET, CHECK, CALL, FOLD)}
_MOST: Final = float(HALVES[-1] + BETS[-1])
_NUM_CACHED = 4_096
# what chance draws first: the prefix of the action, the possible numbers
_DRAWN: tuple[tuple[str, range], ...] = (
    ("half", HALVES),
    ("bet", BETS),
    ("strong in", STRONG_IN),
    ("turns in", TURNS_IN),
)
_DRAWS: tuple[dict[Action, int], ...] = tuple({f"{name} {n}": n for n in numbers} for name, numbers in _DRAWN)


class Numbers(NamedTuple):
    """The numbers of a deal: half of the pot, the bet, and the odds in tenths."""

    half: int
    bet: int
    strong_in: int
    turns_in: int


class Deal(NamedTuple):
    """The state.

    Attributes:
        drawn: the numbers drawn so far.
        hand: the first player's hand, empty before it is dealt.
        moves: the moves.
        last: the effect of the last card, empty before it is drawn.
    """

    drawn: tuple[int, ...]
    hand: str
    moves: tuple[Action, ...]
    last: str


class View(NamedTuple):
    """A role's knowledge: the second player sees the first one's hand only after the last card."""

    role: int
    numbers: Numbers | None
    hand: str
    moves: tuple[Action, ...]
    last: str


class NumberPoker(Game[Deal, View]):
    """A poker of one bet in which pot, bet and odds are other numbers in every deal.

    Each player has put half of the pot in, 1 to 10 chips. The first player's hand is strong or weak: strong in 1 to 9
    of 10 deals. It knows its hand; the second player's hand is always better than the weak and worse than the strong
    one. The first player bets 1 to 20 chips, as the deal has it, or checks. After a bet the second player calls or
    folds; a fold gives the pot to the first player. After a check or a call a last card is drawn, which makes the worse
    hand win in 0 to 4 of 10 cases, and the better hand wins otherwise. The winner gets the pot, and both bets after a
    call. Pot, bet and both odds are drawn for every deal and known to both players: 9,000 different games, so memorised
    answers don't help, and a good decision compares expected values.

    With best play a strong hand always bets. A weak hand bluffs, and the second player calls, just often enough that
    the other gains nothing by a change, unless the odds are so clear that the second player always folds or always
    calls. A player that fails to move loses 30 chips, the most that a deal can cost.
    """

    info = Info(
        name="number_poker", version=1, roles=_SEATS, min_return=-_MOST, max_return=_MOST, zero_sum=True, max_turns=2,
        hidden=True, random=True, open_text=False, solver="exact", forfeit=-_MOST,
        source="the project's own; one street of poker between a polarised hand and a bluff catcher (Chen and Ankenman "
        "2006, The mathematics of poker, chapter 11), with odds of improvement",
    )  # fmt: skip

    def start(self) -> Deal:
        return Deal((), "", (), "")

    def to_act(self, state: Deal) -> int:
        if not state.hand:
            return CHANCE
        if state.moves in _LEGAL:
            return len(state.moves)
        return OVER if state.last or state.moves[-1] == FOLD else CHANCE

    def chance(self, state: Deal) -> tuple[tuple[Action, float], ...]:
        if len(state.drawn) < len(_DRAWS):
            names = _DRAWS[len(state.drawn)]
            return tuple((name, 1 / len(names)) for name in names)
        numbers = Numbers(*state.drawn)
        if not state.hand:
            return ((STRONG, numbers.strong_in / 10), (WEAK, 1 - numbers.strong_in / 10))
        options = ((HOLDS, 1 - numbers.turns_in / 10), (TURNS, numbers.turns_in / 10))
        return options if numbers.turns_in else options[:1]

    def legal(self, state: Deal) -> tuple[Action, ...]:
        return _LEGAL.get(state.moves, ()) if state.hand else ()

    def apply(self, state: Deal, action: Action) -> Deal:
        role = self.to_act(state)
        options = self.legal(state) if role != CHANCE else tuple(a for a, _ in self.chance(state))
        if role == OVER or action not in options:
            raise ValueError(f"{action!r} is not allowed after {state!r}")
        if len(state.drawn) < len(_DRAWS):
            return state._replace(drawn=(*state.drawn, _DRAWS[len(state.drawn)][action]))
        if not state.hand:
            return state._replace(hand=action)
        if role == CHANCE:
            return state._replace(last=action)
        return state._replace(moves=(*state.moves, action))

    def returns(self, state: Deal) -> tuple[float, ...]:
        numbers = Numbers(*state.drawn)
        if state.moves[-1] == FOLD:
            return (float(numbers.half), float(-numbers.half))
        stake = float(numbers.half + (numbers.bet if state.moves[-1] == CALL else 0))
        won = stake if (state.hand == STRONG) == (state.last == HOLDS) else -stake
        return (won, -won)

    def view(self, state: Deal, role: int) -> View:
        numbers = Numbers(*state.drawn) if len(state.drawn) == len(_DRAWS) else None
        return View(role, numbers, state.hand if role == 0 or state.last else "", state.moves, state.last)

    def observe(self, state: Deal, role: int) -> Observation:
        return _observe(state, role)

    def rules(self) -> str:
        return (
            "Number poker. Each player has put half of the pot in. The first player's hand is strong or weak; the "
            "second player's hand is between the two. The first player bets or checks. After a bet the second player "
            "calls with as much or folds; a fold gives the first player the pot. After a check or a call a last card "
            "decides: the better hand wins, or the worse one, with the given odds. The winner gets the pot and all "
            "bets. Pot, bet and odds are new in every deal."
        )

    def render(self, view: View) -> str:
        seat, other = _SEATS[view.role], _SEATS[1 - view.role]
        if view.numbers is None:
            return f"You are the {seat} player. The deal is not complete yet."
        half, bet, strong_in, turns_in = view.numbers
        hand = f"Your hand is {view.hand or 'not dealt yet'}." if view.role == 0 else "Your hand is between the two."
        lines = [
            f"You are the {seat} player. {hand} The first player's hand is strong in {strong_in} of 10 deals.",
            f"Pot: {2 * half}. Bet: {bet}. The last card makes the worse hand win in {turns_in} of 10 cases.",
            f"Moves: {', '.join(f'{s} {m}' for s, m in zip(_SEATS, view.moves, strict=False)) or 'none'}.",
        ]
        if view.last:
            shown = f"The {other} player's hand was {view.hand}. " if view.role == 1 else ""
            lines.append(f"{shown}The last card made the {'better' if view.last == HOLDS else 'worse'} hand win.")
        return "\n".join(lines)

    def notation(self, state: Deal) -> dict[str, Action]:
        return _NOTATION

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The equilibrium: see `solve_deal`."""
        assert view.numbers is not None, "a player decides after the deal"
        bluffing, calling = solve_deal(view.numbers)
        if view.role == 1:
            options = ((CALL, calling), (FOLD, 1 - calling))
        else:
            bold = 1.0 if view.hand == STRONG else bluffing
            options = ((BET, bold), (CHECK, 1 - bold))
        return tuple((move, p) for move, p in options if p > 0)


@functools.lru_cache(_NUM_CACHED)
def solve_deal(numbers: Numbers) -> tuple[float, float]:
    """Computes the probabilities with which a weak hand bets and the second player calls.

    The better hand wins `edge` times the stake on average. The second player is indifferent where the first one is
    strong with probability `even` after a bet, and a weak hand where the second player calls with the probability that
    is returned.
    """
    half, bet, strong = numbers.half, numbers.bet, numbers.strong_in / 10
    edge = 1 - numbers.turns_in / 5
    even = (1 + half / (edge * (half + bet))) / 2
    if even >= 1:
        return 0.0, 1.0  # the pot is worth a call even against a strong hand
    if strong >= even:
        return 1.0, 0.0  # a bet is mostly strong even if every hand bets
    bluffing = strong * (1 - even) / ((1 - strong) * even)
    return bluffing, half * (1 + edge) / (half * (1 + edge) + edge * bet)


@functools.lru_cache(_NUM_CACHED)
def _observe(state: Deal, role: int) -> Observation:
    return Game.observe(GAME, state, role)


GAME = NumberPoker()
