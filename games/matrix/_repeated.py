"""Rounds in which two players choose at the same time.

A round has one or more steps; at each both choose, neither seeing the other's choice first, and then both see what came
of it. A step is one two-by-two table, or several that are decided in one move. Which games these are, what they are
called and what is told about them isn't known here.
"""

import functools
import itertools
from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.theory.matrix import CELLS, Mixed, Payoffs, PayoffTable, equilibrium, expected_payoffs
from mirrormatch.games.types import OVER, Action, Observation

ROUND_ENDS = -1  # what follows a step: no other step

Words: TypeAlias = tuple[str, str]  # what the two choices at a table are called, in alphabetical order

_NUM_CACHED = 4_096  # observations, and histories in words
_PAST = 3  # characters of `Play.past` that tell one step: its number and both choices


class Stage(NamedTuple):
    """One simultaneous move.

    Attributes:
        tables: the payoffs; with more than one table a move names a choice at each, and the round ends.
        words: what the choices at each table are called.
        then: the step that follows if both take their first choice at the only table, and the one that follows
            otherwise; `ROUND_ENDS` where none does.
    """

    tables: tuple[PayoffTable, ...]
    words: tuple[Words, ...]
    then: tuple[int, int] = (ROUND_ENDS, ROUND_ENDS)


class Play(NamedTuple):
    """The state.

    Attributes:
        round: from 1; one more than there are when the game is over.
        step: which step of the round is played.
        waiting: the first player's choice, while the second is to choose.
        past: three digits for each finished step: the step, the first player's choice, the second's.
        points: what each has.
    """

    round: int
    step: int
    waiting: str
    past: str
    points: Payoffs


class View(NamedTuple):
    """What a role knows: all but a choice that the other has just made."""

    role: int
    round: int
    step: int
    chosen: str
    past: str
    points: Payoffs


_BEGINNING = Play(1, 0, "", "", (0, 0))


class RepeatedGame(Game[Play, View]):
    """What games of simultaneous choices have in common. The games define `start`, `rules` and their `info`."""

    def __init__(self, steps: tuple[Stage, ...], num_rounds: int) -> None:
        assert all(words[0] < words[1] for step in steps for words in step.words), "choices in alphabetical order"
        assert all(len(step.tables) == 1 or step.then == (ROUND_ENDS,) * 2 for step in steps), (
            "several tables come last"
        )
        self.steps = steps
        self.num_rounds = num_rounds
        self._moves = [tuple(" ".join(w) for w in itertools.product(*step.words)) for step in steps]
        self._choices = [{move: str(k) for k, move in enumerate(moves)} for moves in self._moves]
        self._spellings = [_spellings(step) for step in steps]
        self._payoffs = [_payoffs(step) for step in steps]
        self._offers = [f"{self._told_tables(role)}\n" for role in (0, 1)]

    def start(self) -> Play:
        return _BEGINNING

    def to_act(self, state: Play) -> int:
        if state.round > self.num_rounds:
            return OVER
        return 1 if state.waiting else 0

    def legal(self, state: Play) -> tuple[Action, ...]:
        return self._moves[state.step] if state.round <= self.num_rounds else ()

    def apply(self, state: Play, action: Action) -> Play:
        round_, step, waiting, past, points = state
        choice = self._choices[step].get(action) if round_ <= self.num_rounds else None
        if choice is None:
            raise ValueError(f"{action!r} is not one of {self.legal(state)!r}")
        if not waiting:
            return Play(round_, step, choice, past, points)
        first, second = self._payoffs[step][waiting, choice]
        follows = self.steps[step].then[waiting != "0" or choice != "0"]
        if follows == ROUND_ENDS:
            round_, follows = round_ + 1, 0
        return Play(round_, follows, "", f"{past}{step}{waiting}{choice}", (points[0] + first, points[1] + second))

    def returns(self, state: Play) -> tuple[float, ...]:
        return (float(state.points[0]), float(state.points[1]))

    def view(self, state: Play, role: int) -> View:
        return View(role, state.round, state.step, "" if role else state.waiting, state.past, state.points)

    def observe(self, state: Play, role: int) -> Observation:
        return _observed(self, state, role)

    def render(self, view: View) -> str:
        mine, others = view.points if view.role == 0 else view.points[::-1]
        game = f", game {view.step + 1}" if len(self.steps) > 1 else ""
        now = "The game is over." if view.round > self.num_rounds else f"Round {view.round} of {self.num_rounds}{game}."
        chosen = f"\nYou have chosen {self._moves[view.step][int(view.chosen)]}." if view.chosen else ""
        points = f"\nPoints: you {mine:g}, other {others:g}." if view.past else ""
        return f"{self._offers[view.role]}{_history(self, view.past, view.role)}{now}{points}{chosen}"

    def notation(self, state: Play) -> dict[str, Action]:
        return self._spellings[state.step]

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """An equilibrium of the one round, played in every round: one of the repeated game at each of its states."""
        return self._solved[view.step][view.role]

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...] | None:
        """The two choices of every step exchanged, if the seats are equal at every table."""
        if not all(table[i][j] == table[j][i][::-1] for step in self.steps for table in step.tables for i, j in CELLS):
            return None
        return tuple(path[k ^ 1] for k in range(len(path)))

    def forfeit_returns(self, state: Play, role: int) -> tuple[float, ...]:
        """The worst possible return; the other keeps its points and gets the average of all ways to play on."""
        other, rounds_after = 1 - role, self.num_rounds - state.round
        share = state.points[other] + self._average(state.step)[other] + rounds_after * self._average(0)[other]
        return (self.info.forfeit, share) if role == 0 else (share, self.info.forfeit)

    @functools.cached_property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that a role can end with."""
        totals = [payoff for outcome in self._outcomes(0) for payoff in outcome]
        return (float(self.num_rounds * min(totals)), float(self.num_rounds * max(totals)))

    @functools.cached_property
    def max_moves(self) -> int:
        """How many moves the longest game has."""
        longest = dict.fromkeys((ROUND_ENDS,), 0)
        for k in reversed(range(len(self.steps))):
            longest[k] = 2 + max(longest[follows] for follows in self.steps[k].then)
        return self.num_rounds * longest[0]

    @functools.cached_property
    def _solved(self) -> list[tuple[tuple[tuple[Action, float], ...], ...]]:
        """For each step and role, the moves and their probabilities, found from the round's end backwards."""
        values: dict[int, Payoffs] = {ROUND_ENDS: (0, 0)}
        solved = []
        for k, step in reversed(list(enumerate(self.steps))):
            tables = step.tables if len(step.tables) > 1 else (_with_future(step, values),)
            played = [equilibrium(table) for table in tables]
            values[k] = _summed([expected_payoffs(table, mixed) for table, mixed in zip(tables, played, strict=True)])
            solved.append(tuple(_mixture(self._moves[k], played, role) for role in (0, 1)))
        return solved[::-1]

    def _outcomes(self, k: int) -> list[Payoffs]:
        """What both may get from this step to the end of the round, one entry for each way that it may go."""
        if k == ROUND_ENDS:
            return [(0, 0)]
        return [
            _summed((payoff, rest))
            for (first, second), payoff in self._payoffs[k].items()
            for rest in self._outcomes(self.steps[k].then[(first, second) != ("0", "0")])
        ]

    def _average(self, k: int) -> Payoffs:
        outcomes = self._outcomes(k)
        first, second = _summed(outcomes)
        return (first / len(outcomes), second / len(outcomes))

    def _told_tables(self, role: int) -> str:
        """All payoffs in words, the role's own first."""
        tables = [pair for step in self.steps for pair in zip(step.tables, step.words, strict=True)]
        lines = list[str]()
        for k, (table, words) in enumerate(tables, 1):
            lines += [f"Game {k}:"] if len(tables) > 1 else []
            for mine, others in CELLS:
                payoffs = table[mine][others] if role == 0 else table[others][mine][::-1]
                result = f"you get {payoffs[0]:g}, other gets {payoffs[1]:g}"
                lines.append(f"You {words[mine]}, other {words[others]}: {result}.")
        return "\n".join(lines)


