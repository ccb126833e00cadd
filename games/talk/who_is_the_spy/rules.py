"""The rules of who is the spy: its settings, the deal, the effect of each clue and vote, and the returns."""

import functools
import random
from dataclasses import dataclass
from typing import ClassVar

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import CHAT_CHARS
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.talk.who_is_the_spy.clues import filter_allowed, read_clue, reduce_text
from mirrormatch.games.talk.who_is_the_spy.solver import choose_moves
from mirrormatch.games.talk.who_is_the_spy.state import TIE, Ending, Round, Table, View, civilian_word, word_of
from mirrormatch.games.talk.who_is_the_spy.wording import render_view
from mirrormatch.games.talk.who_is_the_spy.words import ANYTHING, index_pairs, list_clues
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem

FORFEIT = -1.0  # the spy's loss


@dataclass(frozen=True)
class SpySettings(GameSettings):
    """The number of players, and the number of rounds that the spy must survive."""

    players: int = setting(4, "how many players, one of them the spy", range(3, 7))
    rounds: int = setting(3, "after how many rounds the spy has won", range(1, 5))


_DEFAULT = SpySettings()


class WhoIsTheSpy(Game[Table, View]):
    """A party game of clues: one player has another word than the rest and doesn't know it.

    A pair of similar words is drawn from a list of 159. All players but one, the civilians, get one of them, the spy
    gets the other; no player knows which it is. In each round every player who is still in gives a clue in turn, from
    player 1 on: a few words that all hear, at most 120 characters, without its own word (in any case, with any accents,
    hyphens or spaces) and none that was given before. Then all vote, none seeing the votes of the others, for another
    player who is in; who gets the most votes is out, on a tie no player is. All votes are shown after the round.

    The civilians win as soon as the spy is out. The spy wins when two players are left, or after the last round.
    What the winners get adds up to 1, and what the losers pay too: the spy gets +-1, each civilian its share of the
    contrary. A player who fails to move pays 1, in either part, and the others share it.

    The rule-based player says what it knows of its word from the same list, counts which clues fit its word better
    than the similar one, and votes accordingly; once it takes itself for the spy it talks about the other word.
    """

    examples: ClassVar[tuple[str, ...]] = ("players=3", "players=6,rounds=4", "players=5,rounds=1")

    def __init__(self, settings: SpySettings = _DEFAULT) -> None:
        self.settings: SpySettings = settings
        players = settings.players
        self.info = Info(
            name=settings.full_name("who_is_the_spy"), version=3,
            roles=tuple(f"player {k + 1}" for k in range(players)), min_return=-1.0, max_return=1.0, zero_sum=True,
            max_turns=2 * players * settings.rounds, hidden=True, random=True, open_text=True,
            solver="rules", forfeit=FORFEIT, win_at=1 / (players - 1),
            source="the party game Undercover (Who is the spy); words and clues are the project's own",
        )  # fmt: skip

    def start(self) -> Table:
        return Table(words=(), spy_word="", spy=-1, to_move=CHANCE, rounds=(), heard=(), players=(), clues=(), votes=())

    def to_act(self, state: Table) -> int:
        return state.to_move

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        if not state.words:
            return _list_pair_outcomes()
        if not state.spy_word:
            return tuple((word, 1 / 2) for word in state.words)
        return _list_seat_outcomes(self.settings.players)

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        role = state.to_move
        if role < 0:
            return ()
        return None if len(state.clues) < len(state.players) else _list_ballot(state.players, role)

    def apply(self, state: Table, action: Action) -> Table:
        role = state.to_move
        if role == CHANCE:
            return _deal(state, action, self.settings.players)
        if role == OVER:
            raise ValueError("the game is over")
        if len(state.clues) < len(state.players):
            return _add_clue(state, action)
        if action not in _list_ballot(state.players, role):
            raise ValueError(f"{action!r} is not another player who is in")
        votes = (*state.votes, int(action) - 1)
        if len(votes) < len(state.players):
            return state._replace(to_move=state.players[len(votes)], votes=votes)
        return _end_round(state, votes, self.settings.rounds)

    def returns(self, state: Table) -> tuple[float, ...]:
        share = 1 / (self.settings.players - 1)
        if state.spy in state.players:
            return tuple(1.0 if p == state.spy else -share for p in range(self.settings.players))
        return tuple(-1.0 if p == state.spy else share for p in range(self.settings.players))

    def view(self, state: Table, role: int) -> View:
        if state.spy < 0:
            return View(role, word="", rounds=(), heard=(), players=(), clues=(), vote=None, ending=None)
        ending = Ending(state.spy, state.spy_word, civilian_word(state)) if state.to_move == OVER else None
        vote = None
        if state.votes and role in state.players:
            turn = state.players.index(role)
            vote = state.votes[turn] if turn < len(state.votes) else None
        return View(
            role=role,
            word=word_of(state, role),
            rounds=state.rounds,
            heard=state.heard,
            players=state.players,
            clues=state.clues,
            vote=vote,
            ending=ending,
        )

    def part(self, state: Table, role: int) -> str:
        """`spy` or `civilian`; the seat's name before the deal."""
        if state.spy < 0:
            return self.info.roles[role]
        return "spy" if role == state.spy else "civilian"

    def rules(self) -> str:
        players, rounds = self.settings.players, self.settings.rounds
        last = f"after {rounds} rounds" if rounds > 1 else "after 1 round"
        return (
            f"Who is the spy. {players} players get a secret word each. All get the same one except the spy, whose "
            "word is similar. No player knows who the spy is: it may be you. Each round, every remaining player in "
            f"turn gives a short clue to the word (at most {CHAT_CHARS} characters, without the word itself; no clue "
            "given before). Then all vote secretly for another player, by number: '2'. The player with the most votes "
            "is out; on a tie no player is. The others win as soon as the spy is out. The spy wins when 2 players are "
            f"left or {last}. The spy wins or loses 1, each other player 1/{players - 1}."
        )

    def render(self, view: View) -> str:
        return render_view(view, self.settings.players, self.settings.rounds)

    def parse(self, state: Table, text: str) -> Action | Problem:
        if len(state.clues) == len(state.players):
            return super().parse(state, text)
        return read_clue(text, word_of(state, state.to_move), state.heard)

    def notation(self, state: Table) -> dict[str, Action]:
        voting = state.spy >= 0 and len(state.clues) == len(state.players)
        return _list_spellings(self.settings.players) if voting else {}

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """A random bundled clue to its word, and a random vote."""
        if legal is not None:
            return rng.choice(legal)
        return rng.choice(filter_allowed(list_clues(view.word), view) or filter_allowed(ANYTHING, view))

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based: counts which clues fit which word, blends in, and votes for the player who differs most."""
        return choose_moves(view)


@functools.cache
def _list_pair_outcomes() -> tuple[tuple[Action, float], ...]:
    return tuple((name, 1 / len(index_pairs())) for name in index_pairs())


@functools.cache
def _list_seat_outcomes(num_players: int) -> tuple[tuple[Action, float], ...]:
    return tuple((f"player {k + 1}", 1 / num_players) for k in range(num_players))


def _deal(state: Table, action: Action, num_players: int) -> Table:
    if not state.words:
        if action not in index_pairs():
            raise ValueError(f"{action!r} is not one of the {len(index_pairs())} pairs")
        return state._replace(words=index_pairs()[action].words)
    if not state.spy_word:
        if action not in state.words:
            raise ValueError(f"{action!r} is not one of {state.words}")
        return state._replace(spy_word=action)
    seats = [seat for seat, _ in _list_seat_outcomes(num_players)]
    if action not in seats:
        raise ValueError(f"{action!r} is not one of {seats}")
    return state._replace(spy=seats.index(action), to_move=0, players=tuple(range(num_players)))


def _add_clue(state: Table, action: Action) -> Table:
    clue = read_clue(action, word_of(state, state.to_move), state.heard)
    if isinstance(clue, Problem):
        raise ValueError(f"{action!r}: {clue.detail}")
    clues = (*state.clues, clue)
    to_move = state.players[len(clues) % len(state.players)]
    return state._replace(to_move=to_move, heard=(*state.heard, reduce_text(clue)), clues=clues)


@functools.cache
def _list_ballot(players: tuple[int, ...], role: int) -> tuple[Action, ...]:
    return tuple(str(p + 1) for p in players if p != role)


@functools.cache
def _list_spellings(num_players: int) -> dict[str, Action]:
    forms = ("{}", "player {}", "vote {}", "vote: {}", "vote player {}", "vote for {}", "vote for player {}")
    return {form.format(k): str(k) for form in forms for k in range(1, num_players + 1)}


def _end_round(state: Table, votes: tuple[int, ...], num_rounds: int) -> Table:
    """The state after a round's last vote."""
    out = _find_voted_out(votes)
    rounds = (*state.rounds, Round(state.players, state.clues, votes, out))
    left = tuple(p for p in state.players if p != out)
    over = out == state.spy or len(left) == 2 or len(rounds) == num_rounds
    return state._replace(to_move=OVER if over else left[0], rounds=rounds, players=left, clues=(), votes=())


def _find_voted_out(votes: tuple[int, ...]) -> int:
    most = max(map(votes.count, votes))
    ahead = {p for p in votes if votes.count(p) == most}
    return ahead.pop() if len(ahead) == 1 else TIE
