"""The Resistance: Avalon."""

import functools
import itertools
import math
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import CHAT_CHARS, clean_message, normalise, quote_message
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind
from mirrormatch.text import one_line

NUM_QUESTS = 5
TO_WIN = 3  # quests that succeed, or that fail
MAX_PROPOSALS = 5  # of one quest; when all are rejected evil wins
NUM_GOOD = {5: 3, 6: 4, 7: 4, 8: 5, 9: 6, 10: 6}  # by the number of players, as on the boards of the game
TEAM_SIZES = {
    5: (2, 3, 2, 3, 3), 6: (2, 3, 4, 3, 4), 7: (2, 3, 3, 4, 4),
    8: (3, 4, 4, 5, 5), 9: (3, 4, 4, 5, 5), 10: (3, 4, 4, 5, 5),
}  # fmt: skip
HARD_QUEST, HARD_FROM = 3, 7  # the fourth quest takes two fails to fail, with seven or more players
SHOWN_STATEMENTS = 20  # the latest ones: a talk of 250 statements is nothing to read before every move

MERLIN, PERCIVAL, SERVANT = "merlin", "percival", "servant"
ASSASSIN, MORGANA, MINION = "assassin", "morgana", "minion"
EVIL = (ASSASSIN, MORGANA, MINION)

# stages of the game
DEAL, PROPOSE, TALK, VOTE, QUEST, ASSASSINATE, END = range(7)

Team: TypeAlias = tuple[int, ...]  # seats in order, counted from 0
Told: TypeAlias = tuple[str, ...]  # a proposal in words, as each player is told of it; at last without what was said

_NUM_CACHED = 4_096  # results of each function that rendering, reading and the rules of thumb call again and again
_READ_CHARS = 4 * CHAT_CHARS  # of a statement, before its quotation marks are taken off and it is cut
_AROUND = " \t\r\n,;\"'`*_[]{}<>$\\"  # what a statement may be wrapped in
_PASS = "pass"
_NOT_DEALT = -1
_NAMES = {
    MERLIN: "Merlin", PERCIVAL: "Percival", SERVANT: "a loyal servant",
    ASSASSIN: "the Assassin", MORGANA: "Morgana", MINION: "a minion",
}  # fmt: skip
_BALLOT, _CARDS = ("no", "yes"), ("fail", "success")
_VOTES = {
    **dict.fromkeys(("yes", "y", "approve", "vote yes", "for"), "yes"),
    **dict.fromkeys(("no", "n", "reject", "vote no", "against"), "no"),
}
_CARD_SPELLINGS = {
    **dict.fromkeys(("success", "succeed", "play success"), "success"),
    **dict.fromkeys(("fail", "failure", "play fail"), "fail"),
}
_NAME_FORMS = ("{}", "player {}", "name {}", "name player {}", "kill {}", "kill player {}", "merlin is player {}")
_TEAM = re.compile(r"(?:i )?(?:propose )?(?:the |a )?(?:team )?(?:of )?((?:(?:players?|,|&|\+|and|\d{1,3})\s*)+)")
_NUMBER = re.compile(r"\d+")
# the rules of thumb
_ONLOOKER = "onlooker"  # who knows only what all know
_TIE_BREAK = 0.001  # of Merlin's choice among safe teams: how safe they look to the others
_CHOOSY, _YIELDING = 0.9, 0.15  # which part of the best team's chance a team must have; less after each rejection
_SABOTAGE = 0.8  # how often an evil member of a team is taken to fail it
# How often a vote is taken to be a yes: of an evil player to a team that can fail, to one that can't, of a good player.
_YES_TO_DIRTY, _YES_TO_SAFE, _YES_OF_GOOD = 0.7, 0.4, 0.5
_LED_DIRTY, _LED_SAFE = 0.8, 0.2  # how often an evil leader is taken to propose a team that can fail, or that can't


@dataclass(frozen=True)
class AvalonSettings(GameSettings):
    """How many play, how much they talk, and with which roles."""

    players: int = setting(5, "how many players", range(5, 11))
    talk: int = setting(1, "how often each player speaks about a proposed team", range(3))
    percival: str = setting("no", "whether a servant is Percival and a minion Morgana", ("no", "yes"))


