"""Kuhn poker."""

import functools
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation

CARDS = "JQK"  # lowest first
ALPHA = 1 / 3  # the first player's probability of bluffing with the jack; all of [0, 1/3] are in equilibrium
_OPEN = ("bet", "check")
_FACING = ("call", "fold")
# moves so far -> legal moves; after all other sequences the game is over
_LEGAL = {(): _OPEN, ("check",): _OPEN, ("bet",): _FACING, ("check", "bet"): _FACING}
_SPELLINGS = {"check": "check", "bet": "bet", "call": "call", "fold": "fold", "bet 1": "bet", "call 1": "call"}
# legal moves -> every spelling; they decide which move a pass is
_NOTATION: dict[tuple[Action, ...], dict[str, Action]] = {
    (): _SPELLINGS,
    _OPEN: {**_SPELLINGS, "pass": "check"},
    _FACING: {**_SPELLINGS, "pass": "fold"},
}
# cards dealt so far -> the next one and its probability
_NEXT_CARDS: dict[str, tuple[tuple[Action, float], ...]] = {
    "": tuple((card, 1 / 3) for card in CARDS),
    **{dealt: tuple((card, 1 / 2) for card in CARDS if card != dealt) for dealt in CARDS},
}
# moves so far -> own card -> probability of betting or calling
_AGGRESSION = {
    (): {"J": ALPHA, "Q": 0.0, "K": 3 * ALPHA},
    ("check",): {"J": 1 / 3, "Q": 0.0, "K": 1.0},
    ("bet",): {"J": 0.0, "Q": 1 / 3, "K": 1.0},
    ("check", "bet"): {"J": 0.0, "Q": ALPHA + 1 / 3, "K": 1.0},
}


class Deal(NamedTuple):
    """The cards dealt so far (one letter per role) and the moves."""

    cards: str
    moves: tuple[Action, ...]


class View(NamedTuple):
    """A role's own card and the public moves."""

    role: int
    card: str
    moves: tuple[Action, ...]


class KuhnPoker(Game[Deal, View]):
    """The smallest poker: three cards, one bet.

    Each player antes 1 chip and is dealt one of J, Q, K. The first player checks or bets 1 chip; after a check the
    second player may bet too. A bet is called (1 chip) or folded. After two checks or a call the higher card takes the
    pot: +-1 after checks or a fold, +-2 after a call. With best play the first player loses 1/18 of a chip a game.
    """

    info = Info(
        name="kuhn_poker", version=1, roles=("first", "second"), min_return=-2.0, max_return=2.0, zero_sum=True,
        max_turns=3, hidden=True, random=True, open_text=False, solver="exact", forfeit=-2.0,
        source="Kuhn 1950, A simplified two-person poker; OpenSpiel kuhn_poker",
    )  # fmt: skip

    def start(self) -> Deal:
        return Deal("", ())

    def to_act(self, state: Deal) -> int:
        if len(state.cards) < 2:
            return CHANCE
        return len(state.moves) % 2 if state.moves in _LEGAL else OVER

    def chance(self, state: Deal) -> tuple[tuple[Action, float], ...]:
        return _NEXT_CARDS[state.cards]

    def legal(self, state: Deal) -> tuple[Action, ...]:
        return _LEGAL.get(state.moves, ()) if len(state.cards) == 2 else ()

    def apply(self, state: Deal, action: Action) -> Deal:
        return _apply(state, action)

    def returns(self, state: Deal) -> tuple[float, ...]:
        if state.moves[-1] == "fold":
            won = 1.0 if len(state.moves) % 2 else -1.0  # an odd number of moves: the first player folded last
            return (-won, won)
        stake = 2.0 if state.moves[-1] == "call" else 1.0
        won = stake if CARDS.index(state.cards[0]) > CARDS.index(state.cards[1]) else -stake
        return (won, -won)

    def view(self, state: Deal, role: int) -> View:
        return View(role, state.cards[role : role + 1], state.moves)

    def observe(self, state: Deal, role: int) -> Observation:
        return _observe(state, role)

    def rules(self) -> str:
        return (
            "Kuhn poker with three cards, J < Q < K. Both players put 1 chip in the pot and get one card each. "
            "A player may check or bet 1 chip. After a bet the other must call with 1 chip or fold. "
            "After two checks or a call the higher card wins the pot."
        )

    def render(self, view: View) -> str:
        seats = self.info.roles
        moves = "; ".join(f"{seats[k % 2]} {move}" for k, move in enumerate(view.moves)) or "none"
        pot = 2 + sum(move in ("bet", "call") for move in view.moves)
        card = view.card or "not dealt yet"
        return f"You are the {seats[view.role]} player. Your card is {card}.\nMoves: {moves}. Pot: {pot}."

    def notation(self, state: Deal) -> dict[str, Action]:
        return _NOTATION[self.legal(state)]

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The equilibrium with bluffing frequency `ALPHA` (Kuhn 1950)."""
        aggressive = _AGGRESSION[view.moves][view.card]
        bold, passive = ("bet", "check") if view.moves in ((), ("check",)) else ("call", "fold")
        return tuple((a, p) for a, p in ((bold, aggressive), (passive, 1 - aggressive)) if p > 0)


@functools.cache  # the game has 58 states
def _apply(deal: Deal, action: Action) -> Deal:
    cards, moves = deal
    if len(cards) < 2:
        if action not in CARDS or action in cards or len(action) != 1:
            raise ValueError(f"{action!r} is not a card left in the deck beside {cards!r}")
        return Deal(cards + action, moves)
    if action not in _LEGAL.get(moves, ()):
        raise ValueError(f"{action!r} is not allowed after {moves!r}")
    return Deal(cards, (*moves, action))


@functools.cache
def _observe(deal: Deal, role: int) -> Observation:
    return Game.observe(GAME, deal, role)


GAME = KuhnPoker()
