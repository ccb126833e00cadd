"""Leduc poker."""

import functools
import json
from pathlib import Path
from typing import Final, NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation

CARDS: Final = "JQK"  # lowest first; the deck holds two of each
ANTE: Final = 1
BETS: Final = (2, 4)  # chips that a bet or a raise adds, in the first and in the second round
TABLE: Final = Path(__file__).with_name("data") / "leduc_poker.json"
_OPEN = ("bet", "check")
# moves of a round -> legal moves; every other sequence ends the round
_LEGAL: dict[tuple[Action, ...], tuple[Action, ...]] = {
    (): _OPEN,
    ("check",): _OPEN,
    ("bet",): ("call", "fold", "raise"),
    ("check", "bet"): ("call", "fold", "raise"),
    ("bet", "raise"): ("call", "fold"),
    ("check", "bet", "raise"): ("call", "fold"),
}
_SPELLINGS = {a: a for a in ("bet", "call", "check", "fold", "raise")}
# legal moves -> every spelling; they decide which move a pass is
_NOTATION: dict[tuple[Action, ...], dict[str, Action]] = {
    (): _SPELLINGS,
    _OPEN: {**_SPELLINGS, "pass": "check"},
    **{legal: {**_SPELLINGS, "pass": "fold"} for legal in _LEGAL.values() if legal != _OPEN},
}
_LETTERS = {"bet": "b", "call": "c", "check": "h", "fold": "f", "raise": "r"}
_BY_LETTER = {letter: move for move, letter in _LETTERS.items()}
_VERBS = {"bet": "bets", "call": "calls", "check": "checks", "fold": "folds", "raise": "raises"}


class Hand(NamedTuple):
    """The cards dealt so far (first player's, second player's, public) and the moves of both rounds."""

    cards: str
    moves: tuple[Action, ...]


class View(NamedTuple):
    """A role's own card and the public information."""

    role: int
    card: str
    public: str
    moves: tuple[Action, ...]


class Line(NamedTuple):
    """The result of a sequence of moves.

    Attributes:
        first: the moves of the first round.
        second: the moves of the second round; None during the first one and after a fold in it.
        to_act: the role to move after the next card is dealt, or `OVER`.
        legal: the legal moves of that role.
        paid: the chips that each role has put in the pot.
    """

    first: tuple[Action, ...]
    second: tuple[Action, ...] | None
    to_act: int
    legal: tuple[Action, ...]
    paid: tuple[int, int]


class LeducPoker(Game[Hand, View]):
    """Poker with six cards, one public card and two rounds of bets.

    The deck holds two each of J, Q and K; suits don't matter. Both players ante 1 chip and are dealt one card. In each
    of two rounds the first player begins: it checks or bets; a bet is folded, called or raised, a raise is folded or
    called; after a check the second player may bet in the same way. A bet is 2 chips in the first round and 4 in the
    second, and a raise calls and adds as much again. Between the rounds one public card is turned up. After the second
    round a player whose card pairs the public one takes the pot, else the higher card does, and equal cards share it. A
    return is the chips won or lost, at most 13. With best play the first player loses 0.0856 chips a game.

    `solution` is an equilibrium from a table, in which no player can gain more than 0.0001 chips a game.
    """

    info = Info(
        name="leduc_poker", version=1, roles=("first", "second"), min_return=-13.0, max_return=13.0, zero_sum=True,
        max_turns=8, hidden=True, random=True, open_text=False, solver="exact", forfeit=-13.0,
        source="Southey et al. 2005, Bayes' bluff: opponent modelling in poker; OpenSpiel leduc_poker",
    )  # fmt: skip

    def start(self) -> Hand:
        return Hand("", ())

    def to_act(self, state: Hand) -> int:
        return CHANCE if _needs_card(state) else _read_line(state.moves).to_act

    def chance(self, state: Hand) -> tuple[tuple[Action, float], ...]:
        return _next_cards(state.cards)

    def legal(self, state: Hand) -> tuple[Action, ...]:
        return () if _needs_card(state) else _read_line(state.moves).legal

    def apply(self, state: Hand, action: Action) -> Hand:
        return _apply(state, action)

    def returns(self, state: Hand) -> tuple[float, ...]:
        line = _read_line(state.moves)
        if state.moves[-1] == "fold":
            winner = len(line.second or line.first) % 2  # the role after the one that folded
        else:
            first, second = ((card == state.cards[2], CARDS.index(card)) for card in state.cards[:2])
            if first == second:
                return (0.0, 0.0)
            winner = int(second > first)
        won = float(line.paid[1 - winner])
        return (won, -won) if winner == 0 else (-won, won)

    def view(self, state: Hand, role: int) -> View:
        return View(role, state.cards[role : role + 1], state.cards[2:], state.moves)

    def observe(self, state: Hand, role: int) -> Observation:
        return _observe(state, role)

    def rules(self) -> str:
        return (
            "Leduc poker with six cards: two each of J < Q < K. Both players put 1 chip in the pot and get one card "
            "each. There are two rounds; the first player begins both. A player may check or bet. A bet must be "
            "answered: fold, call, or raise; a raise: fold or call. A bet is 2 chips in round 1 and 4 in round 2; a "
            "raise calls and adds as much again. Before round 2 a public card is turned up. At the end a card equal "
            "to the public card wins the pot, else the higher card; equal cards share it."
        )

    def render(self, view: View) -> str:
        line = _read_line(view.moves)
        lines = [
            f"You are the {self.info.roles[view.role]} player. "
            f"Your card is {view.card or 'not dealt yet'}. The public card is {view.public or 'not dealt yet'}.",
            f"Round 1: {_render_moves(line.first, view.role)}.",
        ]
        if view.public:
            lines.append(f"Round 2: {_render_moves(line.second or (), view.role)}.")
        mine, others = line.paid[view.role], line.paid[1 - view.role]
        lines.append(f"Pot: {mine + others} (you {mine}, the other {others}).")
        return "\n".join(lines)

    def notation(self, state: Hand) -> dict[str, Action]:
        return _NOTATION[self.legal(state)]

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The equilibrium of the table `TABLE`, which tests/games/cards/leduc_poker_table.py computes."""
        return _load_table()[table_key(view)]


def table_key(view: View) -> str:
    """The table's key for an information state, from own card, public card and moves: `"KJ bch"`."""
    return f"{view.card}{view.public} {''.join(map(_LETTERS.__getitem__, view.moves))}"


