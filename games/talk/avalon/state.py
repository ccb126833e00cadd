"""The state of a game of Avalon, the part of it that a player knows, and the tables of the rules."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from mirrormatch.games.types import Action

NUM_QUESTS = 5
TO_WIN = 3  # quests that succeed, or that fail
MAX_PROPOSALS = 5  # of one quest; when all are rejected evil wins
NUM_GOOD = {5: 3, 6: 4, 7: 4, 8: 5, 9: 6, 10: 6}  # by the number of players, as on the boards of the game
TEAM_SIZES = {
    5: (2, 3, 2, 3, 3), 6: (2, 3, 4, 3, 4), 7: (2, 3, 3, 4, 4),
    8: (3, 4, 4, 5, 5), 9: (3, 4, 4, 5, 5), 10: (3, 4, 4, 5, 5),
}  # fmt: skip
HARD_QUEST, HARD_FROM = 3, 7  # the fourth quest takes two fails to fail, with seven or more players

MERLIN, PERCIVAL, SERVANT = "merlin", "percival", "servant"
ASSASSIN, MORGANA, MINION = "assassin", "morgana", "minion"
EVIL = (ASSASSIN, MORGANA, MINION)

# stages of the game
DEAL, PROPOSE, TALK, VOTE, QUEST, ASSASSINATE, END = range(7)

BALLOT, CARDS = ("no", "yes"), ("fail", "success")
PASS = "pass"
NOT_DEALT = -1

Team: TypeAlias = tuple[int, ...]  # seats in order, counted from 0
Report: TypeAlias = tuple[str, ...]  # a proposal in words: one text for each player, then one without statements


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """The numbers that the settings fix for a whole game.

    Attributes:
        cast: all roles, the good ones first.
        num_evil: the number of evil players.
        team_sizes: the size of each quest's team.
        num_statements: the number of statements about each proposed team.
    """

    cast: tuple[str, ...]
    num_evil: int
    team_sizes: tuple[int, ...]
    num_statements: int

    @property
    def num_players(self) -> int:
        return len(self.cast)

    def fails_needed(self, quest: int) -> int:
        """Number of cards that make the quest fail."""
        return 2 if quest == HARD_QUEST and self.num_players >= HARD_FROM else 1


class Proposal(NamedTuple):
    """A team that was voted on: the statements about it in turn, from the leader on, and the votes by seat."""

    leader: int
    team: Team
    statements: tuple[str, ...]
    votes: tuple[bool, ...]


class Quest(NamedTuple):
    """A finished quest: its proposals, the last of which was approved, their reports, and the number of fails."""

    proposals: tuple[Proposal, ...]
    reports: tuple[Report, ...]
    fails: int


class Board(NamedTuple):
    """The public part of the state.

    Attributes:
        stage: the stage of the game.
        leader: the player who proposes, or has proposed.
        quests: the finished quests.
        num_lost: the number of quests that failed.
        proposals: the proposals of this quest that were rejected, or just approved.
        reports: the same proposals in words.
        team: the team under discussion.
        statements: the statements about that team.
        num_statements: the number of statements in the whole game.
    """

    stage: int
    leader: int
    quests: tuple[Quest, ...] = ()
    num_lost: int = 0
    proposals: tuple[Proposal, ...] = ()
    reports: tuple[Report, ...] = ()
    team: Team = ()
    statements: tuple[str, ...] = ()
    num_statements: int = 0


class Table(NamedTuple):
    """The state.

    Attributes:
        roles: the role of each seat.
        board: the public part.
        to_move: the player to move, chance, or `OVER`.
        votes: the votes on the team under discussion, by seat.
        cards: the cards of the quest under way, in the order of its team.
        laid: by seat, the cards of the finished quests; empty where the player wasn't on the team.
        named: the player whom the Assassin takes for Merlin.
    """

    roles: tuple[str, ...]
    board: Board
    to_move: int
    votes: tuple[bool, ...]
    cards: tuple[Action, ...]
    laid: tuple[tuple[Action, ...], ...]
    named: int


class Ending(NamedTuple):
    """The part of the state that becomes public at the end."""

    roles: tuple[str, ...]
    named: int


class View(NamedTuple):
    """The part of the state that a player knows.

    Attributes:
        role: the seat.
        own: the player's role in the story.
        known: the players it knows: evil players know the other evil ones, Merlin all evil ones, Percival Merlin and
            Morgana.
        board: the public part of the state.
        vote: the player's vote on the team under discussion, once given.
        card: the player's card in the quest under way, once laid.
        cards: the player's cards in the finished quests; empty where it wasn't on the team.
        ending: all roles, when the game is over.
    """

    role: int
    own: str
    known: Team
    board: Board
    vote: bool | None
    card: Action
    cards: tuple[Action, ...]
    ending: Ending | None
