"""Measures an agent before and after training: games, exploitability and transfer under one plan and one seed.

Two measurements of one plan and seed play the same deals, think under the same seeds and answer the same problems: the
ones of `match`, `eval exploitability` and `eval transfer` with that seed. Each keeps the parts of its figures, so
`comparison` can pair two of them part by part.
"""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, Final, Literal, NamedTuple, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch import agents, games
from mirrormatch.agents.llm import describe_computation, describe_request
from mirrormatch.agents.types import Agent, Decision, Reply, seat_name
from mirrormatch.evals import benchmarks
from mirrormatch.evals.arena import BASELINES, MatchEpisode, MatchResult, opponent_specs, run_match
from mirrormatch.evals.exploitability import PolicyReport, is_readable, measure_exploitability
from mirrormatch.evals.statistics import Better, Figure, Score, share
from mirrormatch.evals.transfer import Answerer, Transfer, run_transfer
from mirrormatch.evals.types import NUM_EPISODES, NUM_ITEMS, NUM_THOUGHTS, Progress
from mirrormatch.games.game import Game

_TICKS: Final = 100  # progress units of each part


class Plan(BaseModel):
    """The contents of a measurement.

    Attributes:
        games: names of the games to play.
        episodes: number of episodes in each game against each opponent, seats swapped.
        opponents: specs of the opponents; `optimal` is left out where a game has no solver.
        exploitability: names of the small two-player zero-sum games whose exploitability is computed.
        thoughts: number of thoughts sampled at each information state of those games.
        transfer: names of the benchmarks.
        items: number of questions of each task.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    games: tuple[str, ...] = ()
    episodes: int = NUM_EPISODES
    opponents: tuple[str, ...] = BASELINES
    exploitability: tuple[str, ...] = ()
    thoughts: int = NUM_THOUGHTS
    transfer: tuple[str, ...] = ()
    items: int = NUM_ITEMS

    def describe(self) -> str:
        """The size of each part in words."""
        parts = [
            f"{self.episodes} episodes against each opponent" if self.games else "",
            f"{self.thoughts} thoughts at each state" if self.exploitability else "",
            f"{self.items} problems of each task" if self.transfer else "",
        ]
        return ", ".join(filter(None, parts))


class Sample(BaseModel):
    """The parts of one figure, one value for each deal, in an order that depends on the plan and the seed alone.

    Attributes:
        name: the name of the figure, which is the mean of the values.
        unit: the unit of the values.
        better: the good direction.
        values: one value per deal. A share r over replies is linearised: `r + D (hits_d - r replies_d) / replies`, with
            D deals, which makes the mean r (Cochran 1977, Sampling Techniques, section 6.4).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    unit: str
    better: Better
    values: tuple[float, ...]


class Measurement(BaseModel):
    """All figures of one agent.

    Attributes:
        spec: the agent's spec.
        seed: the seed of deals, thoughts and problems.
        plan: the plan of the measurement; parts that the agent can't take part in were skipped.
        scores: the figures.
        samples: the games' figures, deal by deal.
        policies: one exploitability report per game.
        transfer: the answered problems; None where no problem was asked.
        computation: number type and threads of a model that computed in this process; None for other agents.
        request: how a model was asked (prompt, sampling, limits), by the names of the settings; None for other agents.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    spec: str
    seed: int
    plan: Plan
    scores: tuple[Figure, ...]
    samples: tuple[Sample, ...]
    policies: tuple[PolicyReport, ...]
    transfer: Transfer | None
    computation: str | None = None
    request: dict[str, str] | None = None


async def measure_agent(agent: Agent, plan: Plan, seed: int, progress: Progress | None = None) -> Measurement:
    """Measures an agent.

    Args:
        agent: any agent; one without readable probabilities skips exploitability, one without `ask` skips transfer.
        plan: the contents of the measurement.
        seed: measurements of equal seeds and plans can be paired (`compare_measurements`).
        progress: called with done and total, in hundredths of a match, a game's exploitability or all transfer.

    Raises:
        UserError: an unknown game, opponent or benchmark, or an unsuitable game.
    """
    parts = _ProgressParts(progress)
    played_games = [games.get(name) for name in plan.games]
    solved_games = [games.get(name) for name in plan.exploitability if is_readable(agent)]
    problem_sets = [benchmarks.get(name) for name in plan.transfer] if _is_answerer(agent) else []
    num_matches = sum(len(opponent_specs(game.info, plan.opponents)) for game in played_games)
    parts.num_parts = num_matches + len(solved_games) + bool(problem_sets)
    in_games = [await _play_matches(agent, game, plan, seed, parts) for game in played_games]
    policies = [await measure_exploitability(agent, game, plan.thoughts, seed, parts.next()) for game in solved_games]
    answered = None
    if problem_sets and _is_answerer(agent):
        answered = await run_transfer(agent, problem_sets, plan.items, seed, parts.next())
    scores: list[Figure] = [
        *(score for found in in_games for score in found.scores),
        *(score for policy in policies for score in policy.scores()),
        *(answered.scores() if answered else ()),
    ]
    return Measurement(
        spec=agent.spec,
        computation=describe_computation(agent),
        request=describe_request(agent),
        seed=seed,
        plan=plan,
        scores=tuple(scores),
        samples=tuple(sample for found in in_games for sample in found.samples),
        policies=tuple(policies),
        transfer=answered,
    )


class _ProgressParts:
    """Maps the progress of consecutive parts onto one progress callback.

    Attributes:
        num_parts: number of parts, each of the same weight.
    """

    def __init__(self, progress: Progress | None) -> None:
        self.num_parts = 0
        self._progress = progress
        self._num_begun = 0

    def next(self) -> Progress | None:
        """The callback for the next part; None without an outer callback."""
        report, number = self._progress, self._num_begun
        self._num_begun += 1
        if report is None:
            return None
        return lambda done, total: report(_TICKS * number + _TICKS * done // total, _TICKS * self.num_parts)


def _is_answerer(agent: object) -> TypeGuard[Answerer]:
    """Whether the agent answers problems outside games."""
    return callable(getattr(agent, "ask", None))


# The games.


class _Opponent:
    """An agent under a spec of its own: `random` against `random` is then an ordinary match, not a mirror match."""

    def __init__(self, agent: Agent) -> None:
        self.spec = f"opponent {agent.spec}"
        self.record_name = seat_name(agent)
        self.max_retries = agent.max_retries
        self._agent = agent

    async def act(self, decision: Decision) -> Reply:
        return await self._agent.act(decision)


class _GameFigures(NamedTuple):
    """Figures from one game's matches."""

    scores: list[Score]
    samples: list[Sample]


