"""The records that games exchange with players: actions, observations, problems, and a game's facts.

They contain text and numbers only; tokens, prompts and models don't occur here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

CHANCE = -1  # result of to_act: chance is the player
OVER = -2  # result of to_act: the game is over

Action: TypeAlias = str
Outcome: TypeAlias = Literal["win", "draw", "loss"]
Kind: TypeAlias = Literal["zero-sum", "cooperative", "mixed", "single-player"]


class ProblemKind(StrEnum):
    """The reason why a reply isn't a move."""

    NONE = "none"  # no move found in it
    AMBIGUOUS = "ambiguous"  # two different moves found in it
    ILLEGAL = "illegal"  # a move of the game, but not one allowed now
    TRUNCATED = "truncated"  # cut off by the token budget before an answer
    TOO_LONG = "too_long"  # more characters than the parser accepts
    GARBLED = "garbled"  # not valid text


class Problem(NamedTuple):
    """A reply that isn't a move. It is data: recorded, counted, never raised."""

    kind: ProblemKind
    detail: str


class Observation(NamedTuple):
    """A role's rendered view of a state, and its legal moves.

    Attributes:
        role: the seat, counted from 0.
        text: everything that the role may know, rendered.
        legal: the legal moves, sorted; None where the text is free (the game's rules give the grammar).
    """

    role: int
    text: str
    legal: tuple[Action, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """A game's constant facts, declared here and verified by the contract.

    Attributes:
        name: name of the game's file; a variant's name includes its settings: `"liars_dice:players=4"`.
        version: number that every change of rules or rendering increases, together with a new golden transcript.
        roles: names of the seats, in order.
        min_return: lower bound on every role's return.
        max_return: upper bound on every role's return.
        zero_sum: whether the roles' returns add up to 0 in every game.
        max_turns: upper bound on the number of decisions, chance not counted.
        hidden: whether some role doesn't know everything that has happened.
        random: whether the game has chance nodes.
        open_text: whether moves may contain free text.
        solver: quality of `solution`: `"exact"` (an equilibrium or minimax), `"rules"` (sensible) or None.
        forfeit: upper bound on the return of a role that fails to move: the value of a loss.
        source: origin of the rules.
        cooperative: whether all roles always get the same return.
        win_at: lowest return that counts as a win, every lower one being a loss; None where the best return wins and
            sharing it is a draw. Games for one player, for a team or for two teams need it.
    """

    name: str
    version: int
    roles: tuple[str, ...]
    min_return: float
    max_return: float
    zero_sum: bool
    max_turns: int
    hidden: bool
    random: bool
    open_text: bool
    solver: Literal["exact", "rules"] | None
    forfeit: float
    source: str
    cooperative: bool = False
    win_at: float | None = None

    @property
    def is_two_player_zero_sum(self) -> bool:
        """Whether two players meet whose returns add up to 0, as exploitability and duel solvers require."""
        return self.zero_sum and len(self.roles) == 2

    @property
    def kind(self) -> Kind:
        """The relation between the roles' interests."""
        if len(self.roles) == 1:
            return "single-player"
        if self.zero_sum:
            return "zero-sum"
        return "cooperative" if self.cooperative else "mixed"
