"""A trade between two players who value the goods differently."""

import functools
import operator
import random
import re
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import normalise, quote_message
from mirrormatch.games.talk._binding import (
    WORDS_FORM,
    amount_pattern,
    amounts_form,
    join_move,
    read_amounts,
    split_move,
)
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind

GOODS = ("wood", "stone", "gold")
MAX_STOCK = 4  # of one good, at the start; at least 1
MAX_VALUE = 5  # of one unit; at least 1
MAX_TURNS = 8
FORFEIT = -10.0  # about the loss of the worse side of a lopsided trade

Amounts: TypeAlias = tuple[int, ...]  # one per good, in the order of GOODS

_NUM_STOCKS = 2 * len(GOODS)
_NUM_DEALT = 2 * _NUM_STOCKS  # stocks of both, then values of both
_STOCKS = tuple((str(number), 1 / MAX_STOCK) for number in range(1, MAX_STOCK + 1))
_VALUES = tuple((str(number), 1 / MAX_VALUE) for number in range(1, MAX_VALUE + 1))
_IN_STOCK, _VALUED = ({number: int(number) for number, _ in dealt} for dealt in (_STOCKS, _VALUES))
_NOTHING = ((), ())  # the stocks or values of both before the deal
_ONE_OR_TWO = (1, 2)  # the amounts that a random player offers or wants
_NUM_CACHED = 1_024  # results of each function that rendering and reading call again and again
_AMOUNT = amount_pattern(GOODS)
_ARROW = re.compile(r"->|→|=>|\bfor\b")
_COMMANDS = {"accept": "accept", "deny": "deny", "refuse": "deny", "reject": "deny", "decline": "deny", "say": "say"}


class Offer(NamedTuple):
    """The amounts that its maker gives and gets."""

    give: Amounts
    get: Amounts


class Move(NamedTuple):
    """One turn: its binding part in canonical spelling, the offer if it is one, and the words beside it."""

    binding: Action
    offer: Offer | None
    words: str


class Table(NamedTuple):
    """The state.

    Attributes:
        to_act: the player to move, chance, or `OVER`.
        dealt: the numbers that chance has dealt: stocks of both, then values of both.
        stocks: the present stock of each player.
        values: the worth of a unit of each good to each player.
        gains: the increase of each stock's worth to its owner since the start.
        num_moves: the number of moves made.
        history: the moves as each player sees them, a line each.
        open_offer: the offer that waits for an answer.
    """

    to_act: int
    dealt: Amounts
    stocks: tuple[Amounts, Amounts] = _NOTHING
    values: tuple[Amounts, Amounts] = _NOTHING
    gains: tuple[int, int] = (0, 0)
    num_moves: int = 0
    history: tuple[str, str] = ("", "")
    open_offer: Offer | None = None


class View(NamedTuple):
    """The part of the state that a player knows: everything but the other's values."""

    role: int
    values: Amounts
    gain: int
    num_moves: int
    history: str
    stocks: tuple[Amounts, Amounts]
    open_offer: Offer | None