async def _play_matches(
    agent: Agent, game: Game[Any, Any], plan: Plan, seed: int, parts: _ProgressParts
) -> _GameFigures:
    """Plays one game against every opponent: the share of legal replies over all matches, then each match's figures."""
    matches, played = _GameFigures([], []), list[MatchEpisode]()
    for opponent in opponent_specs(game.info, plan.opponents):
        seats = [agent, _Opponent(agents.get(opponent))] if opponent else [agent]
        result = await run_match(game, seats, plan.episodes, seed, parts.next())
        _add_match(matches, result, f"{game.info.name}/{opponent}" if opponent else game.info.name)
        played += result.episodes
    legal = _legal_share(f"legal/{game.info.name}", _group_by_deal(played))
    return _GameFigures(legal.scores + matches.scores, legal.samples + matches.samples)


def _add_match(figures: _GameFigures, result: MatchResult, subject: str) -> None:
    own_scores, deals = result.scores.agents[0], _group_by_deal(result.episodes)
    wins = [fmean(won for p in deal for won in _own_values(p, _wins(p))) for deal in deals]
    returns = [fmean(r for p in deal for r in _own_values(p, p.episode.returns)) for deal in deals]
    forfeits = [fmean(own for p in deal for own in _own_values(p, _forfeits(p))) for deal in deals]
    lost = own_scores.lost_by_forfeit.model_copy(update={"name": "forfeit"})
    for score, values in ((own_scores.win, wins), (lost, forfeits), (own_scores.mean_return, returns)):
        name = f"{score.name}/{subject}"
        figures.scores.append(score.model_copy(update={"name": name}))
        figures.samples.append(Sample(name=name, unit=score.unit, better=score.better, values=tuple(values)))


def _legal_share(name: str, deals: Sequence[Sequence[MatchEpisode]]) -> _GameFigures:
    """The share of legal moves among the agent's replies; empty where it had no decision to make."""
    is_legal = [[t.problem is None for p in deal for t in p.episode.turns if p.seating[t.role] == 0] for deal in deals]
    hits, num_replies = sum(map(sum, is_legal)), sum(map(len, is_legal))
    if not num_replies:
        return _GameFigures([], [])
    score = share(name, hits, num_replies, unit="share of replies", better="higher")
    parts = [score.value + len(deals) * (sum(t) - score.value * len(t)) / num_replies for t in is_legal]
    return _GameFigures([score], [Sample(name=name, unit=score.unit, better=score.better, values=tuple(parts))])


def _group_by_deal(episodes: Iterable[MatchEpisode]) -> list[list[MatchEpisode]]:
    """The episodes of each deal, against all opponents."""
    deals: dict[int, list[MatchEpisode]] = {}
    for played in episodes:
        deals.setdefault(played.deal, []).append(played)
    return list(deals.values())


def _wins(played: MatchEpisode) -> list[bool]:
    """Whether each role won."""
    return [outcome == "win" for outcome in played.episode.outcome]


def _forfeits(played: MatchEpisode) -> list[bool]:
    """Whether each role ended the game by making no legal move."""
    return [role == played.episode.forfeited_by for role in range(len(played.seating))]


def _own_values(played: MatchEpisode, by_role: Sequence[float]) -> list[float]:
    """The values of the measured agent's seats."""
    return [value for value, agent in zip(by_role, played.seating, strict=True) if agent == 0]
