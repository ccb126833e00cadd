"""Pig, the dice game."""

import functools
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation

ROLL, STOP = "roll", "stop"
DECISIONS_PER_POINT = 10  # decisions per point of the goal before a draw, like OpenSpiel's 1,000 for 100 points
_LAST_DECISIONS = 50  # number of decisions before that draw from which observations count them down
_TOLERANCE = 1e-12  # allowed error of a probability of winning
_MAX_STEPS = 50  # limit for Newton's method, which takes two to four steps on average
_TURNS = ("Other's", "Your")
_NUM_CACHED = 4_096  # size of the cache of each function that rendering calls often
_LEGAL = (ROLL, STOP)
_ONLY_STOP = (STOP,)
_SPELLINGS = {
    "roll": ROLL, "r": ROLL, "roll again": ROLL, "roll the die": ROLL, "stop": STOP, "s": STOP, "hold": STOP,
    "bank": STOP, "stay": STOP,
}  # fmt: skip


@dataclass(frozen=True)
class PigSettings(GameSettings):
    """The goal and the die."""

    goal: int = setting(50, "points that win", (10, 20, 30, 50, 75, 100))
    sides: int = setting(6, "of the die", (4, 6, 8, 10, 12, 20))


_DEFAULT = PigSettings()


class Event(NamedTuple):
    """The last event: the role, its roll (0 for a stop), and the points that it earned or lost."""

    role: int
    die: int
    points: int


class Race(NamedTuple):
    """The state: the points, the role whose turn it is, that turn's points so far, and the role to act or `CHANCE`."""

    scores: tuple[int, int]
    role: int
    total: int
    to_act: int
    num_decisions: int
    last: Event | None


class View(NamedTuple):
    """The public state and the role that sees it."""

    role: int
    race: Race


