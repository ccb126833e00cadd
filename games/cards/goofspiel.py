"""Goofspiel, the game of pure strategy."""

import functools
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, TypeAlias, TypeVar

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.theory.matrix import solve_zero_sum
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation

MOST_CARDS: Final = 13
MOST_SOLVED: Final = {"descending": 6, "ascending": 6, "random": 4}  # cards; that takes half a second at most
_SEATS = ("first", "second")
_NUMBERS = (
    "", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
)  # fmt: skip
_GOALS = {
    "win_loss": "More points than the other win.",
    "point_difference": "What counts is by how many points you are ahead.",
}
_NUM_CACHED = 8_192  # results of each function that rendering and reading call again and again

Cards: TypeAlias = tuple[int, ...]
Hand: TypeAlias = tuple[Action, ...]
Card = TypeVar("Card", int, Action)


@dataclass(frozen=True)
class GoofspielSettings(GameSettings):
    """How many cards, in which order the prizes come, and what counts."""

    cards: int = setting(5, "prizes, and cards of each player", range(3, MOST_CARDS + 1))
    order: str = setting("descending", "of the prizes", ("descending", "ascending", "random"))
    score: str = setting("win_loss", "what a return is", ("win_loss", "point_difference"))


DEFAULT: Final = GoofspielSettings()


class Rounds(NamedTuple):
    """The state.

    Attributes:
        to_act: a role, chance or nobody.
        prizes: those known so far, all of them unless their order is random.
        bids: those of all rounds: first, second, first ...
        hands: what each player may still bid, as moves.
    """

    to_act: int
    prizes: Cards
    bids: Cards
    hands: tuple[Hand, Hand]


class View(NamedTuple):
    """What a role knows: the bids of finished rounds, and its own in this one (0 before it)."""

    role: int
    prizes: Cards
    bids: Cards
    pending: int


class Goofspiel(Game[Rounds, View]):
    """Both players bid a card for each prize at the same time, and use every card only once.

    Each player holds the cards 1 to 5; the prizes are worth 1 to 5 points and come in descending order, one a round.
    Both players choose one of their cards and show them together: the higher card wins the prize, equal cards discard
    it, and both cards are spent. The last round plays itself. Who has more points wins: +1 to -1, and 0 for a draw. A
    round's bids are asked one after the other, but neither player sees the other's before both are made. The seats are
    equal, so with best play the game is worth 0 to both.

    Settings: 3 to 13 cards; prizes in ascending order, or turned up at random; returns as half the difference of the
    points. `solution` is an equilibrium up to 6 cards (4 where the order is random), found by solving the matrix of
    every round from the end on. With more cards it follows a rule of thumb: it mostly bids the card that ranks among
    its own as the prize does among those left, sometimes the next higher one or the lowest.
    """

    examples: ClassVar[tuple[str, ...]] = (
        "cards=4,order=ascending", "cards=4,order=random,score=point_difference", "cards=13,order=random",
    )  # fmt: skip

    def __init__(self, settings: GoofspielSettings = DEFAULT) -> None:
        self.settings: GoofspielSettings = settings
        self._num_bids = 2 * settings.cards
        self._by_chance = settings.order == "random"
        self._spellings = _spellings(settings.cards)
        most = 1.0 if settings.score == "win_loss" else settings.cards * (settings.cards + 1) / 4 - 1
        self.info = Info(
            name=settings.full_name("goofspiel"), version=1, roles=_SEATS, min_return=-most, max_return=most,
            zero_sum=True, max_turns=self._num_bids - 2, hidden=True, random=self._by_chance, open_text=False,
            solver="exact" if settings.cards <= MOST_SOLVED[settings.order] else "rules", forfeit=-most,
            source="OpenSpiel goofspiel; Ross 1971, Goofspiel: the game of pure strategy",
        )  # fmt: skip

    def start(self) -> Rounds:
        step = -1 if self.settings.order == "descending" else 1
        prizes = tuple(range(1, self.settings.cards + 1))[::step]
        hands = (_moves((), self.settings.cards),) * 2
        return Rounds(CHANCE, (), (), hands) if self._by_chance else Rounds(0, prizes, (), hands)

    def to_act(self, state: Rounds) -> int:
        return state.to_act

    def chance(self, state: Rounds) -> tuple[tuple[Action, float], ...]:
        return _turned_up(state.prizes, self.settings.cards)

    def legal(self, state: Rounds) -> tuple[Action, ...]:
        return state.hands[state.to_act] if state.to_act >= 0 else ()

    def apply(self, state: Rounds, action: Action) -> Rounds:
        return _moved(state, action, self.settings.cards)

    def returns(self, state: Rounds) -> tuple[float, ...]:
        first, second = _points(state.prizes, state.bids)
        return (_worth(first - second, self.settings.score), _worth(second - first, self.settings.score))

    def view(self, state: Rounds, role: int) -> View:
        to_act, prizes, bids, _ = state
        if to_act != 1:
            return View(role, prizes, bids, 0)
        return View(role, prizes, bids[:-1], bids[-1] if role == 0 else 0)

    def observe(self, state: Rounds, role: int) -> Observation:
        return _observed(self.view(state, role), state.to_act == role, self.settings.cards, self._by_chance)

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...] | None:
        """The bids of every round exchanged."""
        if not self._by_chance:
            return tuple(path[k ^ 1] for k in range(len(path)))
        return tuple(path[k + (0, 1, -1)[k % 3]] for k in range(len(path)))

    def rules(self) -> str:
        cards = self.settings.cards
        order = "a random" if self._by_chance else self.settings.order
        return (
            f"Goofspiel with {cards} rounds. Each player has the cards 1 to {cards}. The prizes are worth 1 to {cards} "
            f"points and come in {order} order, one a round. In each round both players secretly bid one of their "
            "cards for the prize; the higher card wins it, with equal cards nobody does, and both cards are spent. "
            f"The last round plays itself. {_GOALS[self.settings.score]} A move is the number of a card."
        )

    def render(self, view: View) -> str:
        return _rendered(view, self.settings.cards, self._by_chance)

    def notation(self, state: Rounds) -> dict[str, Action]:
        return self._spellings

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        cards, (role, prizes, bids, _) = self.settings.cards, view
        mine, others = _left(bids[role::2], cards), _left(bids[1 - role :: 2], cards)
        now = len(bids) // 2
        rest = _left(prizes[: now + 1], cards) if self._by_chance else prizes[now + 1 :]
        if self.info.solver == "rules":
            return _by_rank(mine, sum(prize < prizes[now] for prize in rest))
        points = _points(prizes, bids)
        lead = points[role] - points[1 - role] if self.settings.score == "win_loss" else 0
        return _bids(Node(mine, others, prizes[now], rest, lead), self.settings.score, self._by_chance)


