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
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind
from mirrormatch.text import one_line

TIE = -1  # nobody was voted out
FORFEIT = -1.0  # the spy's loss

_DATA = Path(__file__).parent / "data" / "who_is_the_spy.json"
_NUM_CACHED = 8_192  # results of each function that rendering and reading call again and again
_READ_CHARS = 4 * CHAT_CHARS  # of an answer, before its quotation marks are taken off and it is cut
_AROUND = " \t\r\n,;\"'`*_[]{}<>$\\"  # what an answer may be wrapped in
_LABEL = re.compile(rf"(?:(?:my )?clue *:[{re.escape(_AROUND)}]*)+", re.IGNORECASE)
_LONG_WORD = 3  # letters from which on a word of a clue says something
# What is said about anything, once the bundled clues are used up: more than the clues of the longest game.
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
    """How many play, and how long the spy must last."""

    players: int = setting(4, "how many players, one of them the spy", range(3, 7))
    rounds: int = setting(3, "after how many rounds the spy has won", range(1, 5))


_DEFAULT = SpySettings()


class Pair(NamedTuple):
    """Two similar words with things to say about both and about only one of them."""

    words: tuple[str, str]
    shared: tuple[str, ...]
    own: tuple[tuple[str, ...], tuple[str, ...]]


class Round(NamedTuple):
    """A finished round: who was in, their clues and votes in that order, and who was voted out, or `TIE`."""

    players: tuple[int, ...]
    clues: tuple[str, ...]
    votes: tuple[int, ...]
    out: int


