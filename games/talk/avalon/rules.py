"""The rules of Avalon: its settings, the effect of each move, the winner, and each player's knowledge."""

import functools
import random
from dataclasses import dataclass
from typing import ClassVar

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.talk.avalon.reading import (
    CARD_SPELLINGS,
    VOTE_SPELLINGS,
    list_name_spellings,
    list_teams,
    parse_seats,
    read_statement,
    read_team,
    spell_team,
)
from mirrormatch.games.talk.avalon.solver import choose_move
from mirrormatch.games.talk.avalon.state import (
    ASSASSIN,
    ASSASSINATE,
    BALLOT,
    CARDS,
    DEAL,
    END,
    EVIL,
    HARD_FROM,
    MAX_PROPOSALS,
    MERLIN,
    MINION,
    MORGANA,
    NOT_DEALT,
    NUM_GOOD,
    NUM_QUESTS,
    PASS,
    PERCIVAL,
    PROPOSE,
    QUEST,
    SERVANT,
    TALK,
    TEAM_SIZES,
    TO_WIN,
    VOTE,
    Board,
    Ending,
    Proposal,
    Quest,
    Setup,
    Table,
    Team,
    View,
)
from mirrormatch.games.talk.avalon.wording import ROLE_NAMES, render_view, report_proposal
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem

_NUM_CACHED = 4_096  # results of each function that is called again and again


@dataclass(frozen=True)
class AvalonSettings(GameSettings):
    """The number of players, the amount of talk, and the special roles."""

    players: int = setting(5, "how many players", range(5, 11))
    talk: int = setting(1, "how often each player speaks about a proposed team", range(3))
    percival: str = setting("no", "whether a servant is Percival and a minion Morgana", ("no", "yes"))


_DEFAULT = AvalonSettings()