def _worth(lead: int, score: str) -> float:
    return lead / 2 if score == "point_difference" else float((lead > 0) - (lead < 0))


@functools.lru_cache(_NUM_CACHED)
def _left(played: Cards, cards: int) -> Cards:
    """The cards from 1 on that haven't been played."""
    return tuple(sorted(_deck(cards).difference(played)))


@functools.cache
def _deck(cards: int) -> frozenset[int]:
    return frozenset(range(1, cards + 1))


@functools.lru_cache(_NUM_CACHED)
def _moves(played: Cards, cards: int) -> Hand:
    return tuple(sorted(map(str, _left(played, cards))))


@functools.lru_cache(_NUM_CACHED)
def _turned_up(prizes: Cards, cards: int) -> tuple[tuple[Action, float], ...]:
    left = _left(prizes, cards)
    return tuple((str(prize), 1 / len(left)) for prize in left)


@functools.cache
def _spellings(cards: int) -> dict[str, Action]:
    named = {name: str(k) for k in range(1, cards + 1) for name in (str(k), _NUMBERS[k])}
    return {f"{verb}{name}": action for verb in ("", "bid ", "play ", "card ") for name, action in named.items()}


@functools.lru_cache(2 * _NUM_CACHED)
def _moved(state: Rounds, action: Action, cards: int) -> Rounds:
    role, prizes, bids, hands = state
    if role == CHANCE:
        return Rounds(0, _with_prize(prizes, action, cards), bids, hands)
    if role == OVER or action not in hands[role]:
        raise ValueError(f"{action!r} is not a card left in {hands!r}")
    bids += (int(action),)
    left = _without(hands[role], action)
    if role == 0:
        return Rounds(1, prizes, bids, (left, hands[1]))
    if len(left) > 1:
        return Rounds(0 if len(bids) < 2 * len(prizes) else CHANCE, prizes, bids, (hands[0], left))
    return Rounds(OVER, prizes + _left(prizes, cards), (*bids, int(hands[0][0]), int(left[0])), ((), ()))


def _with_prize(prizes: Cards, action: Action, cards: int) -> Cards:
    if action not in dict(_turned_up(prizes, cards)):
        raise ValueError(f"{action!r} is not a prize left beside {prizes!r}")
    return (*prizes, int(action))


def _points(prizes: Cards, bids: Cards) -> tuple[int, int]:
    """Of both players, after finished rounds."""
    first = second = 0
    for prize, own, other in zip(prizes, bids[::2], bids[1::2], strict=False):
        if own > other:
            first += prize
        elif other > own:
            second += prize
    return (first, second)


