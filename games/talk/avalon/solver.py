"""Rule-based players of Avalon: they weigh how likely each set of players is to be evil.

They act on a player's view alone. The rules of thumb are described in the game's documentation.
"""

import functools
import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

from mirrormatch.games.talk.avalon.reading import spell_team
from mirrormatch.games.talk.avalon.state import (
    BALLOT,
    EVIL,
    MAX_PROPOSALS,
    MERLIN,
    NOT_DEALT,
    PASS,
    PERCIVAL,
    PROPOSE,
    QUEST,
    SERVANT,
    TALK,
    VOTE,
    Proposal,
    Setup,
    Team,
    View,
)
from mirrormatch.games.types import Action

_NUM_CACHED = 4_096  # results of each function that is called again and again
_ONLOOKER = "onlooker"  # in place of a role: only public knowledge
_TIE_BREAK = 0.001  # of Merlin's choice among safe teams: how safe they look to the others
_CHOOSY, _YIELDING = 0.9, 0.15  # which part of the best team's chance a team must have; less after each rejection
_SABOTAGE = 0.8  # assumed probability that an evil member of a team fails it
# Assumed probability of a yes: of an evil player to a team that can fail, to one that can't, of a good player.
_YES_TO_DIRTY, _YES_TO_SAFE, _YES_OF_GOOD = 0.7, 0.4, 0.5
_LED_DIRTY, _LED_SAFE = 0.8, 0.2  # assumed probability that an evil leader's team can fail, or can't


def choose_move(setup: Setup, view: View) -> tuple[tuple[Action, float], ...]:
    """The moves of the rule-based player with their probabilities."""
    stage = view.board.stage
    if stage == PROPOSE:
        teams = _find_best_teams(setup, view)
        return tuple((spell_team(team), 1 / len(teams)) for team in teams)
    if stage == VOTE:
        return ((BALLOT[_approves(setup, view)], 1.0),)
    if stage == TALK:
        if len(view.board.statements) >= setup.num_players:
            return ((PASS, 1.0),)
        return (("I trust this team." if _approves(setup, view) else "I do not trust this team.", 1.0),)
    if stage == QUEST:
        return ((_choose_card(setup, view), 1.0),)
    suspects = _find_merlins(view, setup.num_players)
    return tuple((str(p + 1), 1 / len(suspects)) for p in suspects)


def _find_best_teams(setup: Setup, view: View) -> list[Team]:
    seen = _estimate_chances(setup, view, _ONLOOKER)
    if view.own in EVIL:
        wanted = setup.fails_needed(len(view.board.quests))
        chances = {t: p for t, p in seen.items() if view.role in t and _count_evil(view, t) == wanted}
    else:
        chances = {t: p for t, p in _estimate_chances(setup, view, view.own).items() if view.role in t}
    if view.own == MERLIN:
        chances = {t: p + seen[t] * _TIE_BREAK for t, p in chances.items()}
    best = max(chances.values())
    return [team for team, p in chances.items() if math.isclose(p, best)]


def _approves(setup: Setup, view: View) -> bool:
    """Whether the player votes for the team under discussion."""
    board = view.board
    is_last = len(board.proposals) == MAX_PROPOSALS - 1
    if view.own in EVIL:
        return not is_last and _count_evil(view, board.team) >= setup.fails_needed(len(board.quests))
    # In the first quest there is no evidence yet: a vote by Merlin's knowledge would betray Merlin.
    own = SERVANT if view.own == MERLIN and not board.quests else view.own
    chances = _estimate_chances(setup, view, own)
    return is_last or chances[board.team] >= max(chances.values()) * (_CHOOSY - _YIELDING * len(board.proposals))


def _choose_card(setup: Setup, view: View) -> Action:
    team = view.board.proposals[-1].team
    evil = sorted({view.role, *view.known} & set(team)) if view.own in EVIL else []
    needed = setup.fails_needed(len(view.board.quests))
    return "fail" if len(evil) >= needed and view.role in evil[:needed] else "success"


