"""Who is the spy (Undercover)."""

import functools
import json
import random
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import CHAT_CHARS, clean_message, quote_message
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.talk._binding import AROUND, unwrap_statement
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind

TIE = -1  # in place of a player: no one was voted out
FORFEIT = -1.0  # the spy's loss

_DATA = Path(__file__).parent / "data" / "who_is_the_spy.json"
_NUM_CACHED = 8_192  # results of each function that rendering and reading call again and again
_LABEL = re.compile(rf"(?:(?:my )?clue *:[{re.escape(AROUND)}]*)+", re.IGNORECASE)
_LONG_WORD = 3  # only longer words of a clue count
# Clues that fit any word, for use when the bundled ones are used up: more than the longest game has.
_ANYTHING = (
    "I like it", "you know it", "nice to have", "not too common", "seen in photos", "it has a name", "quite ordinary",
    "it can be big", "it can be small", "known for ages", "you have seen it", "I think of it often", "hard to describe",
    "common enough", "useful to many", "many people like it", "some people avoid it", "found in a city",
    "not found everywhere", "you could touch it", "it comes in many kinds", "I met it last week", "it may be costly",
    "it may be cheap", "it may be old", "it may be new", "talked about a lot", "it is not a secret", "there is a shape",
    "my family knows it", "easy to guess", "everybody has a view on it",
)  # fmt: skip


@dataclass(frozen=True)
class SpySettings(GameSettings):
    """The number of players, and the number of rounds that the spy must survive."""

    players: int = setting(4, "how many players, one of them the spy", range(3, 7))
    rounds: int = setting(3, "after how many rounds the spy has won", range(1, 5))


_DEFAULT = SpySettings()


class Pair(NamedTuple):
    """Two similar words with clues that fit both and clues that fit only one of them."""

    words: tuple[str, str]
    shared: tuple[str, ...]
    own: tuple[tuple[str, ...], tuple[str, ...]]


class Round(NamedTuple):
    """A finished round: its players, their clues and votes in that order, and the one voted out, or `TIE`."""

    players: tuple[int, ...]
    clues: tuple[str, ...]
    votes: tuple[int, ...]
    out: int


class Table(NamedTuple):
    """The state.

    Attributes:
        words: the two words of the pair.
        spy_word: the spy's word.
        spy: the spy's seat, -1 until dealt.
        to_move: the player to move, chance, or `OVER`.
        rounds: the finished rounds.
        heard: the letters of every clue so far.
        players: the players who are still in.
        clues: the clues of the round in play.
        votes: the votes of the round in play.
    """

    words: tuple[str, ...]
    spy_word: str
    spy: int
    to_move: int
    rounds: tuple[Round, ...]
    heard: tuple[str, ...]
    players: tuple[int, ...]
    clues: tuple[str, ...]
    votes: tuple[int, ...]


class Ending(NamedTuple):
    """The part of the state that becomes public at the end."""

    spy: int
    spy_word: str
    word: str


class View(NamedTuple):
    """The part of the state that a player knows: its word, all clues, the votes of finished rounds, its own vote."""

    role: int
    word: str
    rounds: tuple[Round, ...]
    heard: tuple[str, ...]
    players: tuple[int, ...]
    clues: tuple[str, ...]
    vote: int | None
    ending: Ending | None


