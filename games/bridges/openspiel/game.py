"""Adapts a game of OpenSpiel to `Game`: states become values, actions become words, texts stay unchanged.

OpenSpiel itself is not imported here; `games/bridges/openspiel/__init__.py` loads the game.
"""

import functools
import itertools
import random
import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Literal, NamedTuple, TypeAlias

from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.player_text import normalise
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind
from mirrormatch.text import one_line, printable

Source: TypeAlias = Literal["board", "observation", "information"]

MAX_OWN_MOVES = 20  # latest moves of a role that are shown where OpenSpiel's text lacks them
MAX_TABLE = 16  # outcomes of a game of one move each that its rules list
NUM_EXAMPLES = 3  # example moves in the rules
_MOVE_CHARS = 200  # no text of an action in OpenSpiel is longer
_TERMINAL = -4  # OpenSpiel's player where the game is over; chance is -1 there too
# The mover's name before a move; it is removed, as the mover is known.
_WHO = re.compile(r"^(?:\[P\d+\]|Player:? \d+ (?:Action: )?|player=\d+ move=|Pl\d+: |p\d+:|P\d+(?=\())")
# Games for which another text than the usual one shows more, or is clearer: their `information` is a list of numbers.
_SOURCES: dict[str, Source] = {
    "battleship": "observation", "blackjack": "observation", "dark_hex": "observation", "latent_ttt": "observation",
    "oshi_zumo": "observation", "phantom_ttt": "observation", "python_hangman": "observation",
    "solitaire": "observation",
}  # fmt: skip
_SECRETIVE = ("python_hangman",)  # declared as perfect information, but its state holds the word to guess
_SIGNS = " \t\r\n.,;:!?\"'`*_()[]{}<>$\\"  # two moves that differ in these signs alone are too alike to tell apart
_FEN = re.compile(r"(?:[pnbrqkPNBRQK1-8]+/){3,7}[pnbrqkPNBRQK1-8]+ [wb] .*")
_INTERESTS = {
    "zero-sum": "What one wins the others lose.",
    "cooperative": "All players get the same.",
    "mixed": "More is better; what is good for one may be good or bad for another.",
    "single-player": "More is better.",
}


class Event(NamedTuple):
    """One action in a game: its role (or `CHANCE`), OpenSpiel's number of the action, and the words for it."""

    role: int
    action: int
    words: Action


class Position:
    """The state, as a value: positions of one game are equal if their events are.

    Attributes:
        game: the game's name, for copies in other processes.
        spiel: OpenSpiel's state. It is never changed: clone it before applying an action.
        events: all events since the start.
    """

    __slots__ = ("_actions", "events", "game", "spiel")

    def __init__(self, game: str, spiel: Any, events: tuple[Event, ...]) -> None:
        self.game = game
        self.spiel = spiel
        self.events = events
        self._actions: dict[Action, int] | None = None

    @property
    def actions(self) -> dict[Action, int]:
        """The possible actions, chance's outcomes too, each with OpenSpiel's number. Sorted, never changed."""
        if self._actions is None:
            self._actions = _name_actions(self.spiel)
        return self._actions

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Position) and (self.game, self.events) == (other.game, other.events)

    def __hash__(self) -> int:
        return hash((self.game, self.events))

    def __repr__(self) -> str:
        return f"Position({self.game!r}, {[event.words for event in self.events]})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_position, (self.game, tuple(event.words for event in self.events))


class View(NamedTuple):
    """The information of a role.

    Attributes:
        role: the seat.
        text: OpenSpiel's text for the role.
        events: all events in games that hide nothing; the role's own moves where the text lacks them.
    """

    role: int
    text: str
    events: tuple[Event, ...]