_DEFAULT = AvalonSettings()


class Proposal(NamedTuple):
    """A team that was voted on: what was said about it in turn, from the leader on, and the votes by seat."""

    leader: int
    team: Team
    said: tuple[str, ...]
    votes: tuple[bool, ...]


class Quest(NamedTuple):
    """A quest that was played: its proposals, the last of which was approved, and how many cards were fails."""

    proposals: tuple[Proposal, ...]
    told: tuple[Told, ...]
    fails: int


class Board(NamedTuple):
    """What everybody sees.

    Attributes:
        stage: of the game.
        leader: who proposes, or has proposed.
        quests: those played.
        num_lost: how many of them failed.
        proposals: the rejected or just approved teams.
        told: them in words.
        team: the one under discussion.
        said: about it.
        num_said: how many statements were made in the whole game.
    """

    stage: int
    leader: int
    quests: tuple[Quest, ...] = ()
    num_lost: int = 0
    proposals: tuple[Proposal, ...] = ()
    told: tuple[Told, ...] = ()
    team: Team = ()
    said: tuple[str, ...] = ()
    num_said: int = 0


class Table(NamedTuple):
    """The state: the roles by seat, the public board, who acts, and what has been laid down but not shown.

    Attributes:
        votes: on the team under discussion, by seat.
        cards: of the quest under way, in the order of its team.
        laid: by seat, the cards of the quests played; empty where it wasn't on the team.
        named: who the Assassin takes for Merlin.
    """

    roles: tuple[str, ...]
    board: Board
    to_move: int
    votes: tuple[bool, ...]
    cards: tuple[Action, ...]
    laid: tuple[tuple[Action, ...], ...]
    named: int


class Ending(NamedTuple):
    """What all are told at the end."""

    roles: tuple[str, ...]
    named: int


