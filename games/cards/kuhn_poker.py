"""Kuhn poker, and matches of several hands of it."""

import functools
from dataclasses import dataclass
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation

CARDS = "JQK"  # lowest first
MAX_HANDS = 20
ALPHA = 1 / 3  # the first player's probability of bluffing with the jack; all of [0, 1/3] are in equilibrium
_NUM_CACHED = 4_096  # states of the match whose successors and observations are kept
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


@dataclass(frozen=True)
class KuhnPokerSettings(GameSettings):
    """The length of the match."""

    hands: int = setting(1, "how many hands are played", range(1, MAX_HANDS + 1))


_DEFAULT = KuhnPokerSettings()


class Hand(NamedTuple):
    """A finished hand: the cards (one letter per role) and the moves."""

    cards: str
    moves: tuple[Action, ...]


class Deal(NamedTuple):
    """The cards dealt so far (one letter per role), the moves, and the finished hands of the match."""

    cards: str
    moves: tuple[Action, ...]
    past: tuple[Hand, ...] = ()


class SeenHand(NamedTuple):
    """A finished hand as a role has seen it: `other` is empty after a fold, which shows no card."""

    card: str
    other: str
    moves: tuple[Action, ...]
    won: int


class View(NamedTuple):
    """A role's own card, the public moves, and what it has seen of the finished hands."""

    role: int
    card: str
    moves: tuple[Action, ...]
    past: tuple[SeenHand, ...] = ()


