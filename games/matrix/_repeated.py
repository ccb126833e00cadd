"""Repeated rounds in which two players choose at the same time.

A round has one or more stages. At each stage both players choose without seeing the other's choice, and then both see
the result. A stage is one two-by-two table, or several that one move decides. The tables, their names and the rules
texts come from the games.
"""

import functools
import itertools
from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.theory.matrix import CELLS, Mixed, Payoffs, PayoffTable, equilibrium, expected_payoffs
from mirrormatch.games.types import OVER, Action, Observation

ROUND_ENDS = -1  # in place of the next stage: the round ends

Words: TypeAlias = tuple[str, str]  # the names of the two choices at a table, in alphabetical order

_NUM_CACHED = 4_096  # size of each cache: observations, and rendered histories
_STAGE_CHARS = 3  # characters of `Play.past` per stage: its number and both choices


class Stage(NamedTuple):
    """One simultaneous move.

    Attributes:
        tables: the payoffs; with more than one table a move names a choice at each, and the round ends.
        words: the names of the choices at each table.
        then: the next stage if both take their first choice at the only table, and the next stage otherwise;
            `ROUND_ENDS` if there is none.
    """

    tables: tuple[PayoffTable, ...]
    words: tuple[Words, ...]
    then: tuple[int, int] = (ROUND_ENDS, ROUND_ENDS)


class Play(NamedTuple):
    """The state.

    Attributes:
        round: the round's number, counted from 1; the number of rounds plus 1 when the game is over.
        stage: the current stage of the round.
        waiting: the first player's choice, while the second player is to choose.
        past: three digits for each finished stage: the stage, the first player's choice, the second player's.
        points: both players' points.
    """

    round: int
    stage: int
    waiting: str
    past: str
    points: Payoffs


class View(NamedTuple):
    """A role's knowledge: everything but the other player's choice at the current stage."""

    role: int
    round: int
    stage: int
    chosen: str
    past: str
    points: Payoffs


_BEGINNING = Play(1, 0, "", "", (0, 0))