class View(NamedTuple):
    """What a player knows.

    Attributes:
        role: the seat.
        own: its role in the story.
        known: whom it knows: evil players know the other evil ones, Merlin all of them, Percival Merlin and Morgana.
        board: what everybody sees.
        vote: its vote on the team under discussion, once given.
        card: its card in the quest under way, once laid.
        cards: its cards in the quests played; empty where it wasn't on the team.
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
        num, percival = settings.players, settings.percival == "yes"
        self._sizes = TEAM_SIZES[num]
        self._num_evil = num - NUM_GOOD[num]
        self._cast = _cast(num, percival)
        self._num_statements = num * settings.talk
        self._headings = tuple(f"Quest {k}, team of {size}:" for k, size in enumerate(self._sizes, start=1))
        self.info = Info(
            name=settings.full_name("avalon"), version=1, roles=tuple(f"player {k + 1}" for k in range(num)),
            min_return=-1.0, max_return=1.0, zero_sum=False,
            max_turns=NUM_QUESTS * MAX_PROPOSALS * (1 + self._num_statements + num) + sum(self._sizes) + 1,
            hidden=True, random=True, open_text=settings.talk > 0, solver="rules", forfeit=-1.0, win_at=1.0,
            source="Eskridge 2012, The Resistance: Avalon",
        )  # fmt: skip

    def start(self) -> Table:
        return Table((), Board(DEAL, _NOT_DEALT), CHANCE, (), (), ((),) * self.settings.players, _NOT_DEALT)

    def to_act(self, state: Table) -> int:
        return state.to_move

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        if len(state.roles) < self.settings.players:
            return _role_outcomes(self._cast, state.roles)
        return tuple((seat, 1 / self.settings.players) for seat in self.info.roles)

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        role, board = state.to_move, state.board
        if role < 0:
            return ()
        if board.stage == VOTE:
            return _BALLOT
        if board.stage == PROPOSE:
            return tuple(_teams(self.settings.players, self._sizes[len(board.quests)]))
        if board.stage == QUEST:
            return _CARDS if state.roles[role] in EVIL else _CARDS[1:]
        return None if board.stage == TALK else _targets(state.roles)

    def apply(self, state: Table, action: Action) -> Table:
        role, stage = state.to_move, state.board.stage
        if role == CHANCE:
            return self._dealt(state, action)
        if stage == TALK:
            return self._spoken(state, action)
        if action not in (self.legal(state) or ()):
            raise ValueError(f"{action!r} is not allowed now")
        if stage == VOTE:
            return self._voted(state, action == "yes")
        if stage == PROPOSE:
            return self._discussed(state, _seats(action), ())
        if stage == QUEST:
            return self._carded(state, action)
        return state._replace(board=state.board._replace(stage=END), to_move=OVER, named=int(action) - 1)

    def returns(self, state: Table) -> tuple[float, ...]:
        return _paid(state.roles, evil_wins=not _good_wins(state))

    def forfeit_returns(self, state: Table, role: int) -> tuple[float, ...]:
        """The offender's team loses, the other one wins."""
        return _paid(state.roles, evil_wins=state.roles[role] not in EVIL)

    def view(self, state: Table, role: int) -> View:
        roles, board, to_move, votes, cards, laid, named = state
        if board.leader == _NOT_DEALT:
            return View(role, "", (), board, None, "", (), None)
        card = ""
        if board.stage == QUEST:
            turns = dict(zip(board.proposals[-1].team, cards, strict=False))
            card = turns.get(role, "")
        return View(
            role, roles[role], _known(roles, role), board, votes[role] if role < len(votes) else None, card,
            laid[role], Ending(roles, named) if to_move == OVER else None,
        )  # fmt: skip

    def rules(self) -> str:
        num, talk = self.settings.players, self.settings.talk
        percival = PERCIVAL in self._cast
        roles = ", ".join(f"{n} {r}{'s' * (n > 1)}" if r in (SERVANT, MINION) else _NAMES[r] for r, n in self._counts())
        told = " Percival sees Merlin and Morgana, not which is which." if percival else ""
        spoken = {
            0: "Then", 1: "Then each player says something short or 'pass';",
            2: "Then each player twice says something short or 'pass';",
        }[talk]  # fmt: skip
        hard = " (two in quest 4)" if num >= HARD_FROM else ""
        return (
            f"Avalon, {num} players: {roles}. The last {self._num_evil} are evil and know each other; the others are "
            f"good. Merlin knows who is evil.{told} Quests 1 to 5 take {', '.join(map(str, self._sizes))} players. The "
            f"leader proposes a team, with or without itself: '{_written(tuple(range(self._sizes[0])))}'. {spoken} all "
            "vote secretly, 'yes' or 'no', and the votes are shown. Without a majority of yes the next player leads; "
            "after 5 rejected teams in one quest evil wins. On a quest each member plays 'success' or, only if evil, "
            f"'fail'; just the number of fails is told. One fail{hard} makes the quest fail. Three failed quests: evil "
            "wins. After three successes the Assassin names a player by number: if it is Merlin evil wins, else good."
        )

    def render(self, view: View) -> str:
        role, own, known, board, _, _, cards, ending = view
        if not own:
            return "The roles are not dealt yet."
        num, num_quests, num_proposals = self.settings.players, len(board.quests), len(board.proposals)
        lines = [_introduced(role, own, known, num)]
        unshown = board.num_said - SHOWN_STATEMENTS
        for k, quest in enumerate(board.quests):
            lines.append(self._headings[k])
            lines += self._told(quest.proposals, quest.told, role, unshown)
            lines.append(_resulted(k, quest.fails, self._fails_needed(k), cards[k]))
            unshown -= self._num_statements * len(quest.proposals)
        if board.stage not in (ASSASSINATE, END) or num_proposals:
            lines.append(self._headings[num_quests])
            lines += self._told(board.proposals, board.told, role, unshown)
            unshown -= self._num_statements * num_proposals
        if board.stage in (TALK, VOTE):
            lines.append(_opened(num_proposals + 1, board.leader, board.team))
            lines += _spoken(board.leader, board.said, num, role, unshown)
        if ending is not None:
            return "\n".join([*lines, self._ended(board, ending)])
        return "\n".join([*lines, self._score(board), self._asked(view)])

    def parse(self, state: Table, text: str) -> Action | Problem:
        stage = state.board.stage
        if stage == TALK:
            return _read_statement(text)
        if stage == PROPOSE:
            return _read_team(text, self.settings.players, self._sizes[len(state.board.quests)])
        return super().parse(state, text)

    def notation(self, state: Table) -> dict[str, Action]:
        stage = state.board.stage
        if stage == VOTE:
            return _VOTES
        if stage == QUEST:
            return _CARD_SPELLINGS
        if stage == PROPOSE:
            return _teams(self.settings.players, self._sizes[len(state.board.quests)])
        return _target_spellings(self.settings.players) if stage == ASSASSINATE else {}

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Anything allowed; of a team, says that it trusts or distrusts anybody, or nothing."""
        if legal is not None:
            return rng.choice(legal)
        player = rng.randrange(self.settings.players) + 1
        return rng.choice((_PASS, f"I trust player {player}.", f"I do not trust player {player}.", "I am good."))

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Rule-based, as the class's documentation says."""
        stage = view.board.stage
        if stage == PROPOSE:
            teams = self._best_teams(view)
            return tuple((_written(team), 1 / len(teams)) for team in teams)
        if stage == VOTE:
            return ((_BALLOT[self._approves(view)], 1.0),)
        if stage == TALK:
            if len(view.board.said) >= self.settings.players:
                return ((_PASS, 1.0),)
            return (("I trust this team." if self._approves(view) else "I do not trust this team.", 1.0),)
        if stage == QUEST:
            return self._card(view)
        suspects = _merlins(view, self.settings.players)
        return tuple((str(p + 1), 1 / len(suspects)) for p in suspects)

    # what happens

    def _dealt(self, state: Table, action: Action) -> Table:
        if action not in (a for a, _ in self.chance(state)):
            raise ValueError(f"{action!r} can't be dealt after {state.roles}")
        if len(state.roles) < self.settings.players:
            return state._replace(roles=(*state.roles, action))
        leader = self.info.roles.index(action)
        return state._replace(board=Board(PROPOSE, leader), to_move=leader)

    def _discussed(self, state: Table, team: Team, said: tuple[str, ...]) -> Table:
        """The state with a team proposed and that much said about it."""
        roles, board, _, _, _, laid, _ = state
        _, leader, quests, num_lost, proposals, told, _, before, num_said = board
        num_said += len(said) - len(before)
        stage, to_move = TALK, (leader + len(said)) % self.settings.players
        if len(said) == self._num_statements:
            stage, to_move = VOTE, 0
        board = Board(stage, leader, quests, num_lost, proposals, told, team, said, num_said)
        return Table(roles, board, to_move, (), (), laid, _NOT_DEALT)

    def _spoken(self, state: Table, action: Action) -> Table:
        statement = _read_statement(action)
        if isinstance(statement, Problem):
            raise ValueError(f"{action!r}: {statement.detail}")
        said = (*state.board.said, "" if statement == _PASS else statement)
        return self._discussed(state, state.board.team, said)

    def _voted(self, state: Table, vote: bool) -> Table:
        roles, board, _, votes, _, laid, _ = state
        votes = (*votes, vote)
        num = self.settings.players
        if len(votes) < num:
            return Table(roles, board, len(votes), votes, (), laid, _NOT_DEALT)
        _, leader, quests, num_lost, proposals, told, team, said, num_said = board
        proposal = Proposal(leader, team, said, votes)
        told = (*told, _in_words(len(proposals) + 1, proposal))
        proposals = (*proposals, proposal)
        leader = (leader + 1) % num
        stage, to_move = PROPOSE, leader
        if 2 * sum(votes) > num:
            stage, to_move = QUEST, team[0]
        elif len(proposals) == MAX_PROPOSALS:
            stage, to_move = END, OVER
        board = Board(stage, leader, quests, num_lost, proposals, told, num_said=num_said)
        return Table(roles, board, to_move, (), (), laid, _NOT_DEALT)

    def _carded(self, state: Table, card: Action) -> Table:
        roles, board, _, _, cards, laid, _ = state
        cards = (*cards, card)
        _, leader, quests, num_lost, proposals, told, _, _, num_said = board
        team = proposals[-1].team
        if len(cards) < len(team):
            return Table(roles, board, team[len(cards)], (), cards, laid, _NOT_DEALT)
        num_fails = cards.count("fail")
        num_lost += num_fails >= self._fails_needed(len(quests))
        quests = (*quests, Quest(proposals, told, num_fails))
        laid = tuple((*own, cards[team.index(p)] if p in team else "") for p, own in enumerate(laid))
        stage, to_move = PROPOSE, leader
        if len(quests) - num_lost == TO_WIN:
            stage, to_move = ASSASSINATE, roles.index(ASSASSIN)
        elif num_lost == TO_WIN:
            stage, to_move = END, OVER
        return Table(
            roles, Board(stage, leader, quests, num_lost, num_said=num_said), to_move, (), (), laid, _NOT_DEALT
        )

    def _fails_needed(self, quest: int) -> int:
        return 2 if quest == HARD_QUEST and self.settings.players >= HARD_FROM else 1

    # words for the eyes

    def _counts(self) -> list[tuple[str, int]]:
        return [(role, self._cast.count(role)) for role in dict.fromkeys(self._cast)]

    def _told(self, proposals: tuple[Proposal, ...], told: tuple[Told, ...], role: int, unshown: int) -> list[str]:
        """A quest's proposals, without the first `unshown` statements."""
        lines = list[str]()
        for k, in_words in enumerate(told):
            if unshown <= 0:
                lines.append(in_words[role])
            elif unshown >= self._num_statements:
                lines.append(in_words[-1])
            else:
                lines.append(_proposed(k + 1, proposals[k], role, unshown))
            unshown -= self._num_statements
        return lines

    def _score(self, board: Board) -> str:
        won = len(board.quests) - board.num_lost
        rejected = len(board.proposals) - (board.stage == QUEST)
        return (
            f"Quests succeeded: {won}, failed: {board.num_lost}. "
            f"Teams rejected for this quest: {rejected} of {MAX_PROPOSALS}."
        )

    def _asked(self, view: View) -> str:
        board, role = view.board, view.role
        if board.stage == PROPOSE:
            if board.leader != role:
                return f"Player {board.leader + 1} leads and proposes a team."
            return f"You lead: propose a team of {self._sizes[len(board.quests)]}."
        if board.stage == TALK:
            speaker = (board.leader + len(board.said)) % self.settings.players
            if speaker != role:
                return f"Player {speaker + 1} speaks."
            return "Your turn to speak: say something about this team, or 'pass'."
        if board.stage == VOTE:
            last = " If it is rejected, evil wins." if len(board.proposals) == MAX_PROPOSALS - 1 else ""
            asked = f"Vote on this team: 'yes' or 'no'.{last}"
            return asked if view.vote is None else f"You voted {_BALLOT[view.vote]}."
        if board.stage == QUEST:
            if role not in board.proposals[-1].team:
                return "The team is on its quest."
            cards = "'success' or 'fail'" if view.own in EVIL else "'success'"
            return f"You played {view.card}." if view.card else f"You are on the quest: play {cards}."
        if view.own != ASSASSIN:
            return "The Assassin names the player it takes for Merlin."
        return "Name the player that you take for Merlin."

    def _ended(self, board: Board, ending: Ending) -> str:
        roles = ", ".join(f"player {k + 1} {_NAMES[role]}" for k, role in enumerate(ending.roles))
        if ending.named != _NOT_DEALT:
            hit = ending.roles[ending.named] == MERLIN
            why = f"The Assassin named player {ending.named + 1}, who was {'' if hit else 'not '}Merlin"
            return f"{why}: {'evil' if hit else 'good'} won. Roles: {roles}."
        why = "Five teams were rejected" if board.proposals else "Three quests failed"
        return f"{why}: evil won. Roles: {roles}."

    # rules of thumb

    def _chances(self, view: View, own: str) -> dict[Team, float]:
        """How likely each team is to succeed if every evil member sabotages, to a player of that role at this seat."""
        board, num = view.board, self.settings.players
        past = [
            _Record(_free(quest.proposals), quest.proposals[-1].team, quest.fails, self._fails_needed(k))
            for k, quest in enumerate(board.quests)
        ]
        past.append(_Record(_free(board.proposals), (), 0, self._fails_needed(len(board.quests))))
        me = _NOT_DEALT if own == _ONLOOKER else view.role
        known = view.known if own == view.own else ()
        return _team_chances(num, self._num_evil, tuple(past), me, own, known, self._sizes[len(board.quests)])

    def _num_evil_on(self, view: View, team: Team) -> int:
        return len({view.role, *view.known} & set(team))

    def _best_teams(self, view: View) -> list[Team]:
        seen = self._chances(view, _ONLOOKER)
        if view.own in EVIL:
            wanted = self._fails_needed(len(view.board.quests))
            chances = {t: p for t, p in seen.items() if view.role in t and self._num_evil_on(view, t) == wanted}
        else:
            chances = {t: p for t, p in self._chances(view, view.own).items() if view.role in t}
        if view.own == MERLIN:
            chances = {t: p + seen[t] * _TIE_BREAK for t, p in chances.items()}
        best = max(chances.values())
        return [team for team, p in chances.items() if math.isclose(p, best)]

    def _approves(self, view: View) -> bool:
        """Whether it votes for the team under discussion."""
        board = view.board
        is_last = len(board.proposals) == MAX_PROPOSALS - 1
        if view.own in EVIL:
            return not is_last and self._num_evil_on(view, board.team) >= self._fails_needed(len(board.quests))
        # In the first quest nobody could know: Merlin's vote would tell on it.
        own = SERVANT if view.own == MERLIN and not board.quests else view.own
        chances = self._chances(view, own)
        return is_last or chances[board.team] >= max(chances.values()) * (_CHOOSY - _YIELDING * len(board.proposals))

    def _card(self, view: View) -> tuple[tuple[Action, float], ...]:
        team = view.board.proposals[-1].team
        evil = sorted({view.role, *view.known} & set(team)) if view.own in EVIL else []
        needed = self._fails_needed(len(view.board.quests))
        return (("fail" if len(evil) >= needed and view.role in evil[:needed] else "success", 1.0),)