class SimpleNegotiation(Game[Table, View]):
    """Two traders with private values swap wood, stone and gold.

    Each trader starts with 1 to 4 units of each good, which both see, and values a unit of each at 1 to 5, which only
    the owner knows. They move in turn, four times each: `offer 2 wood -> 1 gold` proposes to give 2 wood and get 1 gold
    and replaces any offer that waits; `accept` and `deny` answer the other's waiting offer; `say` only talks, and lets
    a waiting offer lapse. Words for the other may follow any move after a bar: `deny | too little`. A trader's gain is
    the change of the value of its goods by its own values; its return is its gain less the other's. A trader that
    fails to move gets -10, or what it lies behind if that is more.
    """

    info = Info(
        name="simple_negotiation", version=2, roles=("first", "second"),
        min_return=-2.0 * len(GOODS) * MAX_STOCK * MAX_VALUE, max_return=2.0 * len(GOODS) * MAX_STOCK * MAX_VALUE,
        zero_sum=True, max_turns=MAX_TURNS, hidden=True, random=True, open_text=True, solver="rules", forfeit=FORFEIT,
        source="after TextArena SimpleNegotiation: returns are the difference of gains, as in SPIRAL",
    )  # fmt: skip

    def start(self) -> Table:
        return Table(CHANCE, ())

    def to_act(self, state: Table) -> int:
        return state.to_act

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        return _STOCKS if len(state.dealt) < _NUM_STOCKS else _VALUES

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        return None if state.to_act >= 0 else ()

    def apply(self, state: Table, action: Action) -> Table:
        role, open_offer = state.to_act, state.open_offer
        if role == CHANCE:
            return _deal(state.dealt, action)
        if role == OVER:
            raise ValueError("the game is over")
        move = _read_move(action, state.stocks[role], state.stocks[1 - role], open_offer)
        if isinstance(move, Problem):
            raise ValueError(f"{action!r}: {move.detail}")
        return _make_move(state, move)

    def returns(self, state: Table) -> tuple[float, ...]:
        lead = float(state.gains[0] - state.gains[1])
        return (lead, 0.0 - lead)

    def forfeit(self, state: Table, role: int) -> float:
        """`FORFEIT`, or the role's deficit if that is more: giving up must not pay."""
        return min(FORFEIT, float(state.gains[role] - state.gains[1 - role]))

    def view(self, state: Table, role: int) -> View:
        return View(
            role=role,
            values=state.values[role],
            gain=state.gains[role],
            num_moves=state.num_moves,
            history=state.history[role],
            stocks=state.stocks,
            open_offer=state.open_offer,
        )

    def rules(self) -> str:
        return (
            "Negotiation. Two players trade wood, stone and gold for 8 turns. Each has private values for the goods. "
            "You win if the value of your goods grows more than the other's. "
            "Moves: 'offer 2 wood -> 1 gold' gives 2 wood for 1 gold; 'accept'; 'deny'; 'say'. "
            "An offer not accepted at once lapses. "
            "Words for the other may follow a bar: 'deny | too little'."
        )

    def render(self, view: View) -> str:
        role, stocks, offer = view.role, view.stocks, view.open_offer
        if not view.values:
            return "The goods are not dealt yet."
        text = (
            f"You are the {self.info.roles[role]} player. Turn {min(view.num_moves + 1, MAX_TURNS)} of {MAX_TURNS}.\n"
            f"Your values: {_spell_amounts(view.values)}. Your gain: {view.gain}.\n"
            f"You have: {_spell_amounts(stocks[role])}. Other has: {_spell_amounts(stocks[1 - role])}.{view.history}"
        )
        if offer is None or view.num_moves % 2 != role:
            return text
        return f"{text}\nYou may accept: you give {_list_amounts(offer.get)} and get {_list_amounts(offer.give)}."

    def parse(self, state: Table, text: str) -> Action | Problem:
        role = state.to_act
        move = _read_move(text, state.stocks[role], state.stocks[1 - role], state.open_offer)
        return move if isinstance(move, Problem) else _spell_move(move)

    def form(self, view: View) -> str:
        mine, others = (amounts_form(GOODS, view.stocks[role]) for role in (view.role, 1 - view.role))
        moves = ["say", *(["accept", "deny"] if view.open_offer else [])]
        moves += [f"offer {mine} -> {others}"] if mine and others else []
        return f"({'|'.join(moves)}){WORDS_FORM}"

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Answers a waiting offer at random, or offers one to two units of one good for one to two of another."""
        if view.open_offer is not None and rng.random() < 0.5:
            return rng.choice(("accept", "deny"))
        mine, others = view.stocks[view.role], view.stocks[1 - view.role]
        swaps = _list_swaps(mine, others)
        if not swaps:
            return "say"
        g, h = rng.choice(swaps)
        give = rng.choice(_ONE_OR_TWO[: mine[g]])
        get = rng.choice(_ONE_OR_TWO[: others[h]])
        return f"offer {give} {GOODS[g]} -> {get} {GOODS[h]}"

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based: accepts an offer that gains, else offers a unit of its cheapest good for one of its dearest."""
        offer = view.open_offer
        if offer is not None and _value_of(offer.give, view.values) > _value_of(offer.get, view.values):
            return (("accept", 1.0),)
        mine, others = view.stocks[view.role], view.stocks[1 - view.role]
        swaps = [
            (view.values[h] - view.values[g], -g, -h)
            for g in range(3)
            for h in range(3)
            if mine[g] and others[h] and view.values[h] > view.values[g]
        ]
        if not swaps:
            return (("deny" if offer is not None else "say", 1.0),)
        _, g, h = max(swaps)
        return ((f"offer 1 {GOODS[-g]} -> 1 {GOODS[-h]}", 1.0),)


def _deal(dealt: Amounts, action: Action) -> Table:
    numbers = _IN_STOCK if len(dealt) < _NUM_STOCKS else _VALUED
    if action not in numbers:
        raise ValueError(f"{action!r} is not a number from 1 to {len(numbers)}")
    dealt += (numbers[action],)
    if len(dealt) < _NUM_DEALT:
        return Table(CHANCE, dealt)
    first, second, of_first, of_second = (dealt[k : k + len(GOODS)] for k in range(0, _NUM_DEALT, len(GOODS)))
    return Table(0, dealt, (first, second), (of_first, of_second))