def _count_evil(view: View, team: Team) -> int:
    """Number of evil players on a team, to an evil player."""
    return len({view.role, *view.known} & set(team))


def _find_merlins(view: View, num_players: int) -> list[int]:
    """The good players whose votes and proposals fitted the truth best."""
    evil = {view.role, *view.known}
    score = {p: 0 for p in range(num_players) if p not in evil}
    for proposal in (p for quest in view.board.quests for p in _drop_forced(quest.proposals)):
        safe = evil.isdisjoint(proposal.team)
        for p in score:
            score[p] += 1 if proposal.votes[p] == safe else -1
        if proposal.leader in score:
            score[proposal.leader] += 1 if safe else -2
    return [p for p, points in score.items() if points == max(score.values())]


class _Evidence(NamedTuple):
    """The evidence of one quest: its free proposals, the team that went (if any), its fails, and the number needed."""

    proposals: tuple[Proposal, ...]
    team: Team
    fails: int
    needed: int


def _estimate_chances(setup: Setup, view: View, own: str) -> dict[Team, float]:
    """Each team's probability of success if every evil member sabotages, to a player of that role at this seat."""
    board = view.board
    past = [
        _Evidence(_drop_forced(quest.proposals), quest.proposals[-1].team, quest.fails, setup.fails_needed(k))
        for k, quest in enumerate(board.quests)
    ]
    past.append(_Evidence(_drop_forced(board.proposals), (), 0, setup.fails_needed(len(board.quests))))
    me = NOT_DEALT if own == _ONLOOKER else view.role
    known = view.known if own == view.own else ()
    size = setup.team_sizes[len(board.quests)]
    return _weigh_teams(setup.num_players, setup.num_evil, tuple(past), me, own, known, size)


@functools.lru_cache(_NUM_CACHED)
def _weigh_teams(
    num_players: int, num_evil: int, past: tuple[_Evidence, ...], me: int, own: str, known: Team, size: int
) -> dict[Team, float]:
    """Each team of that size -> the probability that it has too few evil members to fail."""
    worlds = [
        (_to_bits(evil), weight)
        for evil in map(frozenset, itertools.combinations(range(num_players), num_evil))
        if _is_possible(evil, me, own, known)
        and (weight := math.prod(_compute_likelihood(evil, evidence) for evidence in past))
    ]
    total, needed = sum(weight for _, weight in worlds), past[-1].needed
    return {
        team: sum(weight for evil, weight in worlds if (evil & members).bit_count() < needed) / total
        for team in itertools.combinations(range(num_players), size)
        for members in (_to_bits(team),)
    }


def _to_bits(players: Iterable[int]) -> int:
    return sum(1 << p for p in players)


def _drop_forced(proposals: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """The proposals that could be rejected freely: rejecting the fifth one loses."""
    return proposals[: MAX_PROPOSALS - 1]


def _is_possible(evil: frozenset[int], me: int, own: str, known: Team) -> bool:
    """Whether these may be the evil players, to a good one."""
    if own == MERLIN:
        return evil == frozenset(known)
    return me not in evil and (own != PERCIVAL or len(evil.intersection(known)) == 1)


@functools.lru_cache(16 * _NUM_CACHED)
def _compute_likelihood(evil: frozenset[int], evidence: _Evidence) -> float:
    """The likelihood of a quest's evidence if these players are evil."""
    num = len(evil.intersection(evidence.team))
    likely = math.comb(num, evidence.fails) * _SABOTAGE**evidence.fails * (1 - _SABOTAGE) ** (num - evidence.fails)
    for proposal in evidence.proposals:
        dirty = len(evil.intersection(proposal.team)) >= evidence.needed
        if proposal.leader in evil:
            likely *= _LED_DIRTY if dirty else _LED_SAFE
        yes = _YES_TO_DIRTY if dirty else _YES_TO_SAFE
        for p in evil.intersection(range(len(proposal.votes))):
            likely *= (yes if proposal.votes[p] else 1 - yes) / _YES_OF_GOOD
    return likely