class RepeatedGame(Game[Play, View]):
    """The common part of games with simultaneous choices. Each game defines its `rules` and its `info`."""

    def __init__(self, stages: tuple[Stage, ...], num_rounds: int) -> None:
        assert all(words[0] < words[1] for stage in stages for words in stage.words), "choices in alphabetical order"
        assert all(len(stage.tables) == 1 or stage.then == (ROUND_ENDS,) * 2 for stage in stages), (
            "several tables come last"
        )
        self.stages = stages
        self.num_rounds = num_rounds
        self._moves = [tuple(" ".join(w) for w in itertools.product(*stage.words)) for stage in stages]
        self._choices = [{move: str(k) for k, move in enumerate(moves)} for moves in self._moves]
        self._spellings = [_spellings(stage) for stage in stages]
        self._payoffs = [_payoffs(stage) for stage in stages]
        self._offers = [f"{self._render_tables(role)}\n" for role in (0, 1)]

    def start(self) -> Play:
        return _BEGINNING

    def to_act(self, state: Play) -> int:
        if state.round > self.num_rounds:
            return OVER
        return 1 if state.waiting else 0

    def legal(self, state: Play) -> tuple[Action, ...]:
        return self._moves[state.stage] if state.round <= self.num_rounds else ()

    def apply(self, state: Play, action: Action) -> Play:
        round_, stage, waiting, past, points = state
        choice = self._choices[stage].get(action) if round_ <= self.num_rounds else None
        if choice is None:
            raise ValueError(f"{action!r} is not one of {self.legal(state)!r}")
        if not waiting:
            return Play(round_, stage, choice, past, points)
        first, second = self._payoffs[stage][waiting, choice]
        follows = self.stages[stage].then[waiting != "0" or choice != "0"]
        if follows == ROUND_ENDS:
            round_, follows = round_ + 1, 0
        return Play(round_, follows, "", f"{past}{stage}{waiting}{choice}", (points[0] + first, points[1] + second))

    def returns(self, state: Play) -> tuple[float, ...]:
        return (float(state.points[0]), float(state.points[1]))

    def reward(self, state: Play, action: Action, after: Play) -> tuple[float, ...]:
        """The points of a stage, earned by the choice that ends it."""
        return (float(after.points[0] - state.points[0]), float(after.points[1] - state.points[1]))

    def view(self, state: Play, role: int) -> View:
        return View(role, state.round, state.stage, "" if role else state.waiting, state.past, state.points)

    def observe(self, state: Play, role: int) -> Observation:
        return _observe(self, state, role)

    def render(self, view: View) -> str:
        mine, others = view.points if view.role == 0 else view.points[::-1]
        game = f", game {view.stage + 1}" if len(self.stages) > 1 else ""
        now = "The game is over." if view.round > self.num_rounds else f"Round {view.round} of {self.num_rounds}{game}."
        chosen = f"\nYou have chosen {self._moves[view.stage][int(view.chosen)]}." if view.chosen else ""
        points = f"\nPoints: you {mine:g}, other {others:g}." if view.past else ""
        return f"{self._offers[view.role]}{_render_history(self, view.past, view.role)}{now}{points}{chosen}"

    def notation(self, state: Play) -> dict[str, Action]:
        return self._spellings[state.stage]

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """An equilibrium of a single round, repeated: an equilibrium of the repeated game at each of its states."""
        return self._equilibria[view.stage][view.role]

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...] | None:
        """Exchanges the two choices of every stage if the seats are equal at every table."""
        if not all(
            table[i][j] == table[j][i][::-1] for stage in self.stages for table in stage.tables for i, j in CELLS
        ):
            return None
        return tuple(path[k ^ 1] for k in range(len(path)))

    def forfeit_returns(self, state: Play, role: int) -> tuple[float, ...]:
        """The worst possible return; the other keeps its points and gets the average over all continuations."""
        other, rounds_after = 1 - role, self.num_rounds - state.round
        share = state.points[other] + self._average(state.stage)[other] + rounds_after * self._average(0)[other]
        return (self.info.forfeit, share) if role == 0 else (share, self.info.forfeit)

    @functools.cached_property
    def bounds(self) -> tuple[float, float]:
        """Bounds on a role's return."""
        totals = [payoff for outcome in self._outcomes(0) for payoff in outcome]
        return (float(self.num_rounds * min(totals)), float(self.num_rounds * max(totals)))

    @functools.cached_property
    def max_moves(self) -> int:
        """The number of moves in the longest game."""
        longest = dict.fromkeys((ROUND_ENDS,), 0)
        for k in reversed(range(len(self.stages))):
            longest[k] = 2 + max(longest[follows] for follows in self.stages[k].then)
        return self.num_rounds * longest[0]

    @functools.cached_property
    def _equilibria(self) -> list[tuple[tuple[tuple[Action, float], ...], ...]]:
        """Each stage's and role's moves and probabilities, by backward induction from the end of the round."""
        values: dict[int, Payoffs] = {ROUND_ENDS: (0, 0)}
        solved = []
        for k, stage in reversed(list(enumerate(self.stages))):
            tables = stage.tables if len(stage.tables) > 1 else (_with_future(stage, values),)
            mixtures = [equilibrium(table) for table in tables]
            values[k] = _add_payoffs(
                [expected_payoffs(table, mixed) for table, mixed in zip(tables, mixtures, strict=True)]
            )
            solved.append(tuple(_mixture(self._moves[k], mixtures, role) for role in (0, 1)))
        return solved[::-1]

    def _outcomes(self, k: int) -> list[Payoffs]:
        """Both players' payoffs from this stage to the end of the round, one entry for each sequence of choices."""
        if k == ROUND_ENDS:
            return [(0, 0)]
        return [
            _add_payoffs((payoff, rest))
            for (first, second), payoff in self._payoffs[k].items()
            for rest in self._outcomes(self.stages[k].then[(first, second) != ("0", "0")])
        ]

    def _average(self, k: int) -> Payoffs:
        outcomes = self._outcomes(k)
        first, second = _add_payoffs(outcomes)
        return (first / len(outcomes), second / len(outcomes))

    def _render_tables(self, role: int) -> str:
        """Renders all payoffs, the role's own first."""
        tables = [pair for stage in self.stages for pair in zip(stage.tables, stage.words, strict=True)]
        lines = list[str]()
        for k, (table, words) in enumerate(tables, 1):
            lines += [f"Game {k}:"] if len(tables) > 1 else []
            for mine, others in CELLS:
                payoffs = table[mine][others] if role == 0 else table[others][mine][::-1]
                result = f"you get {payoffs[0]:g}, other gets {payoffs[1]:g}"
                lines.append(f"You {words[mine]}, other {words[others]}: {result}.")
        return "\n".join(lines)


