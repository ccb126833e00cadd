"""Hanabi for two with a small deck."""

import functools
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info

COLOURS = ("red", "yellow", "green", "white", "blue")
LAST_TURNS = 2  # turns after the deck is empty: one for each player
BOLD = 0.65  # minimum probability that a card fits for the solver to risk a life that isn't the last
_NUM_CACHED = 65_536  # size of the cache of each pure function; enough for every hand of the small decks
_SEATS = ("first", "second")

Kind: TypeAlias = int  # a card's colour times the number of ranks, plus its rank, both counted from 0
Cards = TypeVar("Cards")
Known: TypeAlias = tuple[int, int]  # the possible colours and the possible ranks of a card, as bits


@dataclass(frozen=True)
class MiniHanabiSettings(GameSettings):
    """The deck, the hands, and the numbers of hints and lives."""

    colours: int = setting(2, "how many colours", range(2, 6))
    ranks: int = setting(3, "the highest rank", range(3, 6))
    hand: int = setting(2, "cards in a hand", range(2, 6))
    hints: int = setting(3, "hint tokens, at the start and at most", range(1, 9))
    lives: int = setting(2, "the misplayed card that loses the game", range(1, 4))


_DEFAULT = MiniHanabiSettings()


class Table(NamedTuple):
    """The state: the player to act, the deck, both hands, the players' knowledge of them, and the public rest."""

    to_act: int
    left: tuple[int, ...]  # number of cards of each kind in the deck
    hands: tuple[tuple[Kind, ...], tuple[Kind, ...]]  # oldest card first
    known: tuple[tuple[Known, ...], tuple[Known, ...]]
    built: tuple[int, ...]  # number of cards of each colour
    discarded: tuple[Kind, ...]  # sorted
    hints: int
    lives: int
    past: tuple[str, str]  # the moves, rendered for each player
    last_turns: int
    drawer: int  # the role that draws the next card


class View(NamedTuple):
    """A role's knowledge: everything but its own hand and the order of the deck."""

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
        return Table(
            to_act=CHANCE,
            left=self._copies,
            hands=((), ()),
            known=((), ()),
            built=(0,) * s.colours,
            discarded=(),
            hints=s.hints,
            lives=s.lives,
            past=("", ""),
            last_turns=LAST_TURNS,
            drawer=0,
        )

    def to_act(self, state: Table) -> int:
        return state.to_act

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        return _card_chances(state.left, self._names)

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
            return self._lay_down(state, role, action, verb, number)
        return self._give_hint(state, role, action, verb, number)

    def returns(self, state: Table) -> tuple[float, ...]:
        score = float(sum(state.built)) if state.lives else 0.0
        return (score, score)

    def view(self, state: Table, role: int) -> View:
        return View(
            role=role,
            partner=state.hands[1 - role],
            known=state.known,
            built=state.built,
            discarded=state.discarded,
            deck=sum(state.left),
            hints=state.hints,
            lives=state.lives,
            past=state.past[role],
            last_turns=state.last_turns,
        )

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
        s, mine, others = self.settings, view.known[view.role], view.known[1 - view.role]
        score = sum(view.built) if view.lives else 0
        cards = str(view.deck) if view.deck else f"0, turns left: {view.last_turns}"
        return (
            f"You are the {_SEATS[view.role]} player. "
            f"Built: {_render_piles(view.built)}. Score {score} of {self._perfect}.\n"
            f"Hints: {view.hints} of {s.hints}. Lives: {view.lives}. Cards in the deck: {cards}.\n"
            f"Discarded: {_render_heap(view.discarded, self._cards)}.\nMoves: {view.past or 'none'}.\n"
            f"Partner's cards:\n{_render_hand(others, view.partner, self._cards, s.colours, s.ranks)}\n"
            f"Your cards, as far as you know:\n{_render_hand(mine, (), (), s.colours, s.ranks)}"
        )

    def notation(self, state: Table) -> dict[str, Action]:
        return self._notation

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Plays a card that surely or probably fits, else hints at one, else discards a useless or the oldest card."""
        return ((_choose_move(view, self.settings, self._copies), 1.0),)

    def _draw(self, state: Table, action: Action) -> Table:
        """Adds the card that chance deals to the hand of `state.drawer`."""
        kind, drawer = self._dealt.get(action, -1), state.drawer
        if kind < 0 or not state.left[kind]:
            raise ValueError(f"{action!r} is not a card left in the deck")
        hands = _put(state.hands, drawer, (*state.hands[drawer], kind))
        is_dealing = len(hands[1]) < self.settings.hand and not state.past[0]
        return state._replace(
            to_act=CHANCE if is_dealing else 1 - drawer,
            left=(*state.left[:kind], state.left[kind] - 1, *state.left[kind + 1 :]),
            hands=hands,
            known=_put(state.known, drawer, (*state.known[drawer], self._nothing_known)),
            drawer=int(len(hands[0]) == self.settings.hand) if is_dealing else drawer,
        )

    def _lay_down(self, state: Table, role: int, action: Action, verb: str, number: int) -> Table:
        """Plays or discards a card of the role's hand."""
        built, discarded, hints, lives = state.built, state.discarded, state.hints, state.lives
        hand, known, kind = state.hands[role], state.known[role], state.hands[role][number]
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
        has_deck = any(state.left)
        last_turns = state.last_turns - (not has_deck)
        is_over = not lives or not last_turns or sum(built) == self._perfect
        return state._replace(
            to_act=OVER if is_over else CHANCE if has_deck else 1 - role,
            hands=_put(state.hands, role, hand[:number] + hand[number + 1 :]),
            known=_put(state.known, role, known[:number] + known[number + 1 :]),
            built=built,
            discarded=discarded,
            hints=hints,
            lives=lives,
            past=_add_move(state.past, role, f"{action} ({self._cards[kind]}{outcome})"),
            last_turns=last_turns,
            drawer=role,
        )

    def _give_hint(self, state: Table, role: int, action: Action, verb: str, number: int) -> Table:
        """Narrows the partner's knowledge of its hand, at the cost of a hint token."""
        other = 1 - role
        known, matches = _hint(state.hands[other], state.known[other], verb, number, self.settings.ranks)
        last_turns = state.last_turns - (not any(state.left))
        return state._replace(
            to_act=other if last_turns else OVER,
            known=_put(state.known, other, known),
            hints=state.hints - 1,
            past=_add_move(state.past, role, f"{action}{matches}"),
            last_turns=last_turns,
        )


