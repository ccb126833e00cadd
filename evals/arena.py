"""Agents against each other: seats swapped, deals paired, every started game counted.

Each deal is played once in every seating, under one seed, so that luck cancels in the comparison. Nothing here prints,
and nothing knows a model: agents are asked for replies, and what they got wrong is counted per reply.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import NUM_IN_FLIGHT, run_all
from mirrormatch.agents.types import Agent, Episode, Turn
from mirrormatch.errors import UserError
from mirrormatch.evals.statistics import Better, Score, mean, share
from mirrormatch.evals.types import Progress
from mirrormatch.games.game import Game
from mirrormatch.games.types import Action, Info, Outcome, ProblemKind
from mirrormatch.seeds import derive

NUM_EPISODES = 200  # default per pair of agents: about +-7 points on a win rate
BASELINES = ("random", "optimal")  # default opponents

Seating: TypeAlias = tuple[int, ...]  # the agent, by its position in the match, in each role


class AgentScores(BaseModel):
    """One agent in one match, over both seats.

    Attributes:
        spec: of the agent.
        episodes: those it took part in.
        mean_return: per seat it sat in, with a bootstrap interval over deals.
        win: share of the games, as are draw and loss, with Wilson intervals.
        draw: see win.
        loss: see win.
        illegal: share of its replies that were no legal move, for any reason but being cut off.
        truncated: share of its replies that were cut off before an answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: str
    episodes: int
    mean_return: Score
    win: Score
    draw: Score
    loss: Score
    illegal: Score
    truncated: Score


class MatchScores(BaseModel):
    """What `mirrormatch match --json` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    game: str
    episodes: int
    seed: int
    agents: tuple[AgentScores, ...]


class GamesScores(BaseModel):
    """What `mirrormatch eval games --json` prints: one match for each game and opponent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    spec: str
    matches: tuple[MatchScores, ...]


class Played(NamedTuple):
    """One episode of a match and where it belongs."""

    deal: int
    seating: Seating
    episode: Episode


class MatchResult(NamedTuple):
    """A finished match.

    Attributes:
        scores: the figures.
        asked: how many episodes were asked for, over all pairs.
        problems: per agent, in the order of the scores, how many replies were no move, by kind.
        mirror: one agent sat in every seat; its results are not evidence of strength.
        num_distinct: trajectories that differ in the seating, the deal or a move.
        num_deals: deals that differ.
        repeats: nothing but chance ever made two games differ, and most games are repetitions: the agents are
            deterministic, and more episodes would tell nothing new.
        played: every episode, deal by deal.
    """

    scores: MatchScores
    asked: int
    problems: tuple[Counter[ProblemKind], ...]
    mirror: bool
    num_distinct: int
    num_deals: int
    repeats: bool
    played: tuple[Played, ...]