class KuhnPoker(Game[Deal, View]):
    """The smallest poker: three cards, one bet.

    Each player antes 1 chip and is dealt one of J, Q, K. The first player checks or bets 1 chip; after a check the
    second player may bet too. A bet is called (1 chip) or folded. After two checks or a call the higher card takes the
    pot: +-1 after checks or a fold, +-2 after a call. With best play the first player loses 1/18 of a chip a game.

    With `hands=2` to `20` the game is a match: every hand has a new deal, the players open in turn, and the return is
    the sum of the chips. The cards of a finished hand are shown unless a player folded. With an even number of hands
    the seats are equal. A player that fails to move loses 2 chips for every hand of the match. SPIRAL plays matches of
    5 hands whose winner gets 1; here the winner of the match is its `outcome`, and the return keeps the chips.
    """

    examples = ("hands=2", "hands=5")

    def __init__(self, settings: KuhnPokerSettings = _DEFAULT) -> None:
        self.settings: KuhnPokerSettings = settings
        most = 2.0 * settings.hands
        self.info = Info(
            name=settings.full_name("kuhn_poker"), version=1, roles=("first", "second"), min_return=-most,
            max_return=most, zero_sum=True, max_turns=3 * settings.hands, hidden=True, random=True, open_text=False,
            solver="exact", forfeit=-most, source="Kuhn 1950, A simplified two-person poker; OpenSpiel kuhn_poker",
        )  # fmt: skip

    def start(self) -> Deal:
        return Deal("", ())

    def to_act(self, state: Deal) -> int:
        if len(state.cards) < 2:
            return CHANCE
        return (len(state.moves) + len(state.past)) % 2 if state.moves in _LEGAL else OVER

    def chance(self, state: Deal) -> tuple[tuple[Action, float], ...]:
        return _NEXT_CARDS[state.cards]

    def legal(self, state: Deal) -> tuple[Action, ...]:
        return _LEGAL.get(state.moves, ()) if len(state.cards) == 2 else ()

    def apply(self, state: Deal, action: Action) -> Deal:
        return _apply(state, action, self.settings.hands)

    def returns(self, state: Deal) -> tuple[float, ...]:
        won = sum(_count_chips(hand, number) for number, hand in enumerate(_list_hands(state)))
        return (float(won), float(-won))

    def reward(self, state: Deal, action: Action, after: Deal) -> tuple[float, ...]:
        """The chips of a hand, earned by the move that ends it."""
        is_over = len(after.past) > len(state.past) or self.to_act(after) == OVER
        won = _count_chips(_list_hands(after)[-1], len(state.past)) if is_over else 0
        return (float(won), float(-won))

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...] | None:
        """In a match with an even number of hands, exchanges each hand with its neighbour, and the cards in it."""
        if self.settings.hands % 2:
            return None
        state, hands = self.start(), [list[Action]()]
        for action in path:
            after = self.apply(state, action)
            hands[-1].append(action)
            hands += [[]] if len(after.past) > len(state.past) else []
            state = after
        return tuple(action for k in range(len(hands)) for action in _swap_cards(hands[k ^ 1]))

    def view(self, state: Deal, role: int) -> View:
        seen = tuple(_see_hand(hand, number, role) for number, hand in enumerate(state.past))
        return View(role, state.cards[role : role + 1], state.moves, seen)

    def observe(self, state: Deal, role: int) -> Observation:
        return _observe(self, state, role)

    def rules(self) -> str:
        hand = (
            "Kuhn poker with three cards, J < Q < K. Both players put 1 chip in the pot and get one card each. "
            "A player may check or bet 1 chip. After a bet the other must call with 1 chip or fold. "
            "After two checks or a call the higher card wins the pot."
        )
        if self.settings.hands == 1:
            return hand
        return f"{hand} You play {self.settings.hands} hands and open them in turn; the chips of all hands add up."

    def render(self, view: View) -> str:
        pot = 2 + sum(move in ("bet", "call") for move in view.moves)
        card = view.card or "not dealt yet"
        if self.settings.hands > 1:
            number, moves = len(view.past), _name_moves(view.moves, view.role, len(view.past))
            hands = "".join(f"{_render_hand(hand, k, view.role)}\n" for k, hand in enumerate(view.past))
            won = sum(hand.won for hand in view.past)
            begin = f"Hand {number + 1} of {self.settings.hands}. Your chips so far: {won:+d}. Your card is {card}."
            return f"{hands}{begin}\nMoves: {moves}. Pot: {pot}."
        seats = self.info.roles
        moves = "; ".join(f"{seats[k % 2]} {move}" for k, move in enumerate(view.moves)) or "none"
        return f"You are the {seats[view.role]} player. Your card is {card}.\nMoves: {moves}. Pot: {pot}."

    def notation(self, state: Deal) -> dict[str, Action]:
        return _NOTATION[self.legal(state)]

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The equilibrium with bluffing frequency `ALPHA` (Kuhn 1950), in every hand of a match."""
        aggressive = _AGGRESSION[view.moves][view.card]
        bold, passive = ("bet", "check") if view.moves in ((), ("check",)) else ("call", "fold")
        return tuple((a, p) for a, p in ((bold, aggressive), (passive, 1 - aggressive)) if p > 0)


def _list_hands(state: Deal) -> tuple[Hand, ...]:
    """The hands of the match, the current one last, unless it has no move yet."""
    return (*state.past, Hand(state.cards, state.moves)) if state.moves else state.past


def _count_chips(hand: Hand, number: int) -> int:
    """The chips that the first role wins in the hand; the players open in turn, so the number decides who opened."""
    if hand.moves[-1] == "fold":
        return -1 if (len(hand.moves) - 1 + number) % 2 == 0 else 1
    stake = 2 if hand.moves[-1] == "call" else 1
    return stake if CARDS.index(hand.cards[0]) > CARDS.index(hand.cards[1]) else -stake


def _see_hand(hand: Hand, number: int, role: int) -> SeenHand:
    other = "" if hand.moves[-1] == "fold" else hand.cards[1 - role]
    return SeenHand(hand.cards[role], other, hand.moves, _count_chips(hand, number) * (1 - 2 * role))


def _render_hand(hand: SeenHand, number: int, role: int) -> str:
    other = f", the other's {hand.other}" if hand.other else ""
    return f"Hand {number + 1}: your card {hand.card}{other}; {_name_moves(hand.moves, role, number)}; {hand.won:+d}."


def _name_moves(moves: tuple[Action, ...], role: int, number: int) -> str:
    """The moves of a hand of a match, from the role's side."""
    seats = [("other", "you")[(k + number) % 2 == role] for k in range(len(moves))]
    return "; ".join(f"{seat} {move}" for seat, move in zip(seats, moves, strict=True)) or "none"


def _swap_cards(actions: list[Action]) -> list[Action]:
    return [*actions[:2][::-1], *actions[2:]]


@functools.lru_cache(_NUM_CACHED)
def _apply(deal: Deal, action: Action, num_hands: int) -> Deal:
    cards, moves, past = deal
    if len(cards) < 2:
        if action not in CARDS or action in cards or len(action) != 1:
            raise ValueError(f"{action!r} is not a card left in the deck beside {cards!r}")
        return Deal(cards + action, moves, past)
    if action not in _LEGAL.get(moves, ()):
        raise ValueError(f"{action!r} is not allowed after {moves!r}")
    moves = (*moves, action)
    if moves in _LEGAL or len(past) == num_hands - 1:
        return Deal(cards, moves, past)
    return Deal("", (), (*past, Hand(cards, moves)))


@functools.lru_cache(_NUM_CACHED)
def _observe(game: KuhnPoker, deal: Deal, role: int) -> Observation:
    return Game.observe(game, deal, role)


GAME = KuhnPoker()