@functools.cache
def _load_table() -> dict[str, tuple[tuple[Action, float], ...]]:
    """Loads the table: an information state's key -> its moves and renormalised probabilities."""
    rows = {}
    for name, rounded in json.loads(TABLE.read_text()).items():
        legal = _read_line(tuple(_BY_LETTER[letter] for letter in name.partition(" ")[2])).legal
        total = sum(rounded)
        rows[name] = tuple((a, p / total) for a, p in zip(legal, rounded, strict=True) if p > 0)
    return rows


@functools.cache  # there are 85 sequences
def _read_line(moves: tuple[Action, ...]) -> Line:
    length = next((k for k in range(len(moves) + 1) if moves[:k] not in _LEGAL), len(moves))
    first, second = moves[:length], moves[length:]
    paid = _add_bets(first, BETS[0], (ANTE, ANTE))
    if first in _LEGAL:
        return Line(first, None, len(first) % 2, _LEGAL[first], paid)
    if first[-1] == "fold":
        return Line(first, None, OVER, (), paid)
    legal = _LEGAL.get(second, ())
    return Line(first, second, len(second) % 2 if legal else OVER, legal, _add_bets(second, BETS[1], paid))


def _add_bets(moves: tuple[Action, ...], bet: int, paid: tuple[int, int]) -> tuple[int, int]:
    chips = list(paid)
    for k, move in enumerate(moves):
        if move in ("bet", "raise"):
            chips[k % 2] = max(chips) + bet
        elif move == "call":
            chips[k % 2] = max(chips)
    return (chips[0], chips[1])


@functools.cache
def _render_moves(moves: tuple[Action, ...], role: int) -> str:
    parts = [f"you {move}" if k % 2 == role else f"the other {_VERBS[move]}" for k, move in enumerate(moves)]
    return ", ".join(parts) or "no moves yet"


@functools.cache
def _next_cards(cards: str) -> tuple[tuple[Action, float], ...]:
    left = {card: 2 - cards.count(card) for card in CARDS}
    return tuple((card, n / (6 - len(cards))) for card, n in left.items() if n)


@functools.cache  # like the two below bounded by the game's 1,939 states
def _needs_card(hand: Hand) -> bool:
    return len(hand.cards) < 2 or (len(hand.cards) == 2 and _read_line(hand.moves).second is not None)


@functools.cache
def _apply(hand: Hand, action: Action) -> Hand:
    if _needs_card(hand):
        if action not in dict(_next_cards(hand.cards)):
            raise ValueError(f"{action!r} is not a card left in the deck beside {hand.cards!r}")
        return Hand(hand.cards + action, hand.moves)
    if action not in _read_line(hand.moves).legal:
        raise ValueError(f"{action!r} is not allowed after {hand.moves!r}")
    return Hand(hand.cards, (*hand.moves, action))


@functools.cache
def _observe(hand: Hand, role: int) -> Observation:
    return Game.observe(GAME, hand, role)


GAME = LeducPoker()