class Table(NamedTuple):
    """The state.

    Attributes:
        words: of the pair.
        spy_word: the spy's.
        spy: its seat, -1 until dealt.
        to_move: who acts.
        rounds: those finished.
        heard: the letters of every clue so far.
        players: who is still in.
        clues: of the round in play.
        votes: of the round in play.
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
    """What all are told at the end."""

    spy: int
    spy_word: str
    word: str


class View(NamedTuple):
    """What a role knows: its word, all clues (and their letters), the votes of finished rounds, its own in this one."""

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
        return Table((), "", -1, CHANCE, (), (), (), (), ())

    def to_act(self, state: Table) -> int:
        return state.to_move

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        if not state.words:
            return _pair_outcomes()
        if not state.spy_word:
            return tuple((word, 1 / 2) for word in state.words)
        return _seat_outcomes(self.settings.players)

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        role = state.to_move
        if role < 0:
            return ()
        return None if len(state.clues) < len(state.players) else _ballot(state.players, role)

    def apply(self, state: Table, action: Action) -> Table:
        role = state.to_move
        if role == CHANCE:
            return _dealt(state, action, self.settings.players)
        if role == OVER:
            raise ValueError("the game is over")
        if len(state.clues) < len(state.players):
            return _clue_given(state, action)
        if action not in _ballot(state.players, role):
            raise ValueError(f"{action!r} is not another player who is in")
        votes = (*state.votes, int(action) - 1)
        if len(votes) < len(state.players):
            return _next(state, state.players[len(votes)], state.heard, state.clues, votes)
        return _counted(state, votes, self.settings.rounds)

    def returns(self, state: Table) -> tuple[float, ...]:
        share = 1 / (self.settings.players - 1)
        if state.spy in state.players:
            return tuple(1.0 if p == state.spy else -share for p in range(self.settings.players))
        return tuple(-1.0 if p == state.spy else share for p in range(self.settings.players))

    def view(self, state: Table, role: int) -> View:
        if state.spy < 0:
            return View(role, "", (), (), (), (), None, None)
        ending = Ending(state.spy, state.spy_word, _civil_word(state)) if state.to_move == OVER else None
        vote = None
        if state.votes and role in state.players:
            turn = state.players.index(role)
            vote = state.votes[turn] if turn < len(state.votes) else None
        return View(role, _word(state, role), state.rounds, state.heard, state.players, state.clues, vote, ending)

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
        role, word, rounds, _, players, clues, _, ending = view
        if not word:
            return "The words are not dealt yet."
        text = f"You are player {role + 1} of {self.settings.players}. Your word: {word}.\n"
        for number, done in enumerate(rounds, 1):
            text += _told(number, done, role)
        if ending is not None:
            return text + _ended(ending, role, ending.spy in players)
        text += f"Round {len(rounds) + 1} of {self.settings.rounds}. Still in: {_listed(players, role)}.\n"
        for k, clue in enumerate(clues):
            text += f"{_called(players[k], role)}: {_quoted(clue)}\n"
        return text + _asked(view)

    def parse(self, state: Table, text: str) -> Action | Problem:
        if len(state.clues) == len(state.players):
            return super().parse(state, text)
        return _read_clue(text, _word(state, state.to_move), state.heard)

    def notation(self, state: Table) -> dict[str, Action]:
        voting = state.spy >= 0 and len(state.clues) == len(state.players)
        return _spellings(self.settings.players) if voting else {}

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Any of the bundled clues to its word, and votes for anybody."""
        if legal is not None:
            return rng.choice(legal)
        return rng.choice(_sayable(_clues(view.word), view) or _sayable(_ANYTHING, view))

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based: counts whose clues fit which word, blends in, and votes for who stands out."""
        fits = {p: 0.0 for p in view.players if p != view.role}
        everybody = 0.0
        for p, clue in _spoken(view):
            if p != view.role:
                fit = _fit(clue, view.word)
                everybody += fit
                if p in fits:
                    fits[p] += fit
        is_spy = -everybody > max(-fit for fit in fits.values())
        if len(view.clues) < len(view.players):
            return ((_told_clue(view, is_spy, everybody), 1.0),)
        # A spy joins in against whoever the others, holding the other word, will suspect.
        aim = max(fits.values()) if is_spy else min(fits.values())
        aims = [p for p, fit in fits.items() if fit == aim]
        return tuple((str(p + 1), 1 / len(aims)) for p in aims)


# the words


@functools.cache
def _pairs() -> tuple[Pair, ...]:
    rows = json.loads(_DATA.read_text(encoding="utf-8"))
    return tuple(
        Pair((r["words"][0], r["words"][1]), tuple(r["shared"]), (tuple(r["own"][0]), tuple(r["own"][1]))) for r in rows
    )


@functools.cache
def _known() -> dict[str, tuple[Pair, int]]:
    """Word -> its pair and its place in it."""
    return {word: (pair, side) for pair in _pairs() for side, word in enumerate(pair.words)}


@functools.cache
def _by_name() -> dict[str, Pair]:
    return {"/".join(pair.words): pair for pair in _pairs()}


@functools.cache
def _pair_outcomes() -> tuple[tuple[Action, float], ...]:
    return tuple((name, 1 / len(_by_name())) for name in _by_name())


@functools.cache
def _seat_outcomes(num_players: int) -> tuple[tuple[Action, float], ...]:
    return tuple((f"player {k + 1}", 1 / num_players) for k in range(num_players))


def _dealt(state: Table, action: Action, num_players: int) -> Table:
    if not state.words:
        if action not in _by_name():
            raise ValueError(f"{action!r} is not one of the {len(_by_name())} pairs")
        return state._replace(words=_by_name()[action].words)
    if not state.spy_word:
        if action not in state.words:
            raise ValueError(f"{action!r} is not one of {state.words}")
        return state._replace(spy_word=action)
    seats = [seat for seat, _ in _seat_outcomes(num_players)]
    if action not in seats:
        raise ValueError(f"{action!r} is not one of {seats}")
    return state._replace(spy=seats.index(action), to_move=0, players=tuple(range(num_players)))


def _civil_word(state: Table) -> str:
    return state.words[1] if state.spy_word == state.words[0] else state.words[0]


def _word(state: Table, role: int) -> str:
    return state.spy_word if role == state.spy else _civil_word(state)


def _next(state: Table, to_move: int, heard: tuple[str, ...], clues: tuple[str, ...], votes: tuple[int, ...]) -> Table:
    words, spy_word, spy, _, rounds, _, players, _, _ = state
    return Table(words, spy_word, spy, to_move, rounds, heard, players, clues, votes)


# clues


@functools.lru_cache(_NUM_CACHED)
def _bare(text: str) -> str:
    """Letters and digits alone, without case and accents: `"Crème-brûlée"` is `"cremebrulee"`."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum())


@functools.lru_cache(_NUM_CACHED)  # apply reads what parse has written
def _said(text: str) -> str:
    """What all will hear: without quotation marks or a label around it, on one line, cut."""
    said = one_line(text, _READ_CHARS).strip(_AROUND)
    label = _LABEL.match(said)
    return clean_message(said[label.end() :] if label else said)


def _read_clue(text: str, word: str, heard: tuple[str, ...]) -> Action | Problem:
    """The clue, if it is one."""
    clue = _said(text)
    bare = _bare(clue)
    if not bare:
        return Problem(ProblemKind.NONE, "a clue has at least one letter or digit")
    if _bare(word) in bare:
        return Problem(ProblemKind.ILLEGAL, f"the clue contains your word: {word}")
    if bare in heard:
        return Problem(ProblemKind.ILLEGAL, "this clue was given before")
    return clue


def _clue_given(state: Table, action: Action) -> Table:
    clue = _read_clue(action, _word(state, state.to_move), state.heard)
    if isinstance(clue, Problem):
        raise ValueError(f"{action!r}: {clue.detail}")
    clues = (*state.clues, clue)
    to_move = state.players[len(clues) % len(state.players)]
    return _next(state, to_move, (*state.heard, _bare(clue)), clues, ())


def _sayable(clues: tuple[str, ...], view: View) -> list[str]:
    """Which of these clues are allowed."""
    return [clue for clue, bare in _without(view.word, clues) if bare not in view.heard]