class Avalon(Game[Table, View]):
    """A team game of hidden loyalty: good players must succeed in quests while evil ones, unknown to them, sabotage.

    Five to ten players are dealt roles: of 5, 6, 7, 8, 9, 10 players 3, 4, 4, 5, 6, 6 are good. Merlin is good and
    knows who is evil; the other good players are loyal servants and know nothing. One evil player is the Assassin, the
    others are minions; the evil players know each other. With `percival=yes` one servant is Percival, who is told two
    players, Merlin and Morgana, but not which is which, and one minion is Morgana.

    The players go on up to five quests, with teams of 2, 3, 2, 3, 3 (5 players); 2, 3, 4, 3, 4 (6); 2, 3, 3, 4, 4 (7);
    3, 4, 4, 5, 5 (8 to 10). The first leader is drawn. The leader proposes a team (`1 3`), with or without itself;
    then each player, the leader first, says something of at most 120 characters or passes (`talk=0`: nobody, `talk=2`:
    twice; each sees the latest 20 statements); then all vote, none seeing the votes of the others, and all votes are
    shown. With more yes than no the team goes; otherwise the next player leads and proposes. When five proposals for
    one quest are rejected evil wins. Each member of the team lays a card, `success` or, only if evil, `fail`; everybody
    learns how many fails there were, not whose. One fail makes a quest fail; two are needed in the fourth quest with 7
    or more players. The next player then leads. Three failed quests win for evil. After three successes the Assassin
    names a good player: if that is Merlin evil wins after all, otherwise good wins. Each winner gets 1, each loser -1,
    which doesn't add up to 0 as the teams differ in size. A player who fails to move loses the game for the own team.

    The rule-based good player weighs who can be evil after the quests and votes so far, and proposes and approves teams
    that are likely to succeed; Merlin, who knows, proposes the least conspicuous safe team, and in the first quest
    votes like a servant. The evil ones send just as many of them as it takes and lay no needless fail; the Assassin
    names whose votes fitted the truth best. Between such teams each side wins about half of the games.
    """

    examples: ClassVar[tuple[str, ...]] = ("talk=0", "percival=yes", "players=7,talk=0", "players=10,percival=yes")

    def __init__(self, settings: AvalonSettings = _DEFAULT) -> None:
        self.settings: AvalonSettings = settings
        num = settings.players
        self._setup = setup = Setup(
            cast=_list_cast(num, percival=settings.percival == "yes"),
            num_evil=num - NUM_GOOD[num],
            team_sizes=TEAM_SIZES[num],
            num_statements=num * settings.talk,
        )
        self.info = Info(
            name=settings.full_name("avalon"), version=3, roles=tuple(f"player {k + 1}" for k in range(num)),
            min_return=-1.0, max_return=1.0, zero_sum=False,
            max_turns=NUM_QUESTS * MAX_PROPOSALS * (1 + setup.num_statements + num) + sum(setup.team_sizes) + 1,
            hidden=True, random=True, open_text=settings.talk > 0, solver="rules", forfeit=-1.0, win_at=1.0,
            source="Eskridge 2012, The Resistance: Avalon",
        )  # fmt: skip

    def start(self) -> Table:
        return Table(
            roles=(),
            board=Board(DEAL, NOT_DEALT),
            to_move=CHANCE,
            votes=(),
            cards=(),
            laid=((),) * self.settings.players,
            named=NOT_DEALT,
        )

    def to_act(self, state: Table) -> int:
        return state.to_move

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        if len(state.roles) < self.settings.players:
            return _list_role_outcomes(self._setup.cast, state.roles)
        return tuple((seat, 1 / self.settings.players) for seat in self.info.roles)

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        role, board = state.to_move, state.board
        if role < 0:
            return ()
        if board.stage == VOTE:
            return BALLOT
        if board.stage == PROPOSE:
            return tuple(list_teams(self.settings.players, self._team_size(board)))
        if board.stage == QUEST:
            return CARDS if state.roles[role] in EVIL else CARDS[1:]
        return None if board.stage == TALK else _list_targets(state.roles)

    def apply(self, state: Table, action: Action) -> Table:
        role, stage = state.to_move, state.board.stage
        if role == CHANCE:
            return self._deal(state, action)
        if stage == TALK:
            return self._add_statement(state, action)
        if action not in (self.legal(state) or ()):
            raise ValueError(f"{action!r} is not allowed now")
        if stage == VOTE:
            return self._add_vote(state, action == "yes")
        if stage == PROPOSE:
            return self._discuss(state, parse_seats(action), ())
        if stage == QUEST:
            return self._lay_card(state, action)
        return state._replace(board=state.board._replace(stage=END), to_move=OVER, named=int(action) - 1)

    def returns(self, state: Table) -> tuple[float, ...]:
        return _pay_teams(state.roles, evil_wins=not _is_won_by_good(state))

    def forfeit_returns(self, state: Table, role: int) -> tuple[float, ...]:
        """The offender's team loses, the other one wins."""
        return _pay_teams(state.roles, evil_wins=state.roles[role] not in EVIL)

    def view(self, state: Table, role: int) -> View:
        board = state.board
        if board.leader == NOT_DEALT:
            return View(role, own="", known=(), board=board, vote=None, card="", cards=(), ending=None)
        card = ""
        if board.stage == QUEST:
            turns = dict(zip(board.proposals[-1].team, state.cards, strict=False))
            card = turns.get(role, "")
        return View(
            role=role,
            own=state.roles[role],
            known=_find_known(state.roles, role),
            board=board,
            vote=state.votes[role] if role < len(state.votes) else None,
            card=card,
            cards=state.laid[role],
            ending=Ending(state.roles, state.named) if state.to_move == OVER else None,
        )

    def part(self, state: Table, role: int) -> str:
        """The role in the story, `merlin` for instance; the seat's name before the deal."""
        return state.roles[role] if role < len(state.roles) else self.info.roles[role]

    def rules(self) -> str:
        setup, talk = self._setup, self.settings.talk
        counts = [(role, setup.cast.count(role)) for role in dict.fromkeys(setup.cast)]
        roles = ", ".join(f"{n} {r}{'s' * (n > 1)}" if r in (SERVANT, MINION) else ROLE_NAMES[r] for r, n in counts)
        percival = " Percival sees Merlin and Morgana, not which is which." if PERCIVAL in setup.cast else ""
        statements = {
            0: "Then", 1: "Then each player says something short or 'pass';",
            2: "Then each player twice says something short or 'pass';",
        }[talk]  # fmt: skip
        sizes, first_team = ", ".join(map(str, setup.team_sizes)), spell_team(tuple(range(setup.team_sizes[0])))
        hard = " (two in quest 4)" if setup.num_players >= HARD_FROM else ""
        return (
            f"Avalon, {setup.num_players} players: {roles}. The last {setup.num_evil} are evil and know each other; "
            f"the others are good. Merlin knows who is evil.{percival} Quests 1 to 5 take {sizes} players. The leader "
            f"proposes a team, with or without itself: '{first_team}'. {statements} all vote secretly, 'yes' or 'no', "
            "and the votes are shown. Without a majority of yes the next player leads; after 5 rejected teams in one "
            "quest evil wins. On a quest each member plays 'success' or, only if evil, 'fail'; only the number of "
            f"fails is shown. One fail{hard} makes the quest fail. After three failed quests evil wins. After three "
            "successes the Assassin names a player by number: if that is Merlin, evil wins, otherwise good wins."
        )

    def render(self, view: View) -> str:
        return render_view(self._setup, view)

    def parse(self, state: Table, text: str) -> Action | Problem:
        stage = state.board.stage
        if stage == TALK:
            return read_statement(text)
        if stage == PROPOSE:
            return read_team(text, self.settings.players, self._team_size(state.board))
        return super().parse(state, text)

    def notation(self, state: Table) -> dict[str, Action]:
        stage = state.board.stage
        if stage == VOTE:
            return VOTE_SPELLINGS
        if stage == QUEST:
            return CARD_SPELLINGS
        if stage == PROPOSE:
            return list_teams(self.settings.players, self._team_size(state.board))
        return list_name_spellings(self.settings.players) if stage == ASSASSINATE else {}

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """A random legal move; in talk, random trust or distrust in a random player, or silence."""
        if legal is not None:
            return rng.choice(legal)
        player = rng.randrange(self.settings.players) + 1
        return rng.choice((PASS, f"I trust player {player}.", f"I do not trust player {player}.", "I am good."))

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The rule-based player's moves; the class's documentation describes them."""
        return choose_move(self._setup, view)

    def _team_size(self, board: Board) -> int:
        return self._setup.team_sizes[len(board.quests)]

    def _deal(self, state: Table, action: Action) -> Table:
        if action not in (a for a, _ in self.chance(state)):
            raise ValueError(f"{action!r} can't be dealt after {state.roles}")
        if len(state.roles) < self.settings.players:
            return state._replace(roles=(*state.roles, action))
        leader = self.info.roles.index(action)
        return state._replace(board=Board(PROPOSE, leader), to_move=leader)

    def _discuss(self, state: Table, team: Team, statements: tuple[str, ...]) -> Table:
        """The state with a proposed team and these statements about it."""
        board = state.board
        stage, to_move = TALK, (board.leader + len(statements)) % self.settings.players
        if len(statements) == self._setup.num_statements:
            stage, to_move = VOTE, 0
        num_statements = board.num_statements + len(statements) - len(board.statements)
        board = board._replace(stage=stage, team=team, statements=statements, num_statements=num_statements)
        return state._replace(board=board, to_move=to_move)

    def _add_statement(self, state: Table, action: Action) -> Table:
        statement = read_statement(action)
        if isinstance(statement, Problem):
            raise ValueError(f"{action!r}: {statement.detail}")
        statements = (*state.board.statements, "" if statement == PASS else statement)
        return self._discuss(state, state.board.team, statements)

    def _add_vote(self, state: Table, vote: bool) -> Table:
        votes, num = (*state.votes, vote), self.settings.players
        if len(votes) < num:
            return state._replace(votes=votes, to_move=len(votes))
        board = state.board
        proposal = Proposal(board.leader, board.team, board.statements, votes)
        proposals = (*board.proposals, proposal)
        leader = (board.leader + 1) % num
        stage, to_move = PROPOSE, leader
        if 2 * sum(votes) > num:
            stage, to_move = QUEST, board.team[0]
        elif len(proposals) == MAX_PROPOSALS:
            stage, to_move = END, OVER
        board = board._replace(
            stage=stage,
            leader=leader,
            proposals=proposals,
            reports=(*board.reports, report_proposal(len(proposals), proposal)),
            team=(),
            statements=(),
        )
        return state._replace(board=board, to_move=to_move, votes=())

    def _lay_card(self, state: Table, card: Action) -> Table:
        board, cards = state.board, (*state.cards, card)
        team = board.proposals[-1].team
        if len(cards) < len(team):
            return state._replace(cards=cards, to_move=team[len(cards)])
        num_fails = cards.count("fail")
        num_lost = board.num_lost + (num_fails >= self._setup.fails_needed(len(board.quests)))
        quests = (*board.quests, Quest(board.proposals, board.reports, num_fails))
        stage, to_move = PROPOSE, board.leader
        if len(quests) - num_lost == TO_WIN:
            stage, to_move = ASSASSINATE, state.roles.index(ASSASSIN)
        elif num_lost == TO_WIN:
            stage, to_move = END, OVER
        return state._replace(
            board=board._replace(stage=stage, quests=quests, num_lost=num_lost, proposals=(), reports=()),
            to_move=to_move,
            cards=(),
            laid=tuple((*own, cards[team.index(p)] if p in team else "") for p, own in enumerate(state.laid)),
        )


def _list_cast(num_players: int, percival: bool) -> tuple[str, ...]:
    """All roles, the good ones first."""
    num_good = NUM_GOOD[num_players]
    good = (MERLIN, *((PERCIVAL,) * percival))
    evil = (ASSASSIN, *((MORGANA,) * percival))
    servants = (SERVANT,) * (num_good - len(good))
    return (*good, *servants, *evil, *((MINION,) * (num_players - num_good - len(evil))))


@functools.lru_cache(_NUM_CACHED)
def _list_role_outcomes(cast: tuple[str, ...], dealt: tuple[str, ...]) -> tuple[tuple[Action, float], ...]:
    """The roles that chance may deal next, with their probabilities."""
    left = {role: cast.count(role) - dealt.count(role) for role in dict.fromkeys(cast)}
    return tuple((role, n / (len(cast) - len(dealt))) for role, n in left.items() if n)


@functools.lru_cache(_NUM_CACHED)
def _find_known(roles: tuple[str, ...], role: int) -> Team:
    """The players that a player knows from the beginning."""
    own = roles[role]
    seen = {MERLIN: EVIL, PERCIVAL: (MERLIN, MORGANA)}.get(own, EVIL if own in EVIL else ())
    return tuple(k for k, other in enumerate(roles) if other in seen and k != role)


@functools.lru_cache(_NUM_CACHED)
def _list_targets(roles: tuple[str, ...]) -> tuple[Action, ...]:
    """The players whom the Assassin may name."""
    return tuple(sorted(str(k + 1) for k, role in enumerate(roles) if role not in EVIL))


def _is_won_by_good(state: Table) -> bool:
    return state.named != NOT_DEALT and state.roles[state.named] != MERLIN


def _pay_teams(roles: tuple[str, ...], evil_wins: bool) -> tuple[float, ...]:
    return tuple(1.0 if (role in EVIL) == evil_wins else -1.0 for role in roles)
