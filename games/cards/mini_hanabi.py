"""Hanabi for two with a small deck."""

import functools
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info

COLOURS = ("red", "yellow", "green", "white", "blue")
LAST_TURNS = 2  # once the deck is empty: one for each player
BOLD = 0.65  # how probably a card must fit before the solver risks a life that isn't the last
_NUM_CACHED = 65_536  # results of each pure function below; enough for every hand of the small decks
_SEATS = ("first", "second")

Kind: TypeAlias = int  # of a card: its colour times the number of ranks, plus its rank, both counted from 0
Cards = TypeVar("Cards")
Known: TypeAlias = tuple[int, int]  # which colours and which ranks a card may still have, as bits


@dataclass(frozen=True)
class MiniHanabiSettings(GameSettings):
    """How many cards there are, and how many mistakes and hints are free."""

    colours: int = setting(2, "how many colours", range(2, 6))
    ranks: int = setting(3, "the highest rank", range(3, 6))
    hand: int = setting(2, "cards in a hand", range(2, 6))
    hints: int = setting(3, "hint tokens, at the start and at most", range(1, 9))
    lives: int = setting(2, "the misplayed card that loses the game", range(1, 4))


_DEFAULT = MiniHanabiSettings()


class Table(NamedTuple):
    """The state: who acts, what is left in the deck, both hands, what both know of them, and the public rest."""

    to_act: int
    left: tuple[int, ...]  # in the deck, of each kind
    hands: tuple[tuple[Kind, ...], tuple[Kind, ...]]  # oldest card first
    known: tuple[tuple[Known, ...], tuple[Known, ...]]
    built: tuple[int, ...]  # of each colour
    discarded: tuple[Kind, ...]  # sorted
    hints: int
    lives: int
    past: tuple[str, str]  # the moves as each player is told of them
    last_turns: int
    drawer: int  # the role that draws a card, where chance acts


class View(NamedTuple):
    """What a role knows: all but its own hand and the order of the deck."""

    role: int
    partner: tuple[Kind, ...]
    known: tuple[tuple[Known, ...], tuple[Known, ...]]
    built: tuple[int, ...]
    discarded: tuple[Kind, ...]
    deck: int
    hints: int
    lives: int
    past: str
    last_turns: int