class SpielGame(Game[Position, View]):
    """A game of OpenSpiel.

    Moves are written as OpenSpiel writes them, without the name of who moves. Two that differ in case or punctuation
    only, like a bishop's and a pawn's capture on the same square, have OpenSpiel's number of the action after them.
    Players who move at the same time move in turn, and the others don't see it. A role is shown OpenSpiel's own text
    for it: the board where nothing is hidden, otherwise its information state, or its observation with its own moves.
    Failing to move is worth the least that the game can give. In games for one, and in those where all get the same,
    only the best return counts as a win.

    Args:
        name: what the bridge calls it, with its parameters: `"leduc_poker:players=3"`.
        given: OpenSpiel's game.
        serial: the same with players moving in turn; `given` itself where they do.
    """

    def __init__(self, name: str, given: Any, serial: Any) -> None:
        kind = given.get_type()
        self.info = _describe_game(f"openspiel/{name}", given, serial)
        self._serial = serial
        self._long_name = kind.long_name
        self._source = choose_source(given)
        self._adds_own_moves = self._source == "observation" and kind.information.name == "IMPERFECT_INFORMATION"
        self._is_table = kind.information.name == "ONE_SHOT" and not self.info.random

    def start(self) -> Position:
        return Position(self.info.name, self._serial.new_initial_state(), ())

    def to_act(self, state: Position) -> int:
        role: int = state.spiel.current_player()
        return OVER if role == _TERMINAL else role

    def chance(self, state: Position) -> tuple[tuple[Action, float], ...]:
        words = {number: action for action, number in state.actions.items()}
        return tuple((words[number], p) for number, p in state.spiel.chance_outcomes() if p > 0)

    def legal(self, state: Position) -> tuple[Action, ...]:
        return tuple(state.actions) if state.spiel.current_player() >= 0 else ()

    def apply(self, state: Position, action: Action) -> Position:
        number = state.actions.get(action)
        if number is None:
            raise ValueError(f"{action!r} is not possible in {state!r}")
        try:
            after = state.spiel.clone()
            after.apply_action(number)
        except (RuntimeError, MemoryError) as problem:  # OpenSpiel's own error is a RuntimeError
            raise UserError(
                f"OpenSpiel can't continue {self.info.name}: {one_line(str(problem), _MOVE_CHARS)}"
            ) from problem
        return Position(state.game, after, (*state.events, Event(self.to_act(state), number, action)))

    def returns(self, state: Position) -> tuple[float, ...]:
        return tuple(state.spiel.returns())

    def view(self, state: Position, role: int) -> View:
        events = state.events if not self.info.hidden else ()
        if self._adds_own_moves:
            events = tuple(event for event in state.events if event.role == role)
        return View(role, self._get_text(state.spiel, role), events)

    def rules(self) -> str:
        return self._rules

    @functools.cached_property
    def _rules(self) -> str:
        info, seats = self.info, ", ".join(self.info.roles)
        lines = [
            f"{self._long_name}, as in OpenSpiel ({info.name.partition('/')[2]}), for "
            + (f"{len(info.roles)} players: {seats}." if len(info.roles) > 1 else "one player."),
            f"A move is one of the legal moves, written as it is listed{self._describe_examples()}.",
            f"A return lies between {info.min_return:g} and {info.max_return:g}. {_INTERESTS[info.kind]}",
        ]
        if info.hidden and len(info.roles) > 1:
            lines.append("A player doesn't see everything that happens.")
        if self._is_table and (table := self._describe_table()):
            lines.append(table)
        return "\n".join(lines)

    def render(self, view: View) -> str:
        text = f"You are {self.info.roles[view.role]}.\n{view.text}" if len(self.info.roles) > 1 else view.text
        if self._adds_own_moves and view.events:
            shown = [event.words for event in view.events[-MAX_OWN_MOVES:]]
            text += f"\nYour moves so far: {'; '.join(['...'] * (len(view.events) > MAX_OWN_MOVES) + shown)}"
        return text

    def parse(self, state: Position, text: str) -> Action | Problem:
        move = super().parse(state, text)
        if not isinstance(move, Problem) or move.kind is not ProblemKind.NONE:
            return move
        spelling, role = normalise(text), self.to_act(state)
        known = (event.words for event in state.events if event.role == role or not self.info.hidden)
        again = next((words for words in known if normalise(words) == spelling), None)
        return Problem(ProblemKind.ILLEGAL, f"{again!r} is not allowed now") if again else move

    def notation(self, state: Position) -> dict[str, Action]:
        return {normalise(words): words for words in self.legal(state)}

    def forfeit_returns(self, state: Position, role: int) -> tuple[float, ...]:
        """The offender gets the least return; if interests are mixed the others get 0, or the middle of the bounds."""
        info = self.info
        if info.kind != "mixed":
            return super().forfeit_returns(state, role)
        share = 0.0 if info.min_return < 0 < info.max_return else (info.min_return + info.max_return) / 2
        return tuple(info.min_return if r == role else share for r in range(len(info.roles)))

    def _get_text(self, spiel: Any, role: int) -> str:
        if self._source == "board":
            text = _draw_board(str(spiel))
        elif self._source == "information":
            text = spiel.information_state_string(role)
        else:
            text = spiel.observation_string(role)
        return printable(text).strip("\n").rstrip() or "Nothing has happened yet."

    def _describe_examples(self) -> str:
        state, rng = self.start(), random.Random(0)  # always the first outcome would never end in some games
        while self.to_act(state) == CHANCE:
            state = self.apply(state, rng.choice(self.chance(state))[0])
        shown = ", ".join(f'"{words}"' for words in self.legal(state)[:NUM_EXAMPLES])
        return f", like {shown}" if shown else ""

    def _describe_table(self) -> str:
        """The returns of all pairs (triples, ...) of moves, if each player makes one and there are few."""
        moves, state = list[tuple[Action, ...]](), self.start()
        while self.to_act(state) != OVER:
            moves.append(self.legal(state))
            state = self.apply(state, moves[-1][0])
        played = list(itertools.islice(itertools.product(*moves), MAX_TABLE + 1))
        if len(played) > MAX_TABLE:
            return ""
        ends = [functools.reduce(self.apply, each, self.start()) for each in played]
        cells = (
            f"{' / '.join(each)}: {_join_numbers(self.returns(end))}" for each, end in zip(played, ends, strict=True)
        )
        return f"Moves of {', '.join(self.info.roles)} and their returns: {'; '.join(cells)}."


