"""A trade between two players who value the goods differently."""

import functools
import operator
import random
import re
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import clean_message, normalise, quote_message
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind

GOODS = ("wood", "stone", "gold")
MAX_STOCK = 4  # of one good, at the start; at least 1
MAX_VALUE = 5  # of one unit; at least 1
MAX_TURNS = 8
FORFEIT = -10.0  # about what the worse side of a lopsided trade loses

Amounts: TypeAlias = tuple[int, ...]  # one per good, in the order of GOODS

_NUM_STOCKS = 2 * len(GOODS)
_NUM_DEALT = 2 * _NUM_STOCKS  # stocks of both, then values of both
_STOCKS = tuple((str(number), 1 / MAX_STOCK) for number in range(1, MAX_STOCK + 1))
_VALUES = tuple((str(number), 1 / MAX_VALUE) for number in range(1, MAX_VALUE + 1))
_IN_STOCK, _VALUED = ({number: int(number) for number, _ in dealt} for dealt in (_STOCKS, _VALUES))
_NOTHING = ((), ())  # what both have before it is dealt
_ONE_OR_TWO = (1, 2)  # how much of a good a random player gives or gets
_NUM_CACHED = 1_024  # results of each function that rendering and reading call again and again
_AMOUNT = re.compile(r"(\d{1,3}) (wood|stone|gold)s?")
_SEPARATORS = re.compile(r"(?:\s*(?:,|\+|&|\band\b)\s*|\s+)")
_ARROW = re.compile(r"->|→|=>|\bfor\b")
_WORDS = {"accept": "accept", "deny": "deny", "refuse": "deny", "reject": "deny", "decline": "deny", "say": "say"}


class Offer(NamedTuple):
    """What its maker gives and gets."""

    give: Amounts
    get: Amounts


class Move(NamedTuple):
    """One turn: its binding part in canonical spelling, the offer if it is one, and the words that went with it."""

    binding: Action
    offer: Offer | None
    words: str


class Table(NamedTuple):
    """The state.

    Attributes:
        to_act: a role, chance or nobody.
        dealt: the numbers that chance has dealt: stocks of both, then values of both.
        stocks: what each has now.
        values: a unit of each good's worth to each.
        gains: by how much what each has is worth more to it than at the start.
        num_moves: how many moves were made.
        told: them as each is told, a line each.
        open_offer: the offer that waits for an answer.
    """

    to_act: int
    dealt: Amounts
    stocks: tuple[Amounts, Amounts] = _NOTHING
    values: tuple[Amounts, Amounts] = _NOTHING
    gains: tuple[int, int] = (0, 0)
    num_moves: int = 0
    told: tuple[str, str] = ("", "")
    open_offer: Offer | None = None


class View(NamedTuple):
    """What a role knows: all but the other's values."""

    role: int
    values: Amounts
    gain: int
    num_moves: int
    told: str
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
        name="simple_negotiation", version=1, roles=("first", "second"),
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
        move = _read(action, state.stocks[role], state.stocks[1 - role], open_offer)
        if isinstance(move, Problem):
            raise ValueError(f"{action!r}: {move.detail}")
        return _moved(state, move)

    def returns(self, state: Table) -> tuple[float, ...]:
        lead = float(state.gains[0] - state.gains[1])
        return (lead, 0.0 - lead)

    def forfeit(self, state: Table, role: int) -> float:
        """`FORFEIT`, or how far the role lies behind if that is more: giving up must not save anything."""
        return min(FORFEIT, float(state.gains[role] - state.gains[1 - role]))

    def view(self, state: Table, role: int) -> View:
        _, _, stocks, values, gains, num_moves, told, open_offer = state
        return View(role, values[role], gains[role], num_moves, told[role], stocks, open_offer)

    def rules(self) -> str:
        return (
            "Negotiation. Two players trade wood, stone and gold for 8 turns. Each has private values for the goods. "
            "You win if the value of your goods grows more than the other's. "
            "Moves: 'offer 2 wood -> 1 gold' gives 2 wood for 1 gold; 'accept'; 'deny'; 'say'. "
            "An offer not accepted at once lapses. "
            "Words for the other may follow a bar: 'deny | too little'."
        )

    def render(self, view: View) -> str:
        role, values, gain, num_moves, told, stocks, offer = view
        if not values:
            return "The goods are not dealt yet."
        text = (
            f"You are the {self.info.roles[role]} player. Turn {min(num_moves + 1, MAX_TURNS)} of {MAX_TURNS}.\n"
            f"Your values: {_spelled(values)}. Your gain: {gain}.\n"
            f"You have: {_spelled(stocks[role])}. Other has: {_spelled(stocks[1 - role])}.{told}"
        )
        if offer is None or num_moves % 2 != role:
            return text
        return f"{text}\nYou may accept: you give {_listed(offer.get)} and get {_listed(offer.give)}."

    def parse(self, state: Table, text: str) -> Action | Problem:
        role = state.to_act
        move = _read(text, state.stocks[role], state.stocks[1 - role], state.open_offer)
        return move if isinstance(move, Problem) else _written(move)

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Answers a waiting offer at random, or offers one to two units of one good for one to two of another."""
        if view.open_offer is not None and rng.random() < 0.5:
            return rng.choice(("accept", "deny"))
        mine, others = view.stocks[view.role], view.stocks[1 - view.role]
        swaps = _swaps(mine, others)
        if not swaps:
            return "say"
        g, h = rng.choice(swaps)
        give = rng.choice(_ONE_OR_TWO[: mine[g]])
        get = rng.choice(_ONE_OR_TWO[: others[h]])
        return f"offer {give} {GOODS[g]} -> {get} {GOODS[h]}"

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based: accepts what gains, else offers its cheapest good one for one against its dearest."""
        offer = view.open_offer
        if offer is not None and _worth(offer.give, view.values) > _worth(offer.get, view.values):
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