async def run_match(
    game: Game[Any, Any],
    agents: Sequence[Agent],
    episodes: int = NUM_EPISODES,
    seed: int = 0,
    progress: Progress | None = None,
    finished: Callable[[int, Episode], None] | None = None,
) -> MatchResult:
    """Plays a match.

    Two agents play every deal in each seating. More than two meet in pairs, all on the same deals. The same spec for
    all is a mirror match: it has one seating and one entry in the scores. In a game for one, each agent plays alone,
    and an agent that is given twice plays once.

    Args:
        game: the rules.
        agents: who plays.
        episodes: for each pair (in a game for one: for each agent), rounded up so that every deal meets every seating.
        seed: of chance and of the agents' decisions.
        progress: called after every episode.
        finished: given every episode as soon as it is over, with its place in the match: they end out of order.

    Raises:
        UserError: too few agents, or one spec twice beside others.
    """
    if len(game.info.roles) == 1:
        agents = list({a.spec: a for a in agents}.values())
    mirror = _is_mirror(game, agents)
    if mirror:
        agents = agents[:1]
    groups = _groups(len(agents), len(game.info.roles), mirror)
    schedule = [(deal, seating) for group in groups for deal in range(-(-episodes // len(group))) for seating in group]
    played = await _play_all(game, agents, schedule, seed, progress, finished)
    turns_by_agent = [list(_turns_of(k, played)) for k in range(len(agents))]
    scores = MatchScores(
        game=game.info.name,
        episodes=len(played),
        seed=seed,
        agents=tuple(_scores(a.spec, k, played, turns_by_agent[k], seed) for k, a in enumerate(agents)),
    )
    problems = tuple(Counter(t.problem.kind for t in turns if t.problem) for turns in turns_by_agent)
    return MatchResult(scores, episodes * len(groups), problems, mirror, *_variety(played), played)


def opponent_specs(info: Info, specs: Sequence[str] = BASELINES) -> list[str]:
    """The opponents in a game: `optimal` only where the game has a solver, `[""]` (none) in a single-player game."""
    if len(info.roles) == 1:
        return [""]
    return [spec for spec in specs if spec != "optimal" or info.solver is not None]


def _is_mirror(game: Game[Any, Any], agents: Sequence[Agent]) -> bool:
    """Whether one agent plays itself; says what is wrong when nobody can play."""
    num_roles = len(game.info.roles)
    if not agents or (len(agents) == 1 and num_roles > 1):
        raise UserError(f"a match in {game.info.name} needs at least two agents, {len(agents)} given")
    twice = [spec for spec, times in Counter(a.spec for a in agents).items() if times > 1]
    if twice and len({a.spec for a in agents}) > 1:
        raise UserError(f"agent {twice[0]!r} is given more than once beside others; only all alike make a mirror match")
    return bool(twice)


def _groups(num_agents: int, num_roles: int, mirror: bool) -> list[list[Seating]]:
    """The seatings that share their deals, for each pair."""
    if mirror:
        return [[(0,) * num_roles]]
    if num_roles == 1:
        return [[(k,)] for k in range(num_agents)]
    return [_seatings(a, b, num_roles) for a, b in itertools.combinations(range(num_agents), 2)]


def _seatings(a: int, b: int, num_roles: int) -> list[Seating]:
    """Each of the two alone in every seat, the other in the rest: both sit in every seat equally often."""
    alone = [
        tuple(one if role == seat else other for role in range(num_roles))
        for one, other in ((a, b), (b, a))
        for seat in range(num_roles)
    ]
    return list(dict.fromkeys(alone))


async def _play_all(
    game: Game[Any, Any],
    agents: Sequence[Agent],
    schedule: Sequence[tuple[int, Seating]],
    seed: int,
    progress: Progress | None,
    finished: Callable[[int, Episode], None] | None,
) -> tuple[Played, ...]:
    somebody_types = any(a.max_retries is None for a in agents)  # then one game after the other
    num_done = 0

    async def one(deal: int, seating: Seating) -> Played:
        return Played(deal, seating, await play(game, [agents[k] for k in seating], derive(seed, "deal", deal)))

    def done(position: int, played: Played) -> None:
        nonlocal num_done
        num_done += 1
        if finished is not None:
            finished(position, played.episode)
        if progress is not None:
            progress(num_done, len(schedule))

    jobs = (functools.partial(one, *entry) for entry in schedule)
    return tuple(await run_all(jobs, 1 if somebody_types else NUM_IN_FLIGHT, done))


def _scores(spec: str, agent: int, played: Iterable[Played], turns: Sequence[Turn], seed: int) -> AgentScores:
    sat = [(p, role) for p in played for role, who in enumerate(p.seating) if who == agent]
    outcomes = Counter(p.episode.outcome[role] for p, role in sat)
    kinds = Counter(t.problem.kind for t in turns if t.problem)
    num_truncated = kinds.pop(ProblemKind.TRUNCATED, 0)
    return AgentScores(
        spec=spec,
        episodes=len({(p.deal, p.seating) for p, _ in sat}),
        mean_return=mean(
            "mean_return",
            [p.episode.returns[role] for p, role in sat],
            seed=seed,
            unit="return",
            better="higher",
            clusters=[p.deal for p, _ in sat],
        ),
        win=_share_of_games("win", outcomes, "higher"),
        draw=_share_of_games("draw", outcomes, None),
        loss=_share_of_games("loss", outcomes, "lower"),
        illegal=_share_of_replies("illegal", kinds.total(), len(turns)),
        truncated=_share_of_replies("truncated", num_truncated, len(turns)),
    )


def _share_of_games(outcome: Outcome, outcomes: Counter[Outcome], better: Better) -> Score:
    return share(outcome, outcomes[outcome], outcomes.total(), unit="share of games", better=better)


def _share_of_replies(name: str, hits: int, num_replies: int) -> Score:
    """An agent that was never asked could have done anything."""
    if not num_replies:
        return Score(name=name, value=0.0, low=0.0, high=1.0, n=0, unit="share of replies", better="lower")
    return share(name, hits, num_replies, unit="share of replies", better="lower")


def _turns_of(agent: int, played: Iterable[Played]) -> Iterable[Turn]:
    return (t for p in played for t in p.episode.turns if p.seating[t.role] == agent)


def _variety(played: Sequence[Played]) -> tuple[int, int, bool]:
    """The numbers of distinct trajectories and deals, and whether the match repeats itself."""
    trajectories = {(p.seating, p.episode.deal, _moves(p.episode)) for p in played}
    dealt = {(p.seating, p.episode.deal) for p in played}
    repeats = len(trajectories) == len(dealt) and 2 * len(trajectories) < len(played)
    return len(trajectories), len({deal for _, deal in dealt}), repeats


def _moves(episode: Episode) -> tuple[tuple[int, Action | None], ...]:
    return tuple((t.role, t.action) for t in episode.turns)