class WhoIsTheSpy(Game[Table, View]):
    """A party game of clues: one player has another word than the rest and doesn't know it.

    A pair of similar words is drawn from a list of 159. All players but one, the civilians, get one of them, the spy
    gets the other; nobody is told which he is. In each round every player who is still in gives a clue in turn, from
    player 1 on: a few words that all hear, at most 120 characters, without his own word (whatever its case, accents,
    hyphens or spaces) and none that was given before. Then all vote, none seeing the votes of the others, for another
    player who is in; who gets the most votes is out, on a tie nobody is. All votes are told after the round.

    The civilians win as soon as the spy is out. The spy wins when two players are left, or after the last round.
    What the winners get adds up to 1, and what the losers pay too: the spy gets +-1, each civilian its share of the
    contrary. A player who fails to move pays 1, whoever he is, and the others share it.

    The rule-based player says what it knows of its word from the same list, counts which clues fit its word better
    than the similar one, and votes accordingly; once it takes itself for the spy it talks about the other word.
    """

    examples: ClassVar[tuple[str, ...]] = ("players=3", "players=6,rounds=4", "players=5,rounds=1")

    def __init__(self, settings: SpySettings = _DEFAULT) -> None:
        self.settings: SpySettings = settings
        players = settings.players
        self.info = Info(
            name=settings.full_name("who_is_the_spy"), version=1,
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
        ending = Ending(state.spy, state.spy_word, _civilian_word(state)) if state.to_move == OVER else None
        vote = None
        if state.votes and role in state.players:
            turn = state.players.index(role)
            vote = state.votes[turn] if turn < len(state.votes) else None
        return View(
            role=role,
            word=_word_of(state, role),
            rounds=state.rounds,
            heard=state.heard,
            players=state.players,
            clues=state.clues,
            vote=vote,
            ending=ending,
        )

    def rules(self) -> str:
        players, rounds = self.settings.players, self.settings.rounds
        last = f"after {rounds} rounds" if rounds > 1 else "after 1 round"
        return (
            f"Who is the spy. {players} players get a secret word each. All get the same one but the spy, whose word "
            "is similar. Nobody is told who the spy is: it may be you. Each round, every player left gives in turn a "
            f"short clue to the own word (at most {CHAT_CHARS} characters, without the word itself; no clue given "
            "before). Then all vote secretly for another player, by number: '2'. Who gets the most votes is out; on a "
            "tie nobody is. The others win as soon as the spy is out. The spy wins when 2 players are left or "
            f"{last}. The spy wins or loses 1, each other player 1/{players - 1}."
        )

    def render(self, view: View) -> str:
        role, players = view.role, view.players
        if not view.word:
            return "The words are not dealt yet."
        text = f"You are player {role + 1} of {self.settings.players}. Your word: {view.word}.\n"
        for number, done in enumerate(view.rounds, 1):
            text += _describe_round(number, done, role)
        if view.ending is not None:
            return text + _describe_ending(view.ending, role, view.ending.spy in players)
        text += f"Round {len(view.rounds) + 1} of {self.settings.rounds}. Still in: {_list_players(players, role)}.\n"
        for k, clue in enumerate(view.clues):
            text += f"{_name_player(players[k], role)}: {_quote(clue)}\n"
        return text + _request_move(view)

    def parse(self, state: Table, text: str) -> Action | Problem:
        if len(state.clues) == len(state.players):
            return super().parse(state, text)
        return _read_clue(text, _word_of(state, state.to_move), state.heard)

    def notation(self, state: Table) -> dict[str, Action]:
        voting = state.spy >= 0 and len(state.clues) == len(state.players)
        return _list_spellings(self.settings.players) if voting else {}

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """A random bundled clue to its word, and a random vote."""
        if legal is not None:
            return rng.choice(legal)
        return rng.choice(_filter_allowed(_list_clues(view.word), view) or _filter_allowed(_ANYTHING, view))

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based: counts which clues fit which word, blends in, and votes for the player who differs most."""
        fits = {p: 0.0 for p in view.players if p != view.role}
        everybody = 0.0
        for p, clue in _list_spoken(view):
            if p != view.role:
                fit = _compare_words(clue, view.word)
                everybody += fit
                if p in fits:
                    fits[p] += fit
        is_spy = -everybody > max(-fit for fit in fits.values())
        if len(view.clues) < len(view.players):
            return ((_choose_clue(view, is_spy, everybody), 1.0),)
        # A spy votes for the player whom the others, with the other word, will suspect.
        aim = max(fits.values()) if is_spy else min(fits.values())
        aims = [p for p, fit in fits.items() if fit == aim]
        return tuple((str(p + 1), 1 / len(aims)) for p in aims)


# the words


@functools.cache
def _load_pairs() -> tuple[Pair, ...]:
    rows = json.loads(_DATA.read_text(encoding="utf-8"))
    return tuple(
        Pair((r["words"][0], r["words"][1]), tuple(r["shared"]), (tuple(r["own"][0]), tuple(r["own"][1]))) for r in rows
    )


@functools.cache
def _index_words() -> dict[str, tuple[Pair, int]]:
    """Word -> its pair and its index in the pair."""
    return {word: (pair, side) for pair in _load_pairs() for side, word in enumerate(pair.words)}


@functools.cache
def _index_pairs() -> dict[str, Pair]:
    return {"/".join(pair.words): pair for pair in _load_pairs()}


@functools.cache
def _list_pair_outcomes() -> tuple[tuple[Action, float], ...]:
    return tuple((name, 1 / len(_index_pairs())) for name in _index_pairs())


@functools.cache
def _list_seat_outcomes(num_players: int) -> tuple[tuple[Action, float], ...]:
    return tuple((f"player {k + 1}", 1 / num_players) for k in range(num_players))


def _deal(state: Table, action: Action, num_players: int) -> Table:
    if not state.words:
        if action not in _index_pairs():
            raise ValueError(f"{action!r} is not one of the {len(_index_pairs())} pairs")
        return state._replace(words=_index_pairs()[action].words)
    if not state.spy_word:
        if action not in state.words:
            raise ValueError(f"{action!r} is not one of {state.words}")
        return state._replace(spy_word=action)
    seats = [seat for seat, _ in _list_seat_outcomes(num_players)]
    if action not in seats:
        raise ValueError(f"{action!r} is not one of {seats}")
    return state._replace(spy=seats.index(action), to_move=0, players=tuple(range(num_players)))


def _civilian_word(state: Table) -> str:
    return state.words[1] if state.spy_word == state.words[0] else state.words[0]


def _word_of(state: Table, role: int) -> str:
    return state.spy_word if role == state.spy else _civilian_word(state)


# clues


@functools.lru_cache(_NUM_CACHED)
def _reduce(text: str) -> str:
    """Letters and digits alone, without case and accents: `"Crème-brûlée"` is `"cremebrulee"`."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum())


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def _unwrap_clue(text: str) -> str:
    """The clue as the others will see it: without quotation marks or a label around it, on one line, cut."""
    clue = unwrap_statement(text)
    label = _LABEL.match(clue)
    return clean_message(clue[label.end() :] if label else clue)


def _read_clue(text: str, word: str, heard: tuple[str, ...]) -> Action | Problem:
    """Reads a clue and checks that it is allowed."""
    clue = _unwrap_clue(text)
    bare = _reduce(clue)
    if not bare:
        return Problem(ProblemKind.NONE, "a clue has at least one letter or digit")
    if _reduce(word) in bare:
        return Problem(ProblemKind.ILLEGAL, f"the clue contains your word: {word}")
    if bare in heard:
        return Problem(ProblemKind.ILLEGAL, "this clue was given before")
    return clue


def _add_clue(state: Table, action: Action) -> Table:
    clue = _read_clue(action, _word_of(state, state.to_move), state.heard)
    if isinstance(clue, Problem):
        raise ValueError(f"{action!r}: {clue.detail}")
    clues = (*state.clues, clue)
    to_move = state.players[len(clues) % len(state.players)]
    return state._replace(to_move=to_move, heard=(*state.heard, _reduce(clue)), clues=clues)


def _filter_allowed(clues: tuple[str, ...], view: View) -> list[str]:
    """The clues among these that are allowed."""
    return [clue for clue, bare in _drop_containing(view.word, clues) if bare not in view.heard]


@functools.cache
def _list_clues(word: str) -> tuple[str, ...]:
    """The bundled clues that fit the word."""
    pair, side = _index_words()[word]
    return pair.shared + pair.own[side]


@functools.lru_cache(_NUM_CACHED)
def _drop_containing(word: str, clues: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The clues that don't contain the word, and each one's letters."""
    return tuple((clue, _reduce(clue)) for clue in clues if _reduce(word) not in _reduce(clue))


def _choose_clue(view: View, is_spy: bool, evidence: float) -> str:
    """The rule-based player's clue: one that fits both words, until the evidence favours one of them."""
    pair, side = _index_words()[view.word]
    mine, others = pair.own[side], pair.own[1 - side]
    wanted = (*others, *pair.shared) if is_spy else (*mine, *pair.shared) if evidence > 0 else (*pair.shared, *mine)
    return (_filter_allowed(wanted, view) or _filter_allowed(_ANYTHING, view))[0]


def _list_spoken(view: View) -> list[tuple[int, str]]:
    """Every clue so far with its player."""
    past = [spoken for done in view.rounds for spoken in zip(done.players, done.clues, strict=True)]
    return past + list(zip(view.players, view.clues, strict=False))


@functools.lru_cache(_NUM_CACHED)
def _compare_words(clue: str, word: str) -> float:
    """1 for a clue that fits the word better than the similar one, -1 for the contrary, 0 without evidence."""
    pair, side = _index_words()[word]
    both = _list_long_words(" ".join(pair.shared))
    mine, others = (_list_long_words(" ".join((*pair.own[s], pair.words[s]))) - both for s in (side, 1 - side))
    words = _list_long_words(clue)
    lead = len(words & mine - others) - len(words & others - mine)
    return float((lead > 0) - (lead < 0))


def _list_long_words(text: str) -> frozenset[str]:
    return frozenset(word for word in map(_reduce, text.split()) if len(word) > _LONG_WORD)


# votes


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


# rendering


@functools.cache
def _name_player(player: int, role: int) -> str:
    return "You" if player == role else f"Player {player + 1}"


@functools.cache
def _list_players(players: tuple[int, ...], role: int) -> str:
    return ", ".join("you" if p == role else f"player {p + 1}" for p in players)


@functools.lru_cache(_NUM_CACHED)
def _quote(clue: str) -> str:
    return quote_message(clue)


@functools.lru_cache(_NUM_CACHED)
def _describe_round(number: int, done: Round, role: int) -> str:
    """A finished round."""
    lines = [f"Round {number}:"]
    lines += [f"{_name_player(p, role)}: {_quote(clue)}" for p, clue in zip(done.players, done.clues, strict=True)]
    votes = zip(done.players, done.votes, strict=True)
    lines.append("Votes: " + ", ".join(f"{_name_player(p, role)} -> {_name_player(v, role)}" for p, v in votes) + ".")
    lines.append("A tie: nobody is out." if done.out == TIE else f"Out: {_name_player(done.out, role)}.")
    return "\n".join(lines) + "\n"


def _request_move(view: View) -> str:
    role, players, vote = view.role, view.players, view.vote
    if role not in players:
        return "You are out."
    if len(view.clues) < len(players):
        turn = players[len(view.clues)]
        return "Your turn: give a clue to your word." if turn == role else f"Player {turn + 1} gives a clue."
    return _request_vote(players, role) if vote is None else f"You voted for player {vote + 1}."


@functools.cache
def _request_vote(players: tuple[int, ...], role: int) -> str:
    return f"Vote now: {_list_players(tuple(p for p in players if p != role), role)}."


def _describe_ending(ending: Ending, role: int, spy_won: bool) -> str:
    spy = "You were" if ending.spy == role else f"Player {ending.spy + 1} was"
    winner = "spy has" if spy_won else "others have"
    return f"{spy} the spy, with the word {ending.spy_word}; all others had {ending.word}. The {winner} won."


GAME = WhoIsTheSpy()