@functools.cache
def _clues(word: str) -> tuple[str, ...]:
    """The bundled ones."""
    pair, side = _known()[word]
    return pair.shared + pair.own[side]


@functools.lru_cache(_NUM_CACHED)
def _without(word: str, clues: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The clues that don't contain the word, and the letters of each."""
    return tuple((clue, _bare(clue)) for clue in clues if _bare(word) not in _bare(clue))


def _told_clue(view: View, is_spy: bool, evidence: float) -> str:
    """The rule-based player's clue: what is true of both words, until it is surer which it has to talk about."""
    pair, side = _known()[view.word]
    mine, others = pair.own[side], pair.own[1 - side]
    wanted = (*others, *pair.shared) if is_spy else (*mine, *pair.shared) if evidence > 0 else (*pair.shared, *mine)
    return (_sayable(wanted, view) or _sayable(_ANYTHING, view))[0]


def _spoken(view: View) -> list[tuple[int, str]]:
    """Who has said what."""
    past = [said for done in view.rounds for said in zip(done.players, done.clues, strict=True)]
    return past + list(zip(view.players, view.clues, strict=False))


@functools.lru_cache(_NUM_CACHED)
def _fit(clue: str, word: str) -> float:
    """1 for a clue that fits the word better than the similar one, -1 for the contrary, 0 where nothing tells."""
    pair, side = _known()[word]
    both = _telling(" ".join(pair.shared))
    mine, others = (_telling(" ".join((*pair.own[s], pair.words[s]))) - both for s in (side, 1 - side))
    said = _telling(clue)
    lead = len(said & mine - others) - len(said & others - mine)
    return float((lead > 0) - (lead < 0))


def _telling(text: str) -> frozenset[str]:
    return frozenset(word for word in map(_bare, text.split()) if len(word) > _LONG_WORD)


# votes


@functools.cache
def _ballot(players: tuple[int, ...], role: int) -> tuple[Action, ...]:
    return tuple(str(p + 1) for p in players if p != role)


@functools.cache
def _spellings(num_players: int) -> dict[str, Action]:
    forms = ("{}", "player {}", "vote {}", "vote: {}", "vote player {}", "vote for {}", "vote for player {}")
    return {form.format(k): str(k) for form in forms for k in range(1, num_players + 1)}


def _counted(state: Table, votes: tuple[int, ...], num_rounds: int) -> Table:
    """The state after a round's last vote."""
    out = _voted_out(votes)
    rounds = (*state.rounds, Round(state.players, state.clues, votes, out))
    left = tuple(p for p in state.players if p != out)
    over = out == state.spy or len(left) == 2 or len(rounds) == num_rounds
    return Table(state.words, state.spy_word, state.spy, OVER if over else left[0], rounds, state.heard, left, (), ())


def _voted_out(votes: tuple[int, ...]) -> int:
    most = max(map(votes.count, votes))
    ahead = {p for p in votes if votes.count(p) == most}
    return ahead.pop() if len(ahead) == 1 else TIE


# words for the eyes


@functools.cache
def _called(player: int, role: int) -> str:
    return "You" if player == role else f"Player {player + 1}"


@functools.cache
def _listed(players: tuple[int, ...], role: int) -> str:
    return ", ".join("you" if p == role else f"player {p + 1}" for p in players)


@functools.lru_cache(_NUM_CACHED)
def _quoted(clue: str) -> str:
    return quote_message(clue)


@functools.lru_cache(_NUM_CACHED)
def _told(number: int, done: Round, role: int) -> str:
    """A finished round."""
    lines = [f"Round {number}:"]
    lines += [f"{_called(p, role)}: {_quoted(clue)}" for p, clue in zip(done.players, done.clues, strict=True)]
    votes = zip(done.players, done.votes, strict=True)
    lines.append("Votes: " + ", ".join(f"{_called(p, role)} -> {_called(v, role)}" for p, v in votes) + ".")
    lines.append("A tie: nobody is out." if done.out == TIE else f"Out: {_called(done.out, role)}.")
    return "\n".join(lines) + "\n"


def _asked(view: View) -> str:
    role, _, _, _, players, clues, vote, _ = view
    if role not in players:
        return "You are out."
    if len(clues) < len(players):
        turn = players[len(clues)]
        return "Your turn: give a clue to your word." if turn == role else f"Player {turn + 1} gives a clue."
    return _asked_to_vote(players, role) if vote is None else f"You voted for player {vote + 1}."


@functools.cache
def _asked_to_vote(players: tuple[int, ...], role: int) -> str:
    return f"Vote now: {_listed(tuple(p for p in players if p != role), role)}."


def _ended(ending: Ending, role: int, spy_won: bool) -> str:
    spy = "You were" if ending.spy == role else f"Player {ending.spy + 1} was"
    winner = "spy has" if spy_won else "others have"
    return f"{spy} the spy, with the word {ending.spy_word}; all others had {ending.word}. The {winner} won."


GAME = WhoIsTheSpy()