def _draw_board(text: str) -> str:
    """Draws the board above the notation of a chess position; returns any other text unchanged."""
    if not _FEN.fullmatch(text):
        return text
    ranks = re.sub(r"\d", lambda empty: "." * int(empty[0]), text.split()[0]).split("/")
    lines = [f"{len(ranks) - k} {' '.join(rank)}" for k, rank in enumerate(ranks)]
    files = " ".join("abcdefgh"[: len(ranks[0])])
    return "\n".join([*lines, f"  {files}", f"FEN: {text}"])


def choose_source(given: Any) -> Source | None:
    """The kind of OpenSpiel's texts that a role is shown; None without a text for one role alone."""
    kind = given.get_type()
    if kind.short_name in _SOURCES:
        return _SOURCES[kind.short_name]
    if kind.information.name == "PERFECT_INFORMATION" and kind.dynamics.name == "SEQUENTIAL":
        return "board"
    if kind.provides_information_state_string:
        return "information"
    return "observation" if kind.provides_observation_string else None


def _describe_game(name: str, given: Any, serial: Any) -> Info:
    kind, num_players = given.get_type(), given.num_players()
    low, high = float(given.min_utility()), float(given.max_utility())
    cooperative = kind.utility.name == "IDENTICAL" and num_players > 1
    chancy = kind.chance_mode.name == "EXPLICIT_STOCHASTIC"
    hides = kind.information.name != "PERFECT_INFORMATION" or kind.dynamics.name == "SIMULTANEOUS"
    return Info(
        name=name,
        version=1,
        roles=tuple(f"player {k}" for k in range(num_players)) if num_players > 1 else ("player",),
        min_return=low,
        max_return=high,
        zero_sum=kind.utility.name == "ZERO_SUM",
        max_turns=max(1, serial.max_game_length()),
        hidden=(hides and (num_players > 1 or chancy)) or kind.short_name in _SECRETIVE,
        random=chancy,
        open_text=False,
        solver=None,
        forfeit=low,
        source=f"OpenSpiel {_library_version()}, {kind.short_name}",
        cooperative=cooperative,
        win_at=high if cooperative or num_players == 1 else None,
    )


@functools.cache
def _library_version() -> str:
    return version("open_spiel")


def _name_actions(spiel: Any) -> dict[Action, int]:
    """OpenSpiel's words for the possible actions, with numbers added where two are alike."""
    role, numbers = spiel.current_player(), spiel.legal_actions()
    tidied = [_tidy_words(spiel.action_to_string(role, number), number, role >= 0) for number in numbers]
    counts = Counter(key for _, key in tidied)
    named = {
        words if key and counts[key] == 1 else f"{words} #{number}".lstrip(): number
        for (words, key), number in zip(tidied, numbers, strict=True)
    }
    return dict(sorted(named.items()))


@functools.lru_cache(maxsize=65_536)
def _tidy_words(words: str, number: int, is_move: bool) -> tuple[Action, str]:
    """The words on one line, and a key that moves too alike to tell apart have in common.

    A move's number and its mover's name are removed.
    """
    line = one_line(words, _MOVE_CHARS)
    if is_move:
        line = _WHO.sub("", line.removeprefix(f"{number} - "), count=1).strip(" ,;")
    return line, " ".join(line.casefold().strip(_SIGNS).split())


def _join_numbers(returns: Sequence[float]) -> str:
    return ", ".join(f"{r:g}" for r in returns)


def _restore_position(game: str, events: tuple[Action, ...]) -> Position:
    """Replays the events in this process."""
    from mirrormatch import games

    found = games.get(game)
    position: Position = functools.reduce(found.apply, events, found.start())
    return position