def _payoffs(step: Stage) -> dict[tuple[str, str], Payoffs]:
    """What both get, by their choices: the number of the move among all, whose binary digits are choices at tables."""
    size = len(step.tables)
    bits = list(itertools.product((0, 1), repeat=size))
    return {
        (str(i), str(j)): _summed([step.tables[k][bits[i][k]][bits[j][k]] for k in range(size)])
        for i in range(len(bits))
        for j in range(len(bits))
    }


def _spellings(step: Stage) -> dict[str, Action]:
    """Every way to write a move: with several tables with or without separators and the games' numbers."""
    found = dict[str, Action]()
    for words in itertools.product(*step.words):
        move = " ".join(words)
        numbered = [f"game {k}: {word}" for k, word in enumerate(words, 1)]
        ways = [separator.join(words) for separator in (" ", ",", ", ", "/", " / ", " and ", "; ", " + ")]
        found |= dict.fromkeys((*ways, ", ".join(numbered), "; ".join(numbered), f"choose {move}"), move)
        if all(len(word) == 1 for word in words):
            found["".join(words)] = move
    return found


def _with_future(step: Stage, values: dict[int, Payoffs]) -> PayoffTable:
    """The step's only table, with what its outcomes are worth later in the round."""
    cells = [_summed((step.tables[0][i][j], values[step.then[(i, j) != (0, 0)]])) for i, j in CELLS]
    return ((cells[0], cells[1]), (cells[2], cells[3]))


def _mixture(moves: tuple[Action, ...], played: list[Mixed], role: int) -> tuple[tuple[Action, float], ...]:
    """Independent choices at every table, as moves with their probabilities."""
    chances = [1.0]
    for mixed in played:
        chances = [c * p for c in chances for p in (mixed[role], 1 - mixed[role])]
    return tuple((move, chance) for move, chance in zip(moves, chances, strict=True) if chance > 0)


def _summed(payoffs: Collection[Payoffs]) -> Payoffs:
    return (sum(p[0] for p in payoffs), sum(p[1] for p in payoffs))


@functools.lru_cache(maxsize=_NUM_CACHED)
def _history(game: RepeatedGame, past: str, role: int) -> str:
    """What has been played, a line for each step, from the role's side."""
    if not past:
        return ""
    before, step, first, second = past[:-_PAST], past[-3], past[-2], past[-1]
    moves, payoffs = game._moves[int(step)], game._payoffs[int(step)][first, second]
    mine, others = (moves[int(first)], moves[int(second)])[:: 1 - 2 * role]
    my_payoff, other_payoff = payoffs[:: 1 - 2 * role]
    number = past[::_PAST].count("0")
    label = f"Round {number}, game {int(step) + 1}" if len(game.steps) > 1 else f"Round {number}"
    told = f"{label}: you {mine}, other {others}; you got {my_payoff:g}, other got {other_payoff:g}.\n"
    return _history(game, before, role) + told


@functools.lru_cache(maxsize=_NUM_CACHED)
def _observed(game: RepeatedGame, state: Play, role: int) -> Observation:
    return Game.observe(game, state, role)
