"""The small records that a game speaks in.

They hold text and numbers only; no token, prompt or model is known here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

CHANCE = -1  # to_act: chance is the player
OVER = -2  # to_act: nobody, the game is over

Action: TypeAlias = str
Outcome: TypeAlias = Literal["win", "draw", "loss"]
Kind: TypeAlias = Literal["zero-sum", "cooperative", "mixed", "single-player"]


class ProblemKind(StrEnum):
    """Why a reply isn't a move."""

    NONE = "none"  # no move found in it
    AMBIGUOUS = "ambiguous"  # two different moves found in it
    ILLEGAL = "illegal"  # a move of the game, but not one allowed now
    TRUNCATED = "truncated"  # cut off by the token budget before an answer
    TOO_LONG = "too_long"  # more characters than anybody reads
    GARBLED = "garbled"  # not valid text


class Problem(NamedTuple):
    """A reply that isn't a move. It is data: recorded, counted, never raised."""

    kind: ProblemKind
    detail: str


class Observation(NamedTuple):
    """What a role is shown when it is to act.

    Attributes:
        role: the seat, counted from 0.
        text: everything that the role may know, rendered.
        legal: the allowed moves, sorted; None where the text is free (the game's rules give the grammar).
    """

    role: int
    text: str
    legal: tuple[Action, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What is always true of a game, declared here and verified by the contract.

    Attributes:
        name: the name of its file; of a variant, with its settings: `"liars_dice:players=4"`.
        version: raised by every change of rules or rendering, together with the golden transcript.
        roles: what the seats are called, in order.
        min_return: no role ever ends below it.
        max_return: no role ever ends above it.
        zero_sum: the returns of the roles add up to 0 in every game.
        max_turns: no game has more decisions (chance not counted).
        hidden: some role doesn't know everything that has happened.
        random: chance has a hand in it.
        open_text: moves may carry free text.
        solver: what `solution` is: `"exact"` (an equilibrium or minimax), `"rules"` (sensible) or None.
        forfeit: what a role gets for failing to make a move, at best: the worth of a loss.
        source: where the rules come from.
        cooperative: all roles always get the same return.
        win_at: the return from which on a role has won, every other being a loss; None where the best return wins and
            sharing it is a draw. Games for one, for a team or for two teams need it.
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
        """How the roles' interests relate to each other."""
        if len(self.roles) == 1:
            return "single-player"
        if self.zero_sum:
            return "zero-sum"
        return "cooperative" if self.cooperative else "mixed"