class MiniHanabi(Game[Table, View]):
    """Hanabi, the cooperative card game of hints, for two players with a small deck.

    The deck has 2 colours with ranks 1 to 3: of each colour three 1s, one card of the highest rank and two of every
    rank between. Each player holds 2 cards, which only the partner sees. Together they build each colour upwards from
    1. In turn they `play 1` (card 1: built if it is the next of its colour, otherwise discarded at the cost of a life),
    `discard 1` (which gets a hint token back) or give a hint, which costs a token: `hint colour red` or `hint rank 2`
    tells the partner of every card that matches, at least one, and so that no other does. There are 3 hint tokens,
    and never more: with all of them nobody may discard. Completing a colour gets one back, too. A player who has laid
    down a card draws one, which becomes its last card; card 1 is the oldest. Once the deck is empty each player has
    one more turn. Both get the number of cards built, 6 at best; or 0 if the second life is lost.
    """

    settings: MiniHanabiSettings
    examples = ("colours=3,hand=3", "colours=2,ranks=5,lives=1", "colours=5,ranks=5,hand=5,hints=8,lives=3", "hints=1")

    def __init__(self, settings: MiniHanabiSettings = _DEFAULT) -> None:
        self.settings = settings
        num_colours, ranks, hand = settings.colours, settings.ranks, settings.hand
        self._copies = tuple(
            3 if r == 0 else 1 if r == ranks - 1 else 2 for _ in range(num_colours) for r in range(ranks)
        )
        self._cards = tuple(f"{c} {r + 1}" for c in COLOURS[:num_colours] for r in range(ranks))
        self._dealt = {f"{card[0].upper()}{card[-1]}": kind for kind, card in enumerate(self._cards)}
        self._names = tuple(self._dealt)
        self._nothing_known = ((1 << num_colours) - 1, (1 << ranks) - 1)
        self._perfect = num_colours * ranks
        self._moves = _moves(num_colours, ranks, hand)
        self._notation = _notation(num_colours, ranks, hand)
        drawn = sum(self._copies) - 2 * hand
        self.info = Info(
            name=settings.full_name("mini_hanabi"), version=1, roles=_SEATS, min_return=0.0,
            max_return=float(self._perfect), zero_sum=False, max_turns=2 * drawn + settings.hints + 1, hidden=True,
            random=True, open_text=False, solver="rules", forfeit=0.0, cooperative=True, win_at=float(self._perfect),
            source="Bauza 2010, Hanabi; OpenSpiel hanabi (Bard et al. 2020, The Hanabi challenge)",
        )  # fmt: skip

    def start(self) -> Table:
        s = self.settings
        none, built = ((), ()), (0,) * s.colours
        return Table(CHANCE, self._copies, none, none, built, (), s.hints, s.lives, ("", ""), LAST_TURNS, 0)

    def to_act(self, state: Table) -> int:
        return state.to_act

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        return _drawn(state.left, self._names)

    def legal(self, state: Table) -> tuple[Action, ...]:
        role = state.to_act
        if role < 0:
            return ()
        others = state.hands[1 - role] if state.hints else ()
        return _legal(len(state.hands[role]), state.hints < self.settings.hints, others, self.settings.ranks)

    def apply(self, state: Table, action: Action) -> Table:
        role = state.to_act
        if role == CHANCE:
            return self._draw(state, action)
        if role == OVER or action not in self.legal(state):
            raise ValueError(f"{action!r} is not allowed now")
        verb, number = self._moves[action]
        if verb in ("play", "discard"):
            return self._laid_down(state, role, action, verb, number)
        return self._hinted(state, role, action, verb, number)

    def returns(self, state: Table) -> tuple[float, ...]:
        score = float(sum(state.built)) if state.lives else 0.0
        return (score, score)

    def view(self, state: Table, role: int) -> View:
        _, left, hands, known, built, discarded, hints, lives, past, last_turns, _ = state
        return View(role, hands[1 - role], known, built, discarded, sum(left), hints, lives, past[role], last_turns)

    def rules(self) -> str:
        s = self.settings
        middle = "two 2s" if s.ranks == 3 else f"two each of 2 to {s.ranks - 1}"
        hints = (
            "There is at most 1 hint; with it"
            if s.hints == 1
            else f"There are at most {s.hints} hints; with all of them"
        )
        return (
            f"Hanabi, cooperative, two players. Deck: {', '.join(COLOURS[: s.colours])}; in each colour three 1s, "
            f"{middle}, one {s.ranks}. You see your partner's {s.hand} cards, not your own. "
            "Build every colour upwards from 1. Moves: 'play 1': your card 1 is built if it is the next of its colour, "
            "else it is lost, and a life; 'discard 1' regains a hint; 'hint colour red' or 'hint rank 2' costs a hint "
            f"and shows your partner all its cards that match, at least one. {hints} no "
            "discard. A completed colour regains a hint. A card you draw becomes your last. With the deck "
            f"empty each has one more turn. Score: cards built, {self._perfect} at best; 0 when no life of {s.lives} "
            f"is left. Only {self._perfect} counts as won."
        )

    def render(self, view: View) -> str:
        s = self.settings
        role, partner, known, built, discarded, deck, hints, lives, past, last_turns = view
        score = sum(built) if lives else 0
        cards = str(deck) if deck else f"0, turns left: {last_turns}"
        return (
            f"You are the {_SEATS[role]} player. Built: {_piles(built)}. Score {score} of {self._perfect}.\n"
            f"Hints: {hints} of {s.hints}. Lives: {lives}. Cards in the deck: {cards}.\n"
            f"Discarded: {_heap(discarded, self._cards)}.\nMoves: {past or 'none'}.\n"
            f"Partner's cards:\n{_hand(known[1 - role], partner, self._cards, s.colours, s.ranks)}\n"
            f"Your cards, as far as you know:\n{_hand(known[role], (), (), s.colours, s.ranks)}"
        )

    def notation(self, state: Table) -> dict[str, Action]:
        return self._notation

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Plays what surely or probably fits, hints at what fits, else discards what is useless or oldest."""
        return ((_sensible(view, self.settings, self._copies), 1.0),)

    def _draw(self, state: Table, action: Action) -> Table:
        _, left, hands, known, built, discarded, hints, lives, past, last_turns, drawer = state
        kind = self._dealt.get(action, -1)
        if kind < 0 or not left[kind]:
            raise ValueError(f"{action!r} is not a card left in the deck")
        left = (*left[:kind], left[kind] - 1, *left[kind + 1 :])
        hands = _put(hands, drawer, (*hands[drawer], kind))
        known = _put(known, drawer, (*known[drawer], self._nothing_known))
        is_dealing = len(hands[1]) < self.settings.hand and not past[0]
        to_act = CHANCE if is_dealing else 1 - drawer
        if is_dealing:
            drawer = int(len(hands[0]) == self.settings.hand)
        return Table(to_act, left, hands, known, built, discarded, hints, lives, past, last_turns, drawer)

    def _laid_down(self, state: Table, role: int, action: Action, verb: str, number: int) -> Table:
        _, left, hands, known, built, discarded, hints, lives, past, last_turns, _ = state
        hand, kind = hands[role], hands[role][number]
        colour, rank = divmod(kind, self.settings.ranks)
        fits = verb == "play" and built[colour] == rank
        if fits:
            built = (*built[:colour], rank + 1, *built[colour + 1 :])
        else:
            discarded = tuple(sorted((*discarded, kind)))
            lives -= verb == "play"
        if verb == "discard" or (fits and rank + 1 == self.settings.ranks):
            hints = min(hints + 1, self.settings.hints)
        outcome = "" if verb == "discard" else ", built" if fits else ", a life lost"
        hands = _put(hands, role, hand[:number] + hand[number + 1 :])
        known = _put(known, role, known[role][:number] + known[role][number + 1 :])
        past = _told(past, role, f"{action} ({self._cards[kind]}{outcome})")
        deck = any(left)
        last_turns -= not deck
        is_over = not lives or not last_turns or sum(built) == self._perfect
        to_act = OVER if is_over else CHANCE if deck else 1 - role
        return Table(to_act, left, hands, known, built, discarded, hints, lives, past, last_turns, role)

    def _hinted(self, state: Table, role: int, action: Action, verb: str, number: int) -> Table:
        _, left, hands, known, built, discarded, hints, lives, past, last_turns, drawer = state
        other = 1 - role
        told, seen = _hint(hands[other], known[other], verb, number, self.settings.ranks)
        known, past = _put(known, other, told), _told(past, role, f"{action}{seen}")
        last_turns -= not any(left)
        to_act = other if last_turns else OVER
        return Table(to_act, left, hands, known, built, discarded, hints - 1, lives, past, last_turns, drawer)


def _put(pair: tuple[Cards, Cards], role: int, mine: Cards) -> tuple[Cards, Cards]:
    return (pair[0], mine) if role else (mine, pair[1])


def _told(past: tuple[str, str], role: int, move: str) -> tuple[str, str]:
    """The moves with one more, as each player is told of them."""
    first, second = past
    between = "; " if first else ""
    if role == 0:
        return f"{first}{between}You: {move}", f"{second}{between}Partner: {move}"
    return f"{first}{between}Partner: {move}", f"{second}{between}You: {move}"


def _moves(num_colours: int, ranks: int, hand: int) -> dict[Action, tuple[str, int]]:
    """Every move of the game, and what it does with which card, colour or rank, counted from 0."""
    moves = {f"{verb} {k + 1}": (verb, k) for verb in ("discard", "play") for k in range(hand)}
    moves |= {f"hint colour {c}": ("colour", k) for k, c in enumerate(COLOURS[:num_colours])}
    return moves | {f"hint rank {r + 1}": ("rank", r) for r in range(ranks)}


def _notation(num_colours: int, ranks: int, hand: int) -> dict[str, Action]:
    spellings = {move: move for move in _moves(num_colours, ranks, hand)}
    for verb in ("discard", "play"):
        for k in range(1, hand + 1):
            spellings |= dict.fromkeys((f"{verb} card {k}", f"{verb} my card {k}", f"{verb}: {k}"), f"{verb} {k}")
    for c in COLOURS[:num_colours]:
        told = (f"hint {c}", f"hint color {c}", f"hint colour: {c}", f"hint color: {c}", f"hint: {c}")
        spellings |= dict.fromkeys(told, f"hint colour {c}")
    for r in range(1, ranks + 1):
        spellings |= dict.fromkeys((f"hint {r}", f"hint {r}s", f"hint rank: {r}", f"hint: {r}"), f"hint rank {r}")
    return spellings


@functools.lru_cache(_NUM_CACHED)
def _drawn(left: tuple[int, ...], names: tuple[str, ...]) -> tuple[tuple[Action, float], ...]:
    total = sum(left)
    return tuple((name, n / total) for name, n in zip(names, left, strict=True) if n)


@functools.lru_cache(_NUM_CACHED)
def _legal(num_cards: int, may_discard: bool, hinted: tuple[Kind, ...], ranks: int) -> tuple[Action, ...]:
    """The sorted moves; `hinted` is the partner's hand, or nothing where no hint is left."""
    moves = {f"play {k}" for k in range(1, num_cards + 1)}
    if may_discard:
        moves |= {f"discard {k}" for k in range(1, num_cards + 1)}
    for colour, rank in (divmod(kind, ranks) for kind in hinted):
        moves |= {f"hint colour {COLOURS[colour]}", f"hint rank {rank + 1}"}
    return tuple(sorted(moves))


