"""Goofspiel, the game of pure strategy."""

import functools
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, TypeAlias, TypeVar

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.theory.matrix import solve_zero_sum
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation

MAX_CARDS: Final = 13
MAX_SOLVED: Final = {"descending": 6, "ascending": 6, "random": 4}  # cards; solving takes at most half a second
_SEATS = ("first", "second")
_NUMBERS = (
    "", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
)  # fmt: skip
_GOALS = {
    "win_loss": "More points than the other win.",
    "point_difference": "What counts is by how many points you are ahead.",
}
_NUM_CACHED = 8_192  # size of the cache of each function that rendering and parsing call often

Cards: TypeAlias = tuple[int, ...]
Hand: TypeAlias = tuple[Action, ...]
Card = TypeVar("Card", int, Action)


@dataclass(frozen=True)
class GoofspielSettings(GameSettings):
    """The number of cards, the order of the prizes, and the scoring."""

    cards: int = setting(5, "prizes, and cards of each player", range(3, MAX_CARDS + 1))
    order: str = setting("descending", "of the prizes", ("descending", "ascending", "random"))
    score: str = setting("win_loss", "what a return is", ("win_loss", "point_difference"))


DEFAULT: Final = GoofspielSettings()


class Rounds(NamedTuple):
    """The state.

    Attributes:
        to_act: the role to act, `CHANCE` or `OVER`.
        prizes: the prizes known so far, all of them unless their order is random.
        bids: the bids of all rounds: first player, second, first ...
        hands: each player's remaining cards, as moves.
    """

    to_act: int
    prizes: Cards
    bids: Cards
    hands: tuple[Hand, Hand]


class View(NamedTuple):
    """A role's knowledge: the bids of finished rounds, and its own bid in the current one (0 before it)."""

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
            name=settings.full_name("goofspiel"), version=2, roles=_SEATS, min_return=-most, max_return=most,
            zero_sum=True, max_turns=self._num_bids - 2, hidden=True, random=self._by_chance, open_text=False,
            solver="exact" if settings.cards <= MAX_SOLVED[settings.order] else "rules", forfeit=-most,
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
        return _prize_chances(state.prizes, self.settings.cards)

    def legal(self, state: Rounds) -> tuple[Action, ...]:
        return state.hands[state.to_act] if state.to_act >= 0 else ()

    def apply(self, state: Rounds, action: Action) -> Rounds:
        return _apply(state, action, self.settings.cards)

    def returns(self, state: Rounds) -> tuple[float, ...]:
        first, second = _points(state.prizes, state.bids)
        return (_score_lead(first - second, self.settings.score), _score_lead(second - first, self.settings.score))

    def reward(self, state: Rounds, action: Action, after: Rounds) -> tuple[float, ...] | None:
        """The points of a round, earned by its second bid; None where only the lead at the end counts."""
        if self.settings.score == "win_loss":
            return None
        lead = self._lead(after) - self._lead(state)
        return (lead, -lead)

    def _lead(self, state: Rounds) -> float:
        first, second = _points(state.prizes, state.bids)
        return _score_lead(first - second, self.settings.score)

    def view(self, state: Rounds, role: int) -> View:
        to_act, prizes, bids, _ = state
        if to_act != 1:
            return View(role, prizes, bids, 0)
        return View(role, prizes, bids[:-1], bids[-1] if role == 0 else 0)

    def observe(self, state: Rounds, role: int) -> Observation:
        return _observe(self.view(state, role), state.to_act == role, self.settings.cards, self._by_chance)

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...] | None:
        """Exchanges the bids of every round."""
        if not self._by_chance:
            return tuple(path[k ^ 1] for k in range(len(path)))
        return tuple(path[k + (0, 1, -1)[k % 3]] for k in range(len(path)))

    def rules(self) -> str:
        cards = self.settings.cards
        order = "a random" if self._by_chance else self.settings.order
        return (
            f"Goofspiel with {cards} rounds. Each player has the cards 1 to {cards}. The prizes are worth 1 to {cards} "
            f"points and come in {order} order, one a round. In each round both players secretly bid one of their "
            "cards for the prize; the higher card wins it, equal cards win nothing, and both cards are spent. "
            f"The last round plays itself. {_GOALS[self.settings.score]} A move is the number of a card."
        )

    def render(self, view: View) -> str:
        return _render(view, self.settings.cards, self._by_chance)

    def notation(self, state: Rounds) -> dict[str, Action]:
        return self._spellings

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        cards, (role, prizes, bids, _) = self.settings.cards, view
        mine, others = _remaining_cards(bids[role::2], cards), _remaining_cards(bids[1 - role :: 2], cards)
        now = len(bids) // 2
        rest = _remaining_cards(prizes[: now + 1], cards) if self._by_chance else prizes[now + 1 :]
        if self.info.solver == "rules":
            return _bid_by_rank(mine, sum(prize < prizes[now] for prize in rest))
        points = _points(prizes, bids)
        lead = points[role] - points[1 - role] if self.settings.score == "win_loss" else 0
        return _optimal_bids(Node(mine, others, prizes[now], rest, lead), self.settings.score, self._by_chance)


