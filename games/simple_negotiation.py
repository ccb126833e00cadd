"""A trade between two players who value the goods differently."""

import functools
import operator
import random
import re
from typing import NamedTuple, TypeAlias

from mirrormatch.games.core.game import Game
from mirrormatch.games.core.quoting import chat, quoted
from mirrormatch.games.core.reading import normal
from mirrormatch.games.core.records import CHANCE, OVER, Action, Info, Problem, ProblemKind

GOODS = ("wood", "stone", "gold")
MAX_STOCK = 4  # of one good, at the start; at least 1
MAX_VALUE = 5  # of one unit; at least 1
MAX_TURNS = 8
FORFEIT = -10.0  # about what the worse side of a lopsided trade loses

Amounts: TypeAlias = tuple[int, ...]  # one per good, in the order of GOODS

_NUM_STOCKS = 2 * len(GOODS)
_NUM_DEALT = 2 * _NUM_STOCKS  # stocks of both, then values of both
_NUMBERS = tuple(str(k) for k in range(1, max(MAX_STOCK, MAX_VALUE) + 1))
_STOCKS = tuple((number, 1 / MAX_STOCK) for number in _NUMBERS[:MAX_STOCK])
_VALUES = tuple((number, 1 / MAX_VALUE) for number in _NUMBERS[:MAX_VALUE])
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
    """One turn: its binding part and the words that went with it."""

    kind: str  # "offer", "accept", "deny" or "say"
    offer: Offer | None
    words: str


class Table(NamedTuple):
    """The state: what chance has dealt so far, the moves, the stocks now and the offer that waits for an answer."""

    dealt: Amounts
    moves: tuple[Move, ...]
    stocks: tuple[Amounts, Amounts]
    open_offer: Offer | None