@functools.lru_cache(2 * _NUM_CACHED)
def _observed(view: View, acts: bool, cards: int, by_chance: bool) -> Observation:
    legal = _moves(view.bids[view.role :: 2], cards) if acts else ()
    return Observation(view.role, _rendered(view, cards, by_chance), legal)


def _rendered(view: View, cards: int, by_chance: bool) -> str:
    role, prizes, bids, pending = view
    now, points = len(bids) // 2, _points(prizes, bids)
    text = f"{_past(role, prizes, bids)}Points: you {points[role]}, the other {points[1 - role]}."
    if now == cards:
        return text
    mine, others = bids[role::2], bids[1 - role :: 2]
    text = f"{text}\nYour cards: {_held(mine, cards)}.\nThe other's cards: {_held(others, cards)}.\n"
    if now == len(prizes):
        text = f"{text}The next prize is not turned up yet. Prizes left: {_held(prizes, cards)}."
    else:
        rest = _held(prizes[: now + 1], cards) if by_chance else _listed(prizes[now + 1 :])
        text = f"{text}The prize now: {prizes[now]}. {'Later, in any order' if by_chance else 'Then'}: {rest}."
    return f"{text}\nYou have bid {pending}." if pending else text


@functools.lru_cache(_NUM_CACHED)
def _past(role: int, prizes: Cards, bids: Cards) -> str:
    """Who one is and the finished rounds, a line each."""
    if not bids:
        return f"You are the {_SEATS[role]} player.\n"
    prize, own, other = prizes[len(bids) // 2 - 1], bids[role - 2], bids[-1 - role]
    winner = "nobody wins" if own == other else "you win" if own > other else "the other wins"
    return f"{_past(role, prizes, bids[:-2])}Prize {prize}: you bid {own}, the other {other}, {winner}.\n"


@functools.lru_cache(_NUM_CACHED)
def _held(played: Cards, cards: int) -> str:
    return _listed(_left(played, cards))


@functools.lru_cache(_NUM_CACHED)
def _listed(cards: Cards) -> str:
    return ", ".join(map(str, cards))


def _by_rank(mine: Cards, rank: int) -> tuple[tuple[Action, float], ...]:
    """Mostly the card whose rank among the own is the prize's, sometimes the next higher one or the lowest."""
    chosen = {card: 0.0 for card in mine}
    for place, probability in ((rank, 0.6), (min(rank + 1, len(mine) - 1), 0.25), (0, 0.15)):
        chosen[mine[place]] += probability
    return tuple((str(card), p) for card, p in chosen.items() if p > 0)


class Node(NamedTuple):
    """A round as the role to bid sees it: both hands, the prize, those after it, and its lead in points."""

    mine: Cards
    others: Cards
    prize: int
    rest: Cards
    lead: int


@functools.lru_cache(2 * _NUM_CACHED)
def _bids(node: Node, score: str, by_chance: bool) -> tuple[tuple[Action, float], ...]:
    _, strategy = _solved(node, score, by_chance)
    return tuple((str(card), p) for card, p in zip(node.mine, strategy, strict=True) if p > 0)


@functools.cache
def _solved(node: Node, score: str, by_chance: bool) -> tuple[float, tuple[float, ...]]:
    """The value of a round to the role and an optimal mixture of its cards."""
    matrix = [[_after(node, own, other, score, by_chance) for other in node.others] for own in node.mine]
    return solve_zero_sum(matrix)


def _after(node: Node, own: int, other: int, score: str, by_chance: bool) -> float:
    """What the rest of the game, this prize included, is worth once both cards are shown."""
    mine, others = _without(node.mine, own), _without(node.others, other)
    won = node.prize * ((own > other) - (own < other))
    gained, lead = (won / 2, 0) if score == "point_difference" else (0.0, node.lead + won)
    if score == "win_loss" and abs(lead) > sum(node.rest):
        return _worth(lead, score)  # nothing that is left can change it
    if len(mine) == 1:
        return gained + _worth(lead + node.rest[0] * ((mine > others) - (mine < others)), score)
    turned_up = node.rest if by_chance else node.rest[:1]
    nodes = (Node(mine, others, prize, _without(node.rest, prize), lead) for prize in turned_up)
    return gained + sum(_value(node, score, by_chance) for node in nodes) / len(turned_up)


def _value(node: Node, score: str, by_chance: bool) -> float:
    """The value of a round; seats are equal, so that of a mirrored round is known."""
    if (node.mine, node.lead) < (node.others, -node.lead):
        return -_solved(node._replace(mine=node.others, others=node.mine, lead=-node.lead), score, by_chance)[0]
    return _solved(node, score, by_chance)[0]


@functools.lru_cache(_NUM_CACHED)
def _without(cards: tuple[Card, ...], card: Card) -> tuple[Card, ...]:
    return tuple(c for c in cards if c != card)


GAME = Goofspiel()