def _make_move(state: Table, move: Move) -> Table:
    role, stocks, gains, history, offer = state.to_act, state.stocks, state.gains, state.history, state.open_offer
    if move.binding == "accept":
        assert offer is not None
        mine = _trade_stock(stocks[role], offer.give, offer.get)
        others = _trade_stock(stocks[1 - role], offer.get, offer.give)
        stocks = (mine, others) if role == 0 else (others, mine)
        got = tuple(_value_of(offer.give, v) - _value_of(offer.get, v) for v in state.values)
        gains = (gains[0] + got[0], gains[1] - got[1]) if role == 0 else (gains[0] - got[0], gains[1] + got[1])
    own, theirs = _show_move(move)
    history = (history[0] + own, history[1] + theirs) if role == 0 else (history[0] + theirs, history[1] + own)
    num_moves = state.num_moves + 1
    return state._replace(
        to_act=1 - role if num_moves < MAX_TURNS else OVER,
        stocks=stocks,
        gains=gains,
        num_moves=num_moves,
        history=history,
        open_offer=move.offer,
    )


def _trade_stock(stock: Amounts, more: Amounts, less: Amounts) -> Amounts:
    return tuple(s + m - x for s, m, x in zip(stock, more, less, strict=True))


def _value_of(amounts: Amounts, values: Amounts) -> int:
    return sum(map(operator.mul, amounts, values))


def _read_move(text: str, mine: Amounts, others: Amounts, open_offer: Offer | None) -> Move | Problem:
    """Reads the move that the text names and checks that it is possible now."""
    move = _parse_move(text)
    if isinstance(move, Problem):
        return move
    if move.offer is not None:
        return _check_stock(move.offer, mine, others) or move
    if open_offer is None and move.binding != "say":
        return Problem(ProblemKind.ILLEGAL, f"there is no offer to {move.binding}")
    return move


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def _parse_move(text: str) -> Move | Problem:
    """Reads the move in `binding | words`. The binding part is a whole command, never a word inside a sentence."""
    binding, words = split_move(text)
    command = normalise(binding.replace("->", "→"))
    if command in _COMMANDS:
        return Move(_COMMANDS[command], None, words)
    if command.startswith("offer"):
        offer = _read_offer(command.removeprefix("offer").strip(": "))
        if isinstance(offer, Problem):
            return offer
        return Move(f"offer {_list_amounts(offer.give)} -> {_list_amounts(offer.get)}", offer, words)
    return Problem(ProblemKind.NONE, "no offer, accept, deny or say at its start")


@functools.lru_cache(_NUM_CACHED)
def _read_offer(text: str) -> Offer | Problem:
    sides = _ARROW.split(text)
    if len(sides) > 2:
        return Problem(ProblemKind.AMBIGUOUS, "more than one arrow in the offer")
    amounts = [read_amounts(side, GOODS, _AMOUNT) for side in sides]
    if len(amounts) < 2 or amounts[0] is None or amounts[1] is None:
        return Problem(ProblemKind.NONE, "an offer reads: offer 2 wood -> 1 gold")
    return Offer(amounts[0], amounts[1])


@functools.lru_cache(_NUM_CACHED)
def _check_stock(offer: Offer, mine: Amounts, others: Amounts) -> Problem | None:
    if not any(offer.give) or not any(offer.get):
        return Problem(ProblemKind.ILLEGAL, "an offer gives something and gets something")
    for k, good in enumerate(GOODS):
        if offer.give[k] > mine[k]:
            return Problem(ProblemKind.ILLEGAL, f"you have only {mine[k]} {good}")
        if offer.get[k] > others[k]:
            return Problem(ProblemKind.ILLEGAL, f"the other has only {others[k]} {good}")
    return None


def _spell_move(move: Move) -> Action:
    """The canonical spelling of a move; `_read_move` reads it back."""
    return join_move(move.binding, move.words)


@functools.lru_cache(_NUM_CACHED)
def _show_move(move: Move) -> tuple[str, str]:
    """A line on a move for its maker, and one for the other player."""
    text = f"{move.binding} {quote_message(move.words)}" if move.words else move.binding
    return f"\nYou: {text}", f"\nOther: {text}"


@functools.lru_cache(_NUM_CACHED)
def _list_swaps(mine: Amounts, others: Amounts) -> tuple[tuple[int, int], ...]:
    """The pairs of goods that can be exchanged."""
    return tuple((g, h) for g in range(3) for h in range(3) if g != h and mine[g] and others[h])


@functools.lru_cache(_NUM_CACHED)
def _list_amounts(amounts: Amounts) -> str:
    return " ".join(f"{n} {good}" for n, good in zip(amounts, GOODS, strict=True) if n)


@functools.lru_cache(_NUM_CACHED)
def _spell_amounts(amounts: Amounts) -> str:
    return ", ".join(f"{good} {n}" for good, n in zip(GOODS, amounts, strict=True))


GAME = SimpleNegotiation()