# the deal


def _cast(num_players: int, percival: bool) -> tuple[str, ...]:
    """All roles, the good ones first."""
    num_good = NUM_GOOD[num_players]
    good = (MERLIN, *((PERCIVAL,) * percival))
    evil = (ASSASSIN, *((MORGANA,) * percival))
    servants = (SERVANT,) * (num_good - len(good))
    return (*good, *servants, *evil, *((MINION,) * (num_players - num_good - len(evil))))


@functools.lru_cache(_NUM_CACHED)
def _role_outcomes(cast: tuple[str, ...], dealt: tuple[str, ...]) -> tuple[tuple[Action, float], ...]:
    left = {role: cast.count(role) - dealt.count(role) for role in dict.fromkeys(cast)}
    return tuple((role, n / (len(cast) - len(dealt))) for role, n in left.items() if n)


@functools.lru_cache(_NUM_CACHED)
def _known(roles: tuple[str, ...], role: int) -> Team:
    own = roles[role]
    seen = {MERLIN: EVIL, PERCIVAL: (MERLIN, MORGANA)}.get(own, EVIL if own in EVIL else ())
    return tuple(k for k, other in enumerate(roles) if other in seen and k != role)


@functools.lru_cache(_NUM_CACHED)
def _targets(roles: tuple[str, ...]) -> tuple[Action, ...]:
    return tuple(sorted(str(k + 1) for k, role in enumerate(roles) if role not in EVIL))


