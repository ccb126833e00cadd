"""The interface of a game: pure functions over an immutable, hashable state.

Chance is a player with explicit outcomes and probabilities, so a game holds no generator. A role's observation is
rendered from its `view`, which contains only what that role may know: a rendering can't leak what isn't in the view.
"""

import random
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from mirrormatch.games.player_text import LINE_FORM, read_move
from mirrormatch.games.settings import GameSettings
from mirrormatch.games.types import Action, Info, Observation, Outcome, Problem
from mirrormatch.seeds import derive

State = TypeVar("State")
View = TypeVar("View")


class Game(ABC, Generic[State, View]):
    """Rules, text and notation of one game. The docstring of a subclass is the game's documentation page.

    Attributes:
        info: the game's constant facts.
        settings: the game's options. A game that has any takes them as the only argument of its constructor.
        examples: representative settings, as written after the game's name; the contract is checked with each.
    """

    info: Info
    settings: GameSettings = GameSettings()
    examples: ClassVar[tuple[str, ...]] = ()

    def with_settings(self, given: str) -> "Game[Any, Any]":
        """Returns the same game with other settings, as written on a command line: `"players=4"`.

        Raises:
            UserError: there is no such setting, or it doesn't take that value.
        """
        changed = self.settings.read(given, self.info.name)
        return type(self)(changed)  # type: ignore[call-arg]  # only games with settings get here

    @abstractmethod
    def start(self) -> State:
        """The initial state."""

    @abstractmethod
    def to_act(self, state: State) -> int:
        """The role to act, or `CHANCE`, or `OVER`."""

    def chance(self, state: State) -> tuple[tuple[Action, float], ...]:
        """The outcomes of a chance node and their probabilities, which add up to 1."""
        raise ValueError(f"{self.info.name} has no chance node at {state!r}")

    @abstractmethod
    def legal(self, state: State) -> tuple[Action, ...] | None:
        """The legal moves of the role to act, sorted; None where the text is free."""

    @abstractmethod
    def apply(self, state: State, action: Action) -> State:
        """Returns the next state.

        Raises:
            ValueError: the action is not allowed in this state.
        """

    @abstractmethod
    def returns(self, state: State) -> tuple[float, ...]:
        """Each role's return in the game's own unit; defined only when the game is over."""

    def reward(self, state: State, action: Action, after: State) -> tuple[float, ...] | None:
        """The part of each role's return that an action earns; None if returns are only known at the end.

        Defined for all actions of a game, chance's included, or for none. The rewards of a game sum to its returns.

        Args:
            state: the state before the action.
            action: the action, of a role or of chance.
            after: the state that it leads to.
        """
        return None

    @abstractmethod
    def view(self, state: State, role: int) -> View:
        """Everything that the role may know, hashable: its information state."""

    def part(self, state: State, role: int) -> str:
        """The part that the role plays, which is dealt in games of hidden roles: `"spy"`.

        Baselines of training are kept by part. It is the seat's name by default and wherever the parts are not dealt
        yet; it stays the same from the first move to the end.
        """
        return self.info.roles[role]

    @abstractmethod
    def rules(self) -> str:
        """The text of the rules, which every role gets before the game."""

    @abstractmethod
    def render(self, view: View) -> str:
        """Renders the view as text."""

    def observe(self, state: State, role: int) -> Observation:
        """Returns the role's observation, with the legal moves if it is to act."""
        legal = self.legal(state) if self.to_act(state) == role else ()
        return Observation(role, self.render(self.view(state, role)), legal)

    def parse(self, state: State, text: str) -> Action | Problem:
        """Finds the move that the text names. Forgives spelling, never guesses between two moves."""
        legal = self.legal(state)
        assert legal is not None, f"{self.info.name} has free text and must define parse()"
        return text if text in legal else read_move(text, legal, self.notation(state))

    def notation(self, state: State) -> dict[str, Action]:
        """Every spelling of a move of this game, legal now or not, in lower case."""
        return {action: action for action in self.legal(state) or ()}

    def form(self, view: View) -> str:
        """A regular expression of the moves where text is free, to which a model's answer can be held.

        It uses only literals, classes, groups, `|`, `?` and `{m,n}`. It may leave out spellings, but no kind of move.
        """
        return LINE_FORM

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """A good player's moves at this view and their probabilities; defined only if `info.solver` is set."""
        raise NotImplementedError(f"{self.info.name} has no solver")

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Draws a random move. Games with free text override this to generate a random player's text."""
        assert legal is not None, f"{self.info.name} has free text and must define sample()"
        return rng.choice(legal)

    def forfeit(self, state: State, role: int) -> float:
        """The return of a role that fails to move here: the value of a loss, never more than `info.forfeit`."""
        return self.info.forfeit

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...] | None:
        """Returns the actions of the same finished game with the two seats exchanged, or None.

        Defined only if the seats are equal: the exchanged game must end with the returns exchanged.

        Args:
            path: every action in order, chance's included.
        """
        return None

    def forfeit_returns(self, state: State, role: int) -> tuple[float, ...]:
        """The returns when a role fails to move: its forfeit, and an equal share of the gain for each other role.

        In a cooperative game every role gets the forfeit.
        """
        loss = self.forfeit(state, role)
        if self.info.cooperative:
            return (loss,) * len(self.info.roles)
        num_others = len(self.info.roles) - 1
        share = -loss / num_others if num_others else 0.0
        return tuple(loss if r == role else share for r in range(num_others + 1))


def compute_view_key(info: Info, observation: Observation) -> int:
    """Computes a number for the game and what a role sees: the same in every process for equal observations."""
    return derive(info.version, "view", info.name, observation.role, observation.text, *(observation.legal or ()))


def sample_chance(chance: tuple[tuple[Action, float], ...], rng: random.Random) -> Action:
    """Draws an outcome of a chance node by its probability, with one number from the generator."""
    point, total = rng.random(), 0.0
    for action, probability in chance:
        total += probability
        if point < total:
            return action
    return chance[-1][0]  # rounding errors leave a sliver below 1


def outcomes(info: Info, returns: tuple[float, ...]) -> tuple[Outcome, ...]:
    """Win, draw or loss for each role: by `info.win_at` if set, else the best return wins and sharing it is a draw."""
    if info.win_at is not None:
        return tuple("win" if r >= info.win_at else "loss" for r in returns)
    best = max(returns)
    top: Outcome = "win" if returns.count(best) == 1 else "draw"
    return tuple(top if r == best else "loss" for r in returns)