def _score_lead(lead: int, score: str) -> float:
    return lead / 2 if score == "point_difference" else float((lead > 0) - (lead < 0))


@functools.lru_cache(_NUM_CACHED)
def _remaining_cards(played: Cards, cards: int) -> Cards:
    """The cards that haven't been played, in ascending order."""
    return tuple(sorted(_deck(cards).difference(played)))


@functools.cache
def _deck(cards: int) -> frozenset[int]:
    return frozenset(range(1, cards + 1))


@functools.lru_cache(_NUM_CACHED)
def _moves(played: Cards, cards: int) -> Hand:
    return tuple(sorted(map(str, _remaining_cards(played, cards))))


@functools.lru_cache(_NUM_CACHED)
def _prize_chances(prizes: Cards, cards: int) -> tuple[tuple[Action, float], ...]:
    left = _remaining_cards(prizes, cards)
    return tuple((str(prize), 1 / len(left)) for prize in left)


@functools.cache
def _spellings(cards: int) -> dict[str, Action]:
    named = {name: str(k) for k in range(1, cards + 1) for name in (str(k), _NUMBERS[k])}
    return {f"{verb}{name}": action for verb in ("", "bid ", "play ", "card ") for name, action in named.items()}


@functools.lru_cache(2 * _NUM_CACHED)
def _apply(state: Rounds, action: Action, cards: int) -> Rounds:
    role, prizes, bids, hands = state
    if role == CHANCE:
        return Rounds(0, _add_prize(prizes, action, cards), bids, hands)
    if role == OVER or action not in hands[role]:
        raise ValueError(f"{action!r} is not a card left in {hands!r}")
    bids += (int(action),)
    left = _remove_card(hands[role], action)
    if role == 0:
        return Rounds(1, prizes, bids, (left, hands[1]))
    if len(left) > 1:
        return Rounds(0 if len(bids) < 2 * len(prizes) else CHANCE, prizes, bids, (hands[0], left))
    return Rounds(OVER, prizes + _remaining_cards(prizes, cards), (*bids, int(hands[0][0]), int(left[0])), ((), ()))


def _add_prize(prizes: Cards, action: Action, cards: int) -> Cards:
    if action not in dict(_prize_chances(prizes, cards)):
        raise ValueError(f"{action!r} is not a prize left beside {prizes!r}")
    return (*prizes, int(action))


def _points(prizes: Cards, bids: Cards) -> tuple[int, int]:
    """Both players' points after the finished rounds."""
    first = second = 0
    for prize, own, other in zip(prizes, bids[::2], bids[1::2], strict=False):
        if own > other:
            first += prize
        elif other > own:
            second += prize
    return (first, second)


@functools.lru_cache(2 * _NUM_CACHED)
def _observe(view: View, acts: bool, cards: int, by_chance: bool) -> Observation:
    legal = _moves(view.bids[view.role :: 2], cards) if acts else ()
    return Observation(view.role, _render(view, cards, by_chance), legal)


def _render(view: View, cards: int, by_chance: bool) -> str:
    role, prizes, bids, pending = view
    now, points = len(bids) // 2, _points(prizes, bids)
    text = f"{_render_past(role, prizes, bids)}Points: you {points[role]}, the other {points[1 - role]}."
    if now == cards:
        return text
    mine, others = bids[role::2], bids[1 - role :: 2]
    text = f"{text}\nYour cards: {_render_hand(mine, cards)}.\nThe other's cards: {_render_hand(others, cards)}.\n"
    if now == len(prizes):
        text = f"{text}The next prize is not turned up yet. Prizes left: {_render_hand(prizes, cards)}."
    else:
        rest = _render_hand(prizes[: now + 1], cards) if by_chance else _join_cards(prizes[now + 1 :])
        text = f"{text}The prize now: {prizes[now]}. {'Later, in any order' if by_chance else 'Then'}: {rest}."
    return f"{text}\nYou have bid {pending}." if pending else text