@functools.cache
def _target_spellings(num_players: int) -> dict[str, Action]:
    return {form.format(k): str(k) for form in _NAME_FORMS for k in range(1, num_players + 1)}


def _good_wins(state: Table) -> bool:
    return state.named != _NOT_DEALT and state.roles[state.named] != MERLIN


def _paid(roles: tuple[str, ...], evil_wins: bool) -> tuple[float, ...]:
    return tuple(1.0 if (role in EVIL) == evil_wins else -1.0 for role in roles)


# reading


@functools.cache
def _teams(num_players: int, size: int) -> dict[Action, Action]:
    """Every team of that size by itself, sorted."""
    written = sorted(_written(team) for team in itertools.combinations(range(num_players), size))
    return {team: team for team in written}


@functools.lru_cache(_NUM_CACHED)
def _written(team: Team) -> Action:
    return " ".join(str(p + 1) for p in team)


@functools.lru_cache(_NUM_CACHED)
def _seats(action: Action) -> Team:
    return tuple(int(number) - 1 for number in action.split())


@functools.lru_cache(_NUM_CACHED)
def _read_team(text: str, num_players: int, size: int) -> Action | Problem:
    """The team that a list of numbers names, in any order."""
    found = _TEAM.fullmatch(normalise(text))
    numbers = [int(n) for n in _NUMBER.findall(found[1])] if found else []
    if not numbers:
        return Problem(ProblemKind.NONE, f"a team reads: {_written(tuple(range(size)))}")
    if len(numbers) != size or len(set(numbers)) < size:
        return Problem(ProblemKind.ILLEGAL, f"the team has {size} different players")
    if not all(1 <= n <= num_players for n in numbers):
        return Problem(ProblemKind.ILLEGAL, f"players are numbered 1 to {num_players}")
    return " ".join(map(str, sorted(numbers)))