@functools.lru_cache(_NUM_CACHED)
def _hint(
    hand: tuple[Kind, ...], known: tuple[Known, ...], verb: str, number: int, ranks: int
) -> tuple[tuple[Known, ...], str]:
    """What is known of the hand after the hint, and the numbers of the cards that match, as all see them."""
    told, matching, bit = list[Known](), list[str](), 1 << number
    for k, (kind, (colours, rank_bits)) in enumerate(zip(hand, known, strict=True), 1):
        colour, rank = divmod(kind, ranks)
        matches = number == (colour if verb == "colour" else rank)
        if verb == "colour":
            colours &= bit if matches else ~bit
        else:
            rank_bits &= bit if matches else ~bit
        told.append((colours, rank_bits))
        if matches:
            matching.append(str(k))
    return tuple(told), f" (card{'s' * (len(matching) > 1)} {', '.join(matching)})"


@functools.lru_cache(_NUM_CACHED)
def _piles(built: tuple[int, ...]) -> str:
    return ", ".join(f"{c} {n}" for c, n in zip(COLOURS, built, strict=False))


@functools.lru_cache(_NUM_CACHED)
def _heap(discarded: tuple[Kind, ...], cards: tuple[str, ...]) -> str:
    return ", ".join(cards[kind] for kind in discarded) or "none"