@functools.lru_cache(_NUM_CACHED)
def _render_past(role: int, prizes: Cards, bids: Cards) -> str:
    """Renders the player's seat and the finished rounds, a line each."""
    if not bids:
        return f"You are the {_SEATS[role]} player.\n"
    prize, own, other = prizes[len(bids) // 2 - 1], bids[role - 2], bids[-1 - role]
    winner = "neither wins" if own == other else "you win" if own > other else "the other wins"
    return f"{_render_past(role, prizes, bids[:-2])}Prize {prize}: you bid {own}, the other {other}, {winner}.\n"


@functools.lru_cache(_NUM_CACHED)
def _render_hand(played: Cards, cards: int) -> str:
    return _join_cards(_remaining_cards(played, cards))


@functools.lru_cache(_NUM_CACHED)
def _join_cards(cards: Cards) -> str:
    return ", ".join(map(str, cards))


def _bid_by_rank(mine: Cards, rank: int) -> tuple[tuple[Action, float], ...]:
    """Bids mostly the card with the prize's rank, sometimes the next higher card or the lowest."""
    chosen = {card: 0.0 for card in mine}
    for place, probability in ((rank, 0.6), (min(rank + 1, len(mine) - 1), 0.25), (0, 0.15)):
        chosen[mine[place]] += probability
    return tuple((str(card), p) for card, p in chosen.items() if p > 0)


class Node(NamedTuple):
    """A round from the bidder's side: both hands, the prize, the prizes after it, and the lead in points."""

    mine: Cards
    others: Cards
    prize: int
    rest: Cards
    lead: int


@functools.lru_cache(2 * _NUM_CACHED)
def _optimal_bids(node: Node, score: str, by_chance: bool) -> tuple[tuple[Action, float], ...]:
    _, strategy = _solve_node(node, score, by_chance)
    return tuple((str(card), p) for card, p in zip(node.mine, strategy, strict=True) if p > 0)


@functools.cache
def _solve_node(node: Node, score: str, by_chance: bool) -> tuple[float, tuple[float, ...]]:
    """Computes the value of a round to the role, and an optimal mixture of its cards."""
    matrix = [[_value_after(node, own, other, score, by_chance) for other in node.others] for own in node.mine]
    return solve_zero_sum(matrix)


def _value_after(node: Node, own: int, other: int, score: str, by_chance: bool) -> float:
    """Computes the value of the rest of the game, this prize included, after both cards are shown."""
    mine, others = _remove_card(node.mine, own), _remove_card(node.others, other)
    won = node.prize * ((own > other) - (own < other))
    gained, lead = (won / 2, 0) if score == "point_difference" else (0.0, node.lead + won)
    if score == "win_loss" and abs(lead) > sum(node.rest):
        return _score_lead(lead, score)  # the remaining prizes can't change the winner
    if len(mine) == 1:
        return gained + _score_lead(lead + node.rest[0] * ((mine > others) - (mine < others)), score)
    turned_up = node.rest if by_chance else node.rest[:1]
    nodes = (Node(mine, others, prize, _remove_card(node.rest, prize), lead) for prize in turned_up)
    return gained + sum(_node_value(node, score, by_chance) for node in nodes) / len(turned_up)


def _node_value(node: Node, score: str, by_chance: bool) -> float:
    """Computes the value of a round; equal seats give the mirrored round the opposite value."""
    if (node.mine, node.lead) < (node.others, -node.lead):
        return -_solve_node(node._replace(mine=node.others, others=node.mine, lead=-node.lead), score, by_chance)[0]
    return _solve_node(node, score, by_chance)[0]


@functools.lru_cache(_NUM_CACHED)
def _remove_card(cards: tuple[Card, ...], card: Card) -> tuple[Card, ...]:
    return tuple(c for c in cards if c != card)


GAME = Goofspiel()