@functools.lru_cache(_NUM_CACHED)
def _read_statement(text: str) -> Action | Problem:
    """What all will hear: without quotation marks around it, on one line, cut."""
    said = clean_message(one_line(text, _READ_CHARS).strip(_AROUND))
    if not any(c.isalnum() for c in said):
        return Problem(ProblemKind.NONE, f"nothing was said; to say nothing, {_PASS!r}")
    return _PASS if normalise(said) == _PASS else said


# words for the eyes


@functools.lru_cache(_NUM_CACHED)
def _listed(players: Team) -> str:
    return ", ".join(str(p + 1) for p in players) or "nobody"


@functools.lru_cache(_NUM_CACHED)
def _introduced(role: int, own: str, known: Team, num_players: int) -> str:
    side = "evil" if own in EVIL else "good"
    know = {
        MERLIN: f" Evil: {_listed(known)}.",
        PERCIVAL: f" Merlin and Morgana are {_listed(known)}, in one order or the other.",
    }.get(own, f" Evil beside you: {_listed(known)}." if side == "evil" else "")
    return f"You are player {role + 1} of {num_players}, {_NAMES[own]} ({side}).{know}"


def _in_words(number: int, proposal: Proposal) -> Told:
    """A proposal as each player is told of it, and at last without what was said."""
    everybody = range(len(proposal.votes))
    return (
        *(_proposed(number, proposal, role, 0) for role in everybody),
        _proposed(number, proposal, 0, len(proposal.said)),
    )