def _put(pair: tuple[Cards, Cards], role: int, mine: Cards) -> tuple[Cards, Cards]:
    """Replaces the role's element of a pair."""
    return (pair[0], mine) if role else (mine, pair[1])


def _add_move(past: tuple[str, str], role: int, move: str) -> tuple[str, str]:
    """Appends a move to the moves as rendered for each player."""
    first, second = past
    between = "; " if first else ""
    if role == 0:
        return f"{first}{between}You: {move}", f"{second}{between}Partner: {move}"
    return f"{first}{between}Partner: {move}", f"{second}{between}You: {move}"


def _moves(num_colours: int, ranks: int, hand: int) -> dict[Action, tuple[str, int]]:
    """Every move of the game -> its verb and its card, colour or rank, counted from 0."""
    moves = {f"{verb} {k + 1}": (verb, k) for verb in ("discard", "play") for k in range(hand)}
    moves |= {f"hint colour {c}": ("colour", k) for k, c in enumerate(COLOURS[:num_colours])}
    return moves | {f"hint rank {r + 1}": ("rank", r) for r in range(ranks)}


def _notation(num_colours: int, ranks: int, hand: int) -> dict[str, Action]:
    spellings = {move: move for move in _moves(num_colours, ranks, hand)}
    for verb in ("discard", "play"):
        for k in range(1, hand + 1):
            spellings |= dict.fromkeys((f"{verb} card {k}", f"{verb} my card {k}", f"{verb}: {k}"), f"{verb} {k}")
    for c in COLOURS[:num_colours]:
        of_colour = (f"hint {c}", f"hint color {c}", f"hint colour: {c}", f"hint color: {c}", f"hint: {c}")
        spellings |= dict.fromkeys(of_colour, f"hint colour {c}")
    for r in range(1, ranks + 1):
        spellings |= dict.fromkeys((f"hint {r}", f"hint {r}s", f"hint rank: {r}", f"hint: {r}"), f"hint rank {r}")
    return spellings


@functools.lru_cache(_NUM_CACHED)
def _card_chances(left: tuple[int, ...], names: tuple[str, ...]) -> tuple[tuple[Action, float], ...]:
    total = sum(left)
    return tuple((name, n / total) for name, n in zip(names, left, strict=True) if n)


@functools.lru_cache(_NUM_CACHED)
def _legal(num_cards: int, may_discard: bool, hinted: tuple[Kind, ...], ranks: int) -> tuple[Action, ...]:
    """The sorted legal moves; `hinted` is the partner's hand, or empty if no hint is left."""
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
    """Returns the knowledge of the hand after the hint, and the rendered numbers of the matching cards."""
    narrowed, matching, bit = list[Known](), list[str](), 1 << number
    for k, (kind, (colours, rank_bits)) in enumerate(zip(hand, known, strict=True), 1):
        colour, rank = divmod(kind, ranks)
        matches = number == (colour if verb == "colour" else rank)
        if verb == "colour":
            colours &= bit if matches else ~bit
        else:
            rank_bits &= bit if matches else ~bit
        narrowed.append((colours, rank_bits))
        if matches:
            matching.append(str(k))
    return tuple(narrowed), f" (card{'s' * (len(matching) > 1)} {', '.join(matching)})"


@functools.lru_cache(_NUM_CACHED)
def _render_piles(built: tuple[int, ...]) -> str:
    return ", ".join(f"{c} {n}" for c, n in zip(COLOURS, built, strict=False))