def _payoffs(stage: Stage) -> dict[tuple[str, str], Payoffs]:
    """Both players' payoffs by the numbers of their moves, whose binary digits are the choices at the tables."""
    size = len(stage.tables)
    bits = list(itertools.product((0, 1), repeat=size))
    return {
        (str(i), str(j)): _add_payoffs([stage.tables[k][bits[i][k]][bits[j][k]] for k in range(size)])
        for i in range(len(bits))
        for j in range(len(bits))
    }


def _spellings(stage: Stage) -> dict[str, Action]:
    """Every spelling of a move: for several tables with or without separators and the games' numbers."""
    found = dict[str, Action]()
    for words in itertools.product(*stage.words):
        move = " ".join(words)
        numbered = [f"game {k}: {word}" for k, word in enumerate(words, 1)]
        ways = [separator.join(words) for separator in (" ", ",", ", ", "/", " / ", " and ", "; ", " + ")]
        found |= dict.fromkeys((*ways, ", ".join(numbered), "; ".join(numbered), f"choose {move}"), move)
        if all(len(word) == 1 for word in words):
            found["".join(words)] = move
    return found


def _with_future(stage: Stage, values: dict[int, Payoffs]) -> PayoffTable:
    """The stage's only table, with the value of the following stages added to each outcome."""
    cells = [_add_payoffs((stage.tables[0][i][j], values[stage.then[(i, j) != (0, 0)]])) for i, j in CELLS]
    return ((cells[0], cells[1]), (cells[2], cells[3]))


def _mixture(moves: tuple[Action, ...], mixtures: list[Mixed], role: int) -> tuple[tuple[Action, float], ...]:
    """Converts independent choices at every table to moves with their probabilities."""
    chances = [1.0]
    for mixed in mixtures:
        chances = [c * p for c in chances for p in (mixed[role], 1 - mixed[role])]
    return tuple((move, chance) for move, chance in zip(moves, chances, strict=True) if chance > 0)


def _add_payoffs(payoffs: Collection[Payoffs]) -> Payoffs:
    return (sum(p[0] for p in payoffs), sum(p[1] for p in payoffs))


@functools.lru_cache(maxsize=_NUM_CACHED)
def _render_history(game: RepeatedGame, past: str, role: int) -> str:
    """Renders the finished stages from the role's side, a line for each."""
    if not past:
        return ""
    before, stage, first, second = past[:-_STAGE_CHARS], past[-3], past[-2], past[-1]
    moves, payoffs = game._moves[int(stage)], game._payoffs[int(stage)][first, second]
    mine, others = (moves[int(first)], moves[int(second)])[:: 1 - 2 * role]
    my_payoff, other_payoff = payoffs[:: 1 - 2 * role]
    number = past[::_STAGE_CHARS].count("0")
    label = f"Round {number}, game {int(stage) + 1}" if len(game.stages) > 1 else f"Round {number}"
    line = f"{label}: you {mine}, other {others}; you got {my_payoff:g}, other got {other_payoff:g}.\n"
    return _render_history(game, before, role) + line


@functools.lru_cache(maxsize=_NUM_CACHED)
def _observe(game: RepeatedGame, state: Play, role: int) -> Observation:
    return Game.observe(game, state, role)