class PigDice(Game[Race, View]):
    """A race to 50 points with one die: roll on, or keep what the turn has earned.

    The player whose turn it is rolls as often as it likes. A roll of 2 to 6 adds to the turn's points; a 1 loses them
    and ends the turn. After a stop, which is possible at any time, the turn's points are added to the player's own, and
    the other's turn begins. Who has 50 points after a stop wins (+1 to -1); once they are reached, only a stop is
    possible. After 500 decisions, 10 for each point of the goal, the game is a draw, which good play never comes near.
    With best play the first player wins 54.6 % of the games, and 53.06 % of those to 100 points; there it keeps about
    20 to 25 points a turn, and dares more when it lies behind or the end is near (Neller and Presser 2004).
    """

    examples = ("goal=20", "goal=30,sides=4", "goal=100")

    def __init__(self, settings: PigSettings = _DEFAULT) -> None:
        self.settings = settings
        self._goal = settings.goal
        self._rules = Rules(settings.goal, settings.sides)
        self._outcomes = tuple((str(die), 1 / settings.sides) for die in range(1, settings.sides + 1))
        self._rolls = {str(die): (Event(0, die, die), Event(1, die, die)) for die in range(1, settings.sides + 1)}
        self._max_decisions = DECISIONS_PER_POINT * settings.goal
        self.info = Info(
            name=settings.full_name("pig_dice"), version=1, roles=("first", "second"), min_return=-1.0, max_return=1.0,
            zero_sum=True, max_turns=self._max_decisions, hidden=False, random=True, open_text=False, solver="exact",
            forfeit=-1.0, source="Neller and Presser 2004, Optimal play of the dice game Pig; OpenSpiel pig",
        )  # fmt: skip

    def start(self) -> Race:
        return Race((0, 0), 0, 0, 0, 0, None)

    def to_act(self, state: Race) -> int:
        return state.to_act

    def chance(self, state: Race) -> tuple[tuple[Action, float], ...]:
        return self._outcomes

    def legal(self, state: Race) -> tuple[Action, ...]:
        if state.to_act < 0:
            return ()
        return _LEGAL if state.scores[state.role] + state.total < self._goal else _ONLY_STOP

    def apply(self, state: Race, action: Action) -> Race:
        scores, role, total, to_act, num_decisions, last = state
        if to_act == CHANCE and action in self._rolls:
            event = self._rolls[action][role]
            if event.die == 1:
                return Race(scores, 1 - role, 0, 1 - role, num_decisions, _event(role, 1, total))
            return Race(scores, role, total + event.die, role, num_decisions, event)
        points, num_decisions = scores[role] + total, num_decisions + 1
        is_last = num_decisions == self._max_decisions
        if to_act >= 0 and action == STOP:
            kept = (points, scores[1]) if role == 0 else (scores[0], points)
            to_act = OVER if is_last or points >= self._goal else 1 - role
            return Race(kept, 1 - role, 0, to_act, num_decisions, _event(role, 0, total))
        if to_act >= 0 and action == ROLL and points < self._goal:
            return Race(scores, role, total, OVER if is_last else CHANCE, num_decisions, last)
        raise ValueError(f"{action!r} is not possible in {state!r}")

    def returns(self, state: Race) -> tuple[float, ...]:
        if max(state.scores) < self._goal:
            return (0.0, 0.0)
        return (1.0, -1.0) if state.scores[0] > state.scores[1] else (-1.0, 1.0)

    def view(self, state: Race, role: int) -> View:
        return View(role, state)

    def observe(self, state: Race, role: int) -> Observation:
        return Observation(role, self._render_race(state, role), self.legal(state) if state.role == role else ())

    def rules(self) -> str:
        goal, sides = self._rules
        return (
            f"Pig. Two players race to {goal} points. In your turn you roll one die with {sides} sides as often as you "
            f"like. A roll of 2 to {sides} adds to your turn total. A 1 loses the turn total and ends your turn. If "
            "you stop, the turn total is added to your score and the other's turn begins. "
            f"You win when you stop with {goal} points or more; once score plus turn total is {goal}, you must stop. "
            f"After {self._max_decisions} decisions the game is a draw. Moves: 'roll' or 'stop'."
        )

    def render(self, view: View) -> str:
        return self._render_race(view.race, view.role)

    def _render_race(self, race: Race, role: int) -> str:
        scores, turn, total, _, num_decisions, last = race
        event = _render_event(last, role) if last is not None else ""
        text = _render_scores(self._goal, scores[role], scores[1 - role]) + event + _render_turn(turn == role, total)
        left = self._max_decisions - num_decisions
        return text if left > _LAST_DECISIONS else f"{text}\nDecisions left before a draw: {left}."

    def notation(self, state: Race) -> dict[str, Action]:
        return _SPELLINGS

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Maximises the probability of winning, ignoring the draw after too many decisions."""
        race = view.race
        mine, theirs = race.scores[race.role], race.scores[1 - race.role]
        roll = mine + race.total < self._goal and _choose_rolls(self._rules, mine, theirs)[race.total]
        return ((ROLL if roll else STOP, 1.0),)


class Rules(NamedTuple):
    """The settings on which the solution depends."""

    goal: int
    sides: int


# Probability of winning at the start of a turn, by own points, then by the other's.
_Chances: TypeAlias = list[list[float]]


_event = functools.lru_cache(_NUM_CACHED)(Event)  # the same few events recur


@functools.lru_cache(_NUM_CACHED)
def _render_scores(goal: int, mine: int, theirs: int) -> str:
    return f"Goal: {goal}. Your score: {mine}. Other's score: {theirs}.\n"


@functools.lru_cache(_NUM_CACHED)
def _render_event(last: Event, role: int) -> str:
    who, what = "you" if last.role == role else "other", f"rolled {last.die}"
    if last.die <= 1:
        what = f"rolled 1 and lost {last.points}" if last.die else f"stopped and kept {last.points}"
    return f"Last: {who} {what}.\n"


@functools.lru_cache(_NUM_CACHED)
def _render_turn(own: bool, total: int) -> str:
    return f"{_TURNS[own]} turn. Turn total: {total}."


@functools.lru_cache(16_384)
def _choose_rolls(rules: Rules, mine: int, theirs: int) -> tuple[bool, ...]:
    """Decides whether to roll, for each number of points of the turn below the goal."""
    chances = winning_chances(rules)
    values, _ = _turn_chances(rules, mine, 1 - chances[theirs][mine], chances[theirs])
    return tuple(k == 0 or values[k] > 1 - chances[theirs][mine + k] + _TOLERANCE for k in range(rules.goal - mine))


@functools.cache
def winning_chances(rules: Rules) -> _Chances:
    """Computes the chances under best play, from the end of the race backwards (Neller and Presser 2004)."""
    chances = [[0.5] * rules.goal for _ in range(rules.goal)]
    for points in range(2 * rules.goal - 2, -1, -1):
        for mine in range(max(0, points - rules.goal + 1), points // 2 + 1):
            theirs = points - mine
            chances[mine][theirs], chances[theirs][mine] = _solve_pair(rules, mine, theirs, chances)
    return chances


def _solve_pair(rules: Rules, mine: int, theirs: int, chances: _Chances) -> tuple[float, float]:
    """Computes the chance of a player who begins a turn with `mine` against `theirs` points, and with both exchanged.

    A turn without points only exchanges the players, so the two depend on each other: for a fixed strategy each is
    linear in the other. Newton's method finds the common solution in a few steps.
    """
    x = y = 0.5
    for _ in range(_MAX_STEPS):
        values, slopes = _turn_chances(rules, mine, 1 - y, chances[theirs])
        others, other_slopes = (
            (values, slopes) if mine == theirs else _turn_chances(rules, theirs, 1 - x, chances[mine])
        )
        a, b, c, d = values[0], slopes[0], others[0], other_slopes[0]
        if abs(a - x) + abs(c - y) < _TOLERANCE:
            return x, y
        # Around here x is a less b times the change of y, and y is c less d times the change of x.
        x, y = (a - b * (c - y) - b * d * x) / (1 - b * d), (c - d * (a - x) - b * d * y) / (1 - b * d)
    raise AssertionError(f"no solution at {mine} to {theirs} by {rules!r}")


def _turn_chances(rules: Rules, mine: int, lost: float, stopped: list[float]) -> tuple[list[float], list[float]]:
    """Computes the chance of winning for each number of the turn's points so far, and its derivative by `lost`.

    The first roll is always taken: it risks nothing.

    Args:
        rules: goal and die.
        mine: the points of the player whose turn it is.
        lost: the player's chance after a turn without points.
        stopped: the other's chances after a stop, by the player's points then.
    """
    sides, need = rules.sides, rules.goal - mine
    values, slopes = [1.0] * (need + sides + 1), [0.0] * (need + sides + 1)
    total, slope = sides - 1.0, 0.0  # sums over the rolls of 2 or more
    for k in range(need - 1, -1, -1):
        total += values[k + 2] - values[k + sides + 1]
        slope += slopes[k + 2] - slopes[k + sides + 1]
        rolled = (lost + total) / sides
        if k and (kept := 1 - stopped[mine + k]) > rolled:
            values[k] = kept
        else:
            values[k], slopes[k] = rolled, (1 + slope) / sides
    return values, slopes


GAME = PigDice()