@functools.lru_cache(_NUM_CACHED)
def _render_heap(discarded: tuple[Kind, ...], cards: tuple[str, ...]) -> str:
    return ", ".join(cards[kind] for kind in discarded) or "none"


@functools.lru_cache(_NUM_CACHED)
def _render_hand(
    known: tuple[Known, ...], kinds: tuple[Kind, ...], cards: tuple[str, ...], num_colours: int, ranks: int
) -> str:
    """Renders a hand, one card a line: the partner's cards and knowledge, or the own knowledge if `kinds` is empty."""
    lines = [_render_knowledge(k, num_colours, ranks) for k in known]
    if kinds:
        lines = [f"{cards[kind]}; knows: {line}" for kind, line in zip(kinds, lines, strict=True)]
    return "\n".join(f"  {k}: {line}" for k, line in enumerate(lines, 1))


def _render_knowledge(known: Known, num_colours: int, ranks: int) -> str:
    """Renders the owner's knowledge of a card: `red or green, any rank`."""
    colours = [COLOURS[k] for k in range(num_colours) if known[0] >> k & 1]
    numbers = [str(r + 1) for r in range(ranks) if known[1] >> r & 1]
    of_colour = "any colour" if len(colours) == num_colours else " or ".join(colours)
    of_rank = "any rank" if len(numbers) == ranks else f"rank {' or '.join(numbers)}"
    return f"{of_colour}, {of_rank}"


def _choose_move(view: View, settings: MiniHanabiSettings, copies: tuple[int, ...]) -> Action:
    """Applies the solver's first matching rule."""
    gone = [n - view.discarded.count(kind) for kind, n in enumerate(copies)]
    for colour, height in enumerate(view.built):
        for rank in range(height):
            gone[colour * settings.ranks + rank] -= 1
    unseen = [n - view.partner.count(kind) for kind, n in enumerate(gone)]
    playable = {c * settings.ranks + height for c, height in enumerate(view.built) if height < settings.ranks}
    mine, others = view.known[view.role], view.known[1 - view.role]
    fits = [_probability(known, unseen, playable, settings.ranks) for known in mine]
    best = max(range(len(mine)), key=lambda k: fits[k])
    is_last = not view.deck
    if fits[best] > 1 - 1e-9 or (view.lives > 1 and fits[best] >= (0.01 if is_last else BOLD)):
        return f"play {best + 1}"
    hint = _best_hint(view, others, gone, playable, settings) if view.hints else ""
    if hint:
        return hint
    if view.hints < settings.hints:
        needed = _needed_kinds(view.built, gone, settings.ranks)
        worth = [_probability(known, unseen, needed, settings.ranks) for known in mine]
        return f"discard {min(range(len(mine)), key=lambda k: worth[k]) + 1}"
    return f"hint rank {view.partner[0] % settings.ranks + 1}"


def _probability(known: Known, unseen: list[int], among: set[Kind], ranks: int) -> float:
    """The probability that a card with this knowledge is of one of the kinds."""
    possible = [
        kind for kind, n in enumerate(unseen) if n and known[0] >> kind // ranks & 1 and known[1] >> kind % ranks & 1
    ]
    return sum(unseen[kind] for kind in possible if kind in among) / (sum(unseen[kind] for kind in possible) or 1)


def _needed_kinds(built: tuple[int, ...], gone: list[int], ranks: int) -> set[Kind]:
    """The kinds that can still be built, now or later."""
    needed = set[Kind]()
    for colour, height in enumerate(built):
        for kind in range(colour * ranks + height, (colour + 1) * ranks):
            if not gone[kind]:
                break  # no copy is left: the colour ends below it
            needed.add(kind)
    return needed


def _best_hint(
    view: View, known: tuple[Known, ...], unseen: list[int], playable: set[Kind], settings: MiniHanabiSettings
) -> Action:
    """The hint that most improves the partner's knowledge of the cards that fit; "" if none improves it."""
    ranks, best, most = settings.ranks, "", 0.0
    before = _rate_knowledge(view.partner, known, unseen, playable, ranks)
    if before >= 1 and view.hints < settings.hints:
        return ""  # the partner already knows a card to play
    for kind in view.partner:
        colour, rank = divmod(kind, ranks)
        for verb, number, action in (
            ("rank", rank, f"hint rank {rank + 1}"),
            ("colour", colour, f"hint colour {COLOURS[colour]}"),
        ):
            narrowed, _ = _hint(view.partner, known, verb, number, ranks)
            gain = _rate_knowledge(view.partner, narrowed, unseen, playable, ranks) - before
            if gain > most + 1e-9:
                best, most = action, gain
    return best


def _rate_knowledge(
    hand: tuple[Kind, ...], known: tuple[Known, ...], unseen: list[int], playable: set[Kind], ranks: int
) -> float:
    """Rates the knowledge of a hand: the owner's confidence in cards that fit, less a penalty for wrong confidence."""
    shares = [_probability(k, unseen, playable, ranks) for k in known]
    return sum(s if kind in playable else -2 * s * s for kind, s in zip(hand, shares, strict=True))


GAME = MiniHanabi()