def _moved(state: Table, move: Move) -> Table:
    role, dealt, stocks, values, gains, num_moves, told, offer = state
    if move.binding == "accept":
        assert offer is not None
        mine = _shifted(stocks[role], offer.give, offer.get)
        others = _shifted(stocks[1 - role], offer.get, offer.give)
        stocks = (mine, others) if role == 0 else (others, mine)
        got = tuple(_worth(offer.give, v) - _worth(offer.get, v) for v in values)
        gains = (gains[0] + got[0], gains[1] - got[1]) if role == 0 else (gains[0] - got[0], gains[1] + got[1])
    own, theirs = _shown(move)
    told = (told[0] + own, told[1] + theirs) if role == 0 else (told[0] + theirs, told[1] + own)
    num_moves += 1
    to_act = 1 - role if num_moves < MAX_TURNS else OVER
    return Table(to_act, dealt, stocks, values, gains, num_moves, told, move.offer)


def _shifted(stock: Amounts, more: Amounts, less: Amounts) -> Amounts:
    return tuple(s + m - x for s, m, x in zip(stock, more, less, strict=True))


def _worth(amounts: Amounts, values: Amounts) -> int:
    return sum(map(operator.mul, amounts, values))


def _read(text: str, mine: Amounts, others: Amounts, open_offer: Offer | None) -> Move | Problem:
    """The move that the text names, if it is possible now."""
    move = _understood(text)
    if isinstance(move, Problem):
        return move
    if move.offer is not None:
        return _affordable(move.offer, mine, others) or move
    if open_offer is None and move.binding != "say":
        return Problem(ProblemKind.ILLEGAL, f"there is no offer to {move.binding}")
    return move


@functools.lru_cache(_NUM_CACHED)  # apply reads what parse has written
def _understood(text: str) -> Move | Problem:
    """The move in `binding | words`. The binding part is a whole command, never a word inside a sentence."""
    binding, _, words = text.partition("|")
    said = normalise(binding.replace("->", "→"))
    words = clean_message(words) if words else ""
    if said in _WORDS:
        return Move(_WORDS[said], None, words)
    if said.startswith("offer"):
        offer = _read_offer(said.removeprefix("offer").strip(": "))
        if isinstance(offer, Problem):
            return offer
        return Move(f"offer {_listed(offer.give)} -> {_listed(offer.get)}", offer, words)
    return Problem(ProblemKind.NONE, "no offer, accept, deny or say at its start")


@functools.lru_cache(_NUM_CACHED)
def _read_offer(said: str) -> Offer | Problem:
    sides = _ARROW.split(said)
    if len(sides) > 2:
        return Problem(ProblemKind.AMBIGUOUS, "more than one arrow in the offer")
    amounts = [_read_amounts(side) for side in sides]
    if len(amounts) < 2 or amounts[0] is None or amounts[1] is None:
        return Problem(ProblemKind.NONE, "an offer reads: offer 2 wood -> 1 gold")
    return Offer(amounts[0], amounts[1])


def _read_amounts(said: str) -> Amounts | None:
    """Units per good, or None where anything but amounts is said or a good is named twice."""
    found = _AMOUNT.findall(said)
    rest = _SEPARATORS.sub("", _AMOUNT.sub(" ", said))
    names = [good for _, good in found]
    if rest or not found or len(set(names)) < len(names):
        return None
    units = {good: int(n) for n, good in found}
    return tuple(units.get(good, 0) for good in GOODS)


@functools.lru_cache(_NUM_CACHED)
def _affordable(offer: Offer, mine: Amounts, others: Amounts) -> Problem | None:
    if not any(offer.give) or not any(offer.get):
        return Problem(ProblemKind.ILLEGAL, "an offer gives something and gets something")
    for k, good in enumerate(GOODS):
        if offer.give[k] > mine[k]:
            return Problem(ProblemKind.ILLEGAL, f"you have only {mine[k]} {good}")
        if offer.get[k] > others[k]:
            return Problem(ProblemKind.ILLEGAL, f"the other has only {others[k]} {good}")
    return None


def _written(move: Move) -> Action:
    """The canonical spelling of a move; `_read` reads it back."""
    return f"{move.binding} | {move.words}" if move.words else move.binding


@functools.lru_cache(_NUM_CACHED)
def _shown(move: Move) -> tuple[str, str]:
    """A move as who makes it is told, and as the other is."""
    binding, _, words = move
    said = f"{binding} {quote_message(words)}" if words else binding
    return f"\nYou: {said}", f"\nOther: {said}"


@functools.lru_cache(_NUM_CACHED)
def _swaps(mine: Amounts, others: Amounts) -> tuple[tuple[int, int], ...]:
    """Which good can be given for which other one."""
    return tuple((g, h) for g in range(3) for h in range(3) if g != h and mine[g] and others[h])


@functools.lru_cache(_NUM_CACHED)
def _listed(amounts: Amounts) -> str:
    return " ".join(f"{n} {good}" for n, good in zip(amounts, GOODS, strict=True) if n)


@functools.lru_cache(_NUM_CACHED)
def _spelled(amounts: Amounts) -> str:
    return ", ".join(f"{good} {n}" for good, n in zip(GOODS, amounts, strict=True))


GAME = SimpleNegotiation()
