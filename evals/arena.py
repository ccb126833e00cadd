"""Matches between agents: seats swapped, deals paired, every started game counted.

Each deal is played once in every seating, under one seed: luck cancels in the comparison. Problems are counted per
reply. This file prints nothing and depends on no model: an agent is anything with an `act` method.
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch.agents.llm import describe_computation
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import NUM_IN_FLIGHT, run_all
from mirrormatch.agents.types import Agent, Episode, Turn
from mirrormatch.errors import UserError
from mirrormatch.evals.statistics import Better, Score, mean, share
from mirrormatch.evals.types import NUM_EPISODES, Progress
from mirrormatch.games.game import Game
from mirrormatch.games.types import Action, Info, Outcome, ProblemKind
from mirrormatch.seeds import derive

BASELINES = ("random", "optimal")  # default opponents

Seating: TypeAlias = tuple[int, ...]  # the agent, by its position in the match, in each role
EpisodeCallback: TypeAlias = Callable[[int, Episode], None]  # position in the match, the episode


class AgentScores(BaseModel):
    """One agent's figures in one match, over all its seats.

    Attributes:
        spec: the agent's spec.
        episodes: number of episodes that the agent played in.
        mean_return: mean return per seat, with a bootstrap interval over deals.
        win: share of games won, with a Wilson interval.
        draw: share of games drawn, with a Wilson interval.
        loss: share of games lost, with a Wilson interval.
        won_by_forfeit: share of games won because another agent made no legal move, with a Wilson interval.
        lost_by_forfeit: share of games lost because this agent made no legal move, with a Wilson interval.
        illegal: share of the agent's replies without a legal move, truncated replies excepted.
        truncated: share of the agent's replies cut off before an answer.
        computation: number type and threads of a model that computed in this process; None for other agents.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: str
    episodes: int
    mean_return: Score
    win: Score
    draw: Score
    loss: Score
    won_by_forfeit: Score
    lost_by_forfeit: Score
    illegal: Score
    truncated: Score
    computation: str | None = None


class MatchScores(BaseModel):
    """The JSON output of `mirrormatch match`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    game: str
    episodes: int
    seed: int
    agents: tuple[AgentScores, ...]


class GamesScores(BaseModel):
    """The JSON output of `mirrormatch eval games`: one match for each game and opponent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    spec: str
    matches: tuple[MatchScores, ...]


class MatchEpisode(NamedTuple):
    """One episode of a match with its deal and seating."""

    deal: int
    seating: Seating
    episode: Episode


class Variety(NamedTuple):
    """Number of different games in a match.

    Attributes:
        num_distinct: number of trajectories that differ in the seating, the deal or a move.
        num_deals: number of different deals.
        is_repetitive: games differ by chance alone, and most are repetitions: the agents are deterministic, and more
            episodes would add no information.
    """

    num_distinct: int
    num_deals: int
    is_repetitive: bool


class MatchResult(NamedTuple):
    """A finished match.

    Attributes:
        scores: the figures.
        num_requested: number of requested episodes, over all pairs.
        problems: number of replies without a move by kind, per agent in the order of the scores.
        is_mirror: one agent plays every seat; the results are no evidence of its strength.
        variety: number of different games and deals.
        episodes: every episode, deal by deal.
    """

    scores: MatchScores
    num_requested: int
    problems: tuple[Counter[ProblemKind], ...]
    is_mirror: bool
    variety: Variety
    episodes: tuple[MatchEpisode, ...]

    @property
    def forfeited(self) -> float:
        """The share of the games that ended because an agent made no legal move."""
        return fmean(p.episode.forfeited_by is not None for p in self.episodes)