def _proposed(number: int, proposal: Proposal, role: int, unshown: int) -> str:
    """A proposed team, what was said about it but for the first `unshown` statements, and the votes."""
    leader, team, said, votes = proposal
    spoken = _spoken(leader, said, len(votes), role, unshown)
    return "\n".join([_opened(number, leader, team), *spoken, _counted(votes)])


@functools.lru_cache(_NUM_CACHED)
def _opened(number: int, leader: int, team: Team) -> str:
    return f"Team {number}, proposed by player {leader + 1}: {_listed(team)}."


def _spoken(leader: int, said: tuple[str, ...], num_players: int, role: int, unshown: int) -> list[str]:
    """What was said, the leader first, but for the first `unshown` statements."""
    spoken = list[str]()
    for k in range(max(unshown, 0), len(said)):
        if said[k]:
            speaker = (leader + k) % num_players
            spoken.append(f"{'You' if speaker == role else f'Player {speaker + 1}'}: {_quoted(said[k])}")
    return spoken


@functools.lru_cache(_NUM_CACHED)
def _quoted(statement: str) -> str:
    return quote_message(statement)


@functools.lru_cache(_NUM_CACHED)
def _counted(votes: tuple[bool, ...]) -> str:
    yes, no = (_listed(tuple(p for p, vote in enumerate(votes) if vote == way)) for way in (True, False))
    return f"Yes: {yes}. No: {no}. {'Approved' if 2 * sum(votes) > len(votes) else 'Rejected'}."