class View(NamedTuple):
    """What a role knows: all but the other's values."""

    role: int
    values: Amounts
    gain: int
    moves: tuple[Move, ...]
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
        return Table((), (), ((), ()), None)

    def to_act(self, state: Table) -> int:
        if len(state.dealt) < _NUM_DEALT:
            return CHANCE
        return len(state.moves) % 2 if len(state.moves) < MAX_TURNS else OVER

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        return _STOCKS if len(state.dealt) < _NUM_STOCKS else _VALUES

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        return None if self.to_act(state) >= 0 else ()

    def apply(self, state: Table, action: Action) -> Table:
        if len(state.dealt) < _NUM_DEALT:
            return _deal(state, action)
        role = self.to_act(state)
        if role == OVER:
            raise ValueError("the game is over")
        move = _read(action, state.stocks[role], state.stocks[1 - role], state.open_offer)
        if isinstance(move, Problem):
            raise ValueError(f"{action!r}: {move.detail}")
        return _moved(state, role, move)

    def returns(self, state: Table) -> tuple[float, ...]:
        lead = float(_gain(state, 0) - _gain(state, 1))
        return (lead, 0.0 - lead)

    def forfeit(self, state: Table, role: int) -> float:
        """`FORFEIT`, or how far the role lies behind if that is more: giving up must not save anything."""
        return min(FORFEIT, float(_gain(state, role) - _gain(state, 1 - role)))

    def view(self, state: Table, role: int) -> View:
        if len(state.dealt) < _NUM_DEALT:
            return View(role, (), 0, (), state.stocks, None)
        return View(role, _values(state, role), _gain(state, role), state.moves, state.stocks, state.open_offer)

    def rules(self) -> str:
        return (
            "Negotiation. Two players trade wood, stone and gold for 8 turns. Each has private values for the goods. "
            "You win if the value of your goods grows more than the other's. "
            "Moves: 'offer 2 wood -> 1 gold' gives 2 wood for 1 gold; 'accept'; 'deny'; 'say'. "
            "An offer not accepted at once lapses. "
            "Words for the other may follow a bar: 'deny | too little'."
        )

    def render(self, view: View) -> str:
        if not view.values:
            return "The goods are not dealt yet."
        turn = min(len(view.moves) + 1, MAX_TURNS)
        lines = [
            f"You are the {self.info.roles[view.role]} player. Turn {turn} of {MAX_TURNS}.",
            f"Your values: {_spelled(view.values)}. Your gain: {view.gain}.",
            f"You have: {_spelled(view.stocks[view.role])}. Other has: {_spelled(view.stocks[1 - view.role])}.",
        ]
        lines += [f"{'You' if k % 2 == view.role else 'Other'}: {_shown(m)}" for k, m in enumerate(view.moves)]
        if view.open_offer is not None and len(view.moves) % 2 == view.role:
            offer = view.open_offer
            lines.append(f"You may accept: you give {_listed(offer.get)} and get {_listed(offer.give)}.")
        return "\n".join(lines)

    def parse(self, state: Table, text: str) -> Action | Problem:
        role = self.to_act(state)
        move = _read(text, state.stocks[role], state.stocks[1 - role], state.open_offer)
        return move if isinstance(move, Problem) else _written(move)

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Answers a waiting offer at random, or offers one to two units of one good for one to two of another."""
        if view.open_offer is not None and rng.random() < 0.5:
            return rng.choice(("accept", "deny"))
        mine, others = view.stocks[view.role], view.stocks[1 - view.role]
        swaps = [(g, h) for g in range(3) for h in range(3) if g != h and mine[g] and others[h]]
        if not swaps:
            return "say"
        g, h = rng.choice(swaps)
        give = rng.randint(1, min(2, mine[g]))
        get = rng.randint(1, min(2, others[h]))
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


def _deal(state: Table, action: Action) -> Table:
    most = MAX_STOCK if len(state.dealt) < _NUM_STOCKS else MAX_VALUE
    if action not in _NUMBERS[:most]:
        raise ValueError(f"{action!r} is not a number from 1 to {most}")
    dealt = (*state.dealt, int(action))
    if len(dealt) < _NUM_DEALT:
        return Table(dealt, (), ((), ()), None)
    return Table(dealt, (), (dealt[:3], dealt[3:6]), None)


def _moved(state: Table, role: int, move: Move) -> Table:
    stocks, offer = state.stocks, state.open_offer
    if move.kind == "accept":
        assert offer is not None
        mine = _shifted(stocks[role], offer.give, offer.get)
        others = _shifted(stocks[1 - role], offer.get, offer.give)
        stocks = (mine, others) if role == 0 else (others, mine)
    return Table(state.dealt, (*state.moves, move), stocks, move.offer)


def _shifted(stock: Amounts, more: Amounts, less: Amounts) -> Amounts:
    return tuple(s + m - x for s, m, x in zip(stock, more, less, strict=True))


def _values(state: Table, role: int) -> Amounts:
    first = _NUM_STOCKS + role * len(GOODS)
    return state.dealt[first : first + len(GOODS)]


def _gain(state: Table, role: int) -> int:
    start = state.dealt[role * len(GOODS) : (role + 1) * len(GOODS)]
    change = map(operator.sub, state.stocks[role], start)
    return sum(map(operator.mul, change, _values(state, role)))


def _worth(amounts: Amounts, values: Amounts) -> int:
    return sum(map(operator.mul, amounts, values))


@functools.lru_cache(_NUM_CACHED)  # apply reads what parse has written
def _read(text: str, mine: Amounts, others: Amounts, open_offer: Offer | None) -> Move | Problem:
    """The move in `binding | words`. The binding part is a whole command, never a word inside a sentence."""
    binding, _, words = text.partition("|")
    said = normal(binding.replace("->", "→"))
    words = chat(words) if words else ""
    kind = _WORDS.get(said, "")
    if kind in ("accept", "deny") and open_offer is None:
        return Problem(ProblemKind.ILLEGAL, f"there is no offer to {kind}")
    if kind:
        return Move(kind, None, words)
    if said.startswith("offer"):
        offer = _read_offer(said.removeprefix("offer").strip(": "))
        if isinstance(offer, Problem):
            return offer
        return _affordable(offer, mine, others) or Move("offer", offer, words)
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
    binding = move.kind
    if move.offer is not None:
        binding = f"offer {_listed(move.offer.give)} -> {_listed(move.offer.get)}"
    return f"{binding} | {move.words}" if move.words else binding


@functools.lru_cache(_NUM_CACHED)
def _shown(move: Move) -> str:
    binding = _written(move._replace(words=""))
    return f"{binding} {quoted(move.words)}" if move.words else binding


@functools.lru_cache(_NUM_CACHED)
def _listed(amounts: Amounts) -> str:
    return " ".join(f"{n} {good}" for n, good in zip(amounts, GOODS, strict=True) if n)


@functools.lru_cache(_NUM_CACHED)
def _spelled(amounts: Amounts) -> str:
    return ", ".join(f"{good} {n}" for good, n in zip(GOODS, amounts, strict=True))


GAME = SimpleNegotiation()