async def run_match(
    game: Game[Any, Any],
    agents: Sequence[Agent],
    episodes: int = NUM_EPISODES,
    seed: int = 0,
    progress: Progress | None = None,
    on_episode: EpisodeCallback | None = None,
) -> MatchResult:
    """Plays a match.

    Two agents play every deal in each seating. More than two meet in pairs, all on the same deals. One spec for all
    seats is a mirror match, with one seating and one entry in the scores. In a single-player game each agent plays
    alone, and an agent that is given twice plays once.

    Args:
        game: the rules.
        agents: the players.
        episodes: number of episodes per pair (per agent in a single-player game), rounded up to whole deals, each of
            which is played in every seating.
        seed: the seed of chance and of the agents' decisions.
        progress: called after every episode.
        on_episode: called with the position and the record of every finished episode; they finish out of order.

    Raises:
        UserError: too few agents, or one spec twice beside others.
    """
    if len(game.info.roles) == 1:
        agents = list({a.spec: a for a in agents}.values())
    check_match(game, [a.spec for a in agents])
    is_mirror = len(agents) > 1 and len({a.spec for a in agents}) == 1
    if is_mirror:
        agents = agents[:1]
    pairs = _pair_seatings(len(agents), len(game.info.roles), is_mirror)
    schedule = [slot for seatings in pairs for slot in _schedule_pair(seatings, episodes)]
    played = await _play_all(game, agents, schedule, seed, progress, on_episode)
    turns_by_agent = [list(_agent_turns(k, played)) for k in range(len(agents))]
    scores = MatchScores(
        game=game.info.name,
        episodes=len(played),
        seed=seed,
        agents=tuple(_score_agent(a, k, played, turns_by_agent[k], seed) for k, a in enumerate(agents)),
    )
    return MatchResult(
        scores=scores,
        num_requested=episodes * len(pairs),
        problems=tuple(Counter(t.problem.kind for t in turns if t.problem) for turns in turns_by_agent),
        is_mirror=is_mirror,
        variety=_count_variety(played),
        episodes=played,
    )


def opponent_specs(info: Info, specs: Sequence[str] = BASELINES) -> list[str]:
    """The opponents in a game: `optimal` only where the game has a solver, `[""]` (none) in a single-player game."""
    if len(info.roles) == 1:
        return [""]
    return [spec for spec in specs if spec != "optimal" or info.solver is not None]


def check_match(game: Game[Any, Any], specs: Sequence[str]) -> None:
    """Checks the number of agents in a match, and that none is given twice beside others.

    Raises:
        UserError: there are too few agents, or one twice beside others.
    """
    num_roles = len(game.info.roles)
    if not specs or (len(specs) == 1 and num_roles > 1):
        raise UserError(f"a match in {game.info.name} needs at least two agents, {len(specs)} given")
    twice = [spec for spec, times in Counter(specs).items() if times > 1]
    if twice and len(set(specs)) > 1 and num_roles > 1:
        raise UserError(f"agent {twice[0]!r} is given more than once beside others; only all alike make a mirror match")


def _pair_seatings(num_agents: int, num_roles: int, is_mirror: bool) -> list[list[Seating]]:
    """The seatings of each pair of agents; of each single agent in a single-player game."""
    if is_mirror:
        return [[(0,) * num_roles]]
    if num_roles == 1:
        return [[(k,)] for k in range(num_agents)]
    return [_balanced_seatings(a, b, num_roles) for a, b in itertools.combinations(range(num_agents), 2)]


def _balanced_seatings(a: int, b: int, num_roles: int) -> list[Seating]:
    """Each of the two alone in every seat, the other in the rest: both play every seat equally often."""
    alone = [
        tuple(one if role == seat else other for role in range(num_roles))
        for one, other in ((a, b), (b, a))
        for seat in range(num_roles)
    ]
    return list(dict.fromkeys(alone))


def _schedule_pair(seatings: Sequence[Seating], episodes: int) -> Iterable[tuple[int, Seating]]:
    """The deals and seatings of one pair's episodes; the number of episodes is rounded up to whole deals."""
    num_deals = math.ceil(episodes / len(seatings))
    return ((deal, seating) for deal in range(num_deals) for seating in seatings)