@functools.lru_cache(_NUM_CACHED)
def _hand(
    known: tuple[Known, ...], kinds: tuple[Kind, ...], cards: tuple[str, ...], num_colours: int, ranks: int
) -> str:
    """A hand, one card a line: the partner's with what it knows, one's own (no kinds given) as far as one knows."""
    told = [_thought(k, num_colours, ranks) for k in known]
    if kinds:
        told = [f"{cards[kind]}; knows: {text}" for kind, text in zip(kinds, told, strict=True)]
    return "\n".join(f"  {k}: {text}" for k, text in enumerate(told, 1))


def _thought(known: Known, num_colours: int, ranks: int) -> str:
    """What the owner knows of a card: `red or green, any rank`."""
    colours = [COLOURS[k] for k in range(num_colours) if known[0] >> k & 1]
    numbers = [str(r + 1) for r in range(ranks) if known[1] >> r & 1]
    of_colour = "any colour" if len(colours) == num_colours else " or ".join(colours)
    of_rank = "any rank" if len(numbers) == ranks else f"rank {' or '.join(numbers)}"
    return f"{of_colour}, {of_rank}"


def _sensible(view: View, settings: MiniHanabiSettings, copies: tuple[int, ...]) -> Action:
    """The solver's move: the first of its rules that applies."""
    gone = [n - view.discarded.count(kind) for kind, n in enumerate(copies)]
    for colour, height in enumerate(view.built):
        for rank in range(height):
            gone[colour * settings.ranks + rank] -= 1
    unseen = [n - view.partner.count(kind) for kind, n in enumerate(gone)]
    playable = {c * settings.ranks + height for c, height in enumerate(view.built) if height < settings.ranks}
    mine, others = view.known[view.role], view.known[1 - view.role]
    fits = [_share(known, unseen, playable, settings.ranks) for known in mine]
    best = max(range(len(mine)), key=lambda k: fits[k])
    is_last = not view.deck
    if fits[best] > 1 - 1e-9 or (view.lives > 1 and fits[best] >= (0.01 if is_last else BOLD)):
        return f"play {best + 1}"
    hint = _best_hint(view, others, gone, playable, settings) if view.hints else ""
    if hint:
        return hint
    if view.hints < settings.hints:
        needed = _needed(view.built, gone, settings.ranks)
        worth = [_share(known, unseen, needed, settings.ranks) for known in mine]
        return f"discard {min(range(len(mine)), key=lambda k: worth[k]) + 1}"
    return f"hint rank {view.partner[0] % settings.ranks + 1}"


