"""The rules of mini Hanabi: its settings, the effect of each move, and each player's knowledge."""

import functools
from dataclasses import dataclass
from typing import TypeVar

from mirrormatch.games.cards.mini_hanabi.knowledge import narrow_knowledge
from mirrormatch.games.cards.mini_hanabi.moves import list_legal, list_moves, list_spellings
from mirrormatch.games.cards.mini_hanabi.solver import choose_move
from mirrormatch.games.cards.mini_hanabi.state import COLOURS, Table, View
from mirrormatch.games.cards.mini_hanabi.wording import add_move, render_hand, render_heap, render_piles
from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info

LAST_TURNS = 2  # turns after the deck is empty: one for each player
_NUM_CACHED = 65_536  # size of the cache of each pure function; enough for every hand of the small decks
_SEATS = ("first", "second")

_Cards = TypeVar("_Cards")


@dataclass(frozen=True)
class MiniHanabiSettings(GameSettings):
    """The deck, the hands, and the numbers of hints and lives."""

    colours: int = setting(2, "how many colours", range(2, 6))
    ranks: int = setting(3, "the highest rank", range(3, 6))
    hand: int = setting(2, "cards in a hand", range(2, 6))
    hints: int = setting(3, "hint tokens, at the start and at most", range(1, 9))
    lives: int = setting(2, "the misplayed card that loses the game", range(1, 4))


_DEFAULT = MiniHanabiSettings()


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
        self._moves = list_moves(num_colours, ranks, hand)
        self._notation = list_spellings(num_colours, ranks, hand)
        drawn = sum(self._copies) - 2 * hand
        self.info = Info(
            name=settings.full_name("mini_hanabi"), version=2, roles=_SEATS, min_return=0.0,
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
        return list_legal(len(state.hands[role]), state.hints < self.settings.hints, others, self.settings.ranks)

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
        score = _score(state)
        return (score, score)

    def reward(self, state: Table, action: Action, after: Table) -> tuple[float, ...]:
        """A point for each card that fits; the loss of the last life takes all points back."""
        gained = _score(after) - _score(state)
        return (gained, gained)

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
            "else the card and a life are lost; 'discard 1' regains a hint; 'hint colour red' or 'hint rank 2' costs a "
            f"hint and shows your partner all its cards that match, at least one. {hints} no "
            "discard. A completed colour regains a hint. A drawn card becomes your last one. When the "
            f"deck is empty each player has one more turn. Score: cards built, {self._perfect} at best; 0 when no life "
            f"of {s.lives} is left. Only {self._perfect} counts as won."
        )

    def render(self, view: View) -> str:
        s, mine, others = self.settings, view.known[view.role], view.known[1 - view.role]
        score = sum(view.built) if view.lives else 0
        cards = str(view.deck) if view.deck else f"0, turns left: {view.last_turns}"
        return (
            f"You are the {_SEATS[view.role]} player. "
            f"Built: {render_piles(view.built)}. Score {score} of {self._perfect}.\n"
            f"Hints: {view.hints} of {s.hints}. Lives: {view.lives}. Cards in the deck: {cards}.\n"
            f"Discarded: {render_heap(view.discarded, self._cards)}.\nMoves: {view.past or 'none'}.\n"
            f"Partner's cards:\n{render_hand(others, view.partner, self._cards, s.colours, s.ranks)}\n"
            f"Your cards, as far as you know:\n{render_hand(mine, (), (), s.colours, s.ranks)}"
        )

    def notation(self, state: Table) -> dict[str, Action]:
        return self._notation

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Plays a card that surely or probably fits, else hints at one, else discards a useless or the oldest card."""
        return ((choose_move(view, self._copies, self.settings.ranks, self.settings.hints), 1.0),)

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
            past=add_move(state.past, role, f"{action} ({self._cards[kind]}{outcome})"),
            last_turns=last_turns,
            drawer=role,
        )

    def _give_hint(self, state: Table, role: int, action: Action, verb: str, number: int) -> Table:
        """Narrows the partner's knowledge of its hand, at the cost of a hint token."""
        other = 1 - role
        known, matches = narrow_knowledge(state.hands[other], state.known[other], verb, number, self.settings.ranks)
        last_turns = state.last_turns - (not any(state.left))
        return state._replace(
            to_act=other if last_turns else OVER,
            known=_put(state.known, other, known),
            hints=state.hints - 1,
            past=add_move(state.past, role, f"{action}{matches}"),
            last_turns=last_turns,
        )


def _score(state: Table) -> float:
    """The points so far, all of which are lost with the last life."""
    return float(sum(state.built)) if state.lives else 0.0


def _put(pair: tuple[_Cards, _Cards], role: int, mine: _Cards) -> tuple[_Cards, _Cards]:
    """Replaces the role's element of a pair."""
    return (pair[0], mine) if role else (mine, pair[1])


@functools.lru_cache(_NUM_CACHED)
def _card_chances(left: tuple[int, ...], names: tuple[str, ...]) -> tuple[tuple[Action, float], ...]:
    total = sum(left)
    return tuple((name, n / total) for name, n in zip(names, left, strict=True) if n)