async def _play_all(
    game: Game[Any, Any],
    agents: Sequence[Agent],
    schedule: Sequence[tuple[int, Seating]],
    seed: int,
    progress: Progress | None,
    on_episode: EpisodeCallback | None,
) -> tuple[MatchEpisode, ...]:
    has_human = any(a.max_retries is None for a in agents)  # a person plays one game after the other
    num_done = 0

    async def play_slot(deal: int, seating: Seating) -> MatchEpisode:
        return MatchEpisode(deal, seating, await play(game, [agents[k] for k in seating], derive(seed, "deal", deal)))

    def report_done(position: int, played: MatchEpisode) -> None:
        nonlocal num_done
        num_done += 1
        if on_episode is not None:
            on_episode(position, played.episode)
        if progress is not None:
            progress(num_done, len(schedule))

    jobs = (functools.partial(play_slot, deal, seating) for deal, seating in schedule)
    return tuple(await run_all(jobs, 1 if has_human else NUM_IN_FLIGHT, report_done))


def _score_agent(
    agent: Agent, position: int, played: Iterable[MatchEpisode], turns: Sequence[Turn], seed: int
) -> AgentScores:
    seats = [(p, role) for p in played for role, seated in enumerate(p.seating) if seated == position]
    outcomes = Counter(p.episode.outcome[role] for p, role in seats)
    kinds = Counter(t.problem.kind for t in turns if t.problem)
    num_truncated = kinds.pop(ProblemKind.TRUNCATED, 0)
    return AgentScores(
        spec=agent.spec,
        computation=describe_computation(agent),
        episodes=len({(p.deal, p.seating) for p, _ in seats}),
        mean_return=mean(
            "mean_return",
            [p.episode.returns[role] for p, role in seats],
            seed=seed,
            unit="return",
            better="higher",
            clusters=[p.deal for p, _ in seats],
        ),
        win=_share_of_games("win", outcomes, "higher"),
        draw=_share_of_games("draw", outcomes, None),
        loss=_share_of_games("loss", outcomes, "lower"),
        won_by_forfeit=_share_of_seats(
            "won_by_forfeit",
            (p.episode.outcome[role] == "win" and p.episode.forfeited_by is not None for p, role in seats),
            None,
        ),
        lost_by_forfeit=_share_of_seats(
            "lost_by_forfeit", (p.episode.forfeited_by == role for p, role in seats), "lower"
        ),
        illegal=_share_of_replies("illegal", kinds.total(), len(turns)),
        truncated=_share_of_replies("truncated", num_truncated, len(turns)),
    )


def _share_of_games(outcome: Outcome, outcomes: Counter[Outcome], better: Better) -> Score:
    return share(outcome, outcomes[outcome], outcomes.total(), unit="share of games", better=better)


def _share_of_seats(name: str, has_property: Iterable[bool], better: Better) -> Score:
    hits = list(has_property)
    return share(name, sum(hits), len(hits), unit="share of games", better=better)


def _share_of_replies(name: str, hits: int, num_replies: int) -> Score:
    """The share of an agent's replies; the whole interval from 0 to 1 for an agent without any decision."""
    if not num_replies:
        return Score(name=name, value=0.0, low=0.0, high=1.0, n=0, unit="share of replies", better="lower")
    return share(name, hits, num_replies, unit="share of replies", better="lower")


def _agent_turns(agent: int, played: Iterable[MatchEpisode]) -> Iterable[Turn]:
    return (t for p in played for t in p.episode.turns if p.seating[t.role] == agent)


def _count_variety(played: Sequence[MatchEpisode]) -> Variety:
    trajectories = {(p.seating, p.episode.deal, _moves(p.episode)) for p in played}
    deals = {(p.seating, p.episode.deal) for p in played}
    return Variety(
        num_distinct=len(trajectories),
        num_deals=len({deal for _, deal in deals}),
        is_repetitive=len(trajectories) == len(deals) and 2 * len(trajectories) < len(played),
    )


def _moves(episode: Episode) -> tuple[tuple[int, Action | None], ...]:
    return tuple((t.role, t.action) for t in episode.turns)