def _share(known: Known, unseen: list[int], among: set[Kind], ranks: int) -> float:
    """How probably a card of which this is known is one of those kinds."""
    possible = [
        kind for kind, n in enumerate(unseen) if n and known[0] >> kind // ranks & 1 and known[1] >> kind % ranks & 1
    ]
    return sum(unseen[kind] for kind in possible if kind in among) / (sum(unseen[kind] for kind in possible) or 1)


def _needed(built: tuple[int, ...], gone: list[int], ranks: int) -> set[Kind]:
    """The kinds that can still be built, now or later."""
    needed = set[Kind]()
    for colour, height in enumerate(built):
        for kind in range(colour * ranks + height, (colour + 1) * ranks):
            if not gone[kind]:
                break  # the colour ends below it
            needed.add(kind)
    return needed


def _best_hint(
    view: View, known: tuple[Known, ...], unseen: list[int], playable: set[Kind], settings: MiniHanabiSettings
) -> Action:
    """The hint after which the partner is surest to play what fits; "" where none tells it more."""
    ranks, best, most = settings.ranks, "", 0.0
    before = _worth_knowing(view.partner, known, unseen, playable, ranks)
    if before >= 1 and view.hints < settings.hints:
        return ""  # it already knows what to play
    for kind in view.partner:
        colour, rank = divmod(kind, ranks)
        for verb, number, action in (
            ("rank", rank, f"hint rank {rank + 1}"),
            ("colour", colour, f"hint colour {COLOURS[colour]}"),
        ):
            told, _ = _hint(view.partner, known, verb, number, ranks)
            gain = _worth_knowing(view.partner, told, unseen, playable, ranks) - before
            if gain > most + 1e-9:
                best, most = action, gain
    return best


def _worth_knowing(
    hand: tuple[Kind, ...], known: tuple[Known, ...], unseen: list[int], playable: set[Kind], ranks: int
) -> float:
    """How sure the owner of the hand is of the cards that fit, less how sure it wrongly is of others."""
    shares = [_share(k, unseen, playable, ranks) for k in known]
    return sum(s if kind in playable else -2 * s * s for kind, s in zip(hand, shares, strict=True))


GAME = MiniHanabi()