@functools.lru_cache(_NUM_CACHED)
def _resulted(quest: int, fails: int, needed: int, own: Action) -> str:
    result = "failed" if fails >= needed else "succeeded"
    played = f" You played {own}." if own else ""
    return f"Quest {quest + 1} {result}: {fails} {'fail' if fails == 1 else 'fails'}.{played}"


# rules of thumb


class _Record(NamedTuple):
    """What a quest tells about its players: free proposals, the team that went (if any), its fails, and the needed."""

    proposals: tuple[Proposal, ...]
    team: Team
    fails: int
    needed: int


@functools.lru_cache(_NUM_CACHED)
def _team_chances(
    num_players: int, num_evil: int, past: tuple[_Record, ...], me: int, own: str, known: Team, size: int
) -> dict[Team, float]:
    """Each team of that size -> how likely too few of it are evil to fail, to a player of that role at that seat."""
    worlds = [
        (_bits(evil), weight)
        for evil in map(frozenset, itertools.combinations(range(num_players), num_evil))
        if _possible(evil, me, own, known) and (weight := math.prod(_likelihood(evil, record) for record in past))
    ]
    total, needed = sum(weight for _, weight in worlds), past[-1].needed
    return {
        team: sum(weight for evil, weight in worlds if (evil & members).bit_count() < needed) / total
        for team in itertools.combinations(range(num_players), size)
        for members in (_bits(team),)
    }


def _bits(players: Iterable[int]) -> int:
    return sum(1 << p for p in players)


def _free(proposals: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """The proposals that all were free to reject: rejecting the fifth one loses."""
    return proposals[: MAX_PROPOSALS - 1]


def _possible(evil: frozenset[int], me: int, own: str, known: Team) -> bool:
    """Whether these may be the evil players, to a good one."""
    if own == MERLIN:
        return evil == frozenset(known)
    return me not in evil and (own != PERCIVAL or len(evil.intersection(known)) == 1)


@functools.lru_cache(16 * _NUM_CACHED)
def _likelihood(evil: frozenset[int], record: _Record) -> float:
    """How likely a quest is to go as it did if these are evil."""
    num = len(evil.intersection(record.team))
    likely = math.comb(num, record.fails) * _SABOTAGE**record.fails * (1 - _SABOTAGE) ** (num - record.fails)
    for proposal in record.proposals:
        dirty = len(evil.intersection(proposal.team)) >= record.needed
        if proposal.leader in evil:
            likely *= _LED_DIRTY if dirty else _LED_SAFE
        yes = _YES_TO_DIRTY if dirty else _YES_TO_SAFE
        for p in evil.intersection(range(len(proposal.votes))):
            likely *= (yes if proposal.votes[p] else 1 - yes) / _YES_OF_GOOD
    return likely


def _merlins(view: View, num_players: int) -> list[int]:
    """The good players who knew best, by their votes and the teams that they proposed."""
    evil = {view.role, *view.known}
    score = {p: 0 for p in range(num_players) if p not in evil}
    for proposal in (p for quest in view.board.quests for p in _free(quest.proposals)):
        safe = evil.isdisjoint(proposal.team)
        for p in score:
            score[p] += 1 if proposal.votes[p] == safe else -1
        if proposal.leader in score:
            score[proposal.leader] += 1 if safe else -2
    return [p for p, points in score.items() if points == max(score.values())]


GAME = Avalon()
