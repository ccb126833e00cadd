"""Everything that is measured of an agent before and after training, and what changed in between.

Two measurements of one plan and one seed play the same deals, think under the same seeds and answer the same problems.
A measurement keeps the parts that its figures are made of, so that `paired` can compare two of them part by part.
"""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch import agents, games
from mirrormatch.agents.types import Agent, Decision, Reply
from mirrormatch.errors import UserError
from mirrormatch.evals import benchmarks, exploitability, transfer
from mirrormatch.evals.arena import MatchResult, Played, Progress, run_match
from mirrormatch.evals.exploitability import PolicyReport, is_readable, measure_exploitability
from mirrormatch.evals.report.wording import Label, label, verdict, written, written_change
from mirrormatch.evals.statistics import Better, Difference, Score, difference, share
from mirrormatch.evals.transfer import Answerer, Transfer, run_transfer
from mirrormatch.games.game import Game
from mirrormatch.seeds import derive

if TYPE_CHECKING:
    from rich.table import Table

_TICKS: Final = 100  # of progress, for each part
_SHOWN: Final = ("legal", "win", "mean_return", "exploitability", "legal_mass", "floor", "accuracy", "no_answer")
_STYLES: Final = {"": "", "better": "green", "worse": "red", "differs": "yellow"}
CAPTION: Final = (
    "Differences of shares are in percentage points. Better, worse, differs: the 95% interval of the paired "
    "difference leaves out 0, as one in twenty does by chance. n: deals, thoughts or problems."
)


class Plan(BaseModel):
    """What is measured.

    Attributes:
        games: those that are played.
        episodes: in each game against each opponent, seats swapped.
        opponents: specs of agents; `optimal` is left out where a game has no solver.
        exploitability: small two-player zero-sum games.
        thoughts: sampled at each information state of those.
        transfer: benchmarks.
        items: questions of each task.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    games: tuple[str, ...] = ()
    episodes: int = 200
    opponents: tuple[str, ...] = ("random", "optimal")
    exploitability: tuple[str, ...] = ()
    thoughts: int = 64
    transfer: tuple[str, ...] = ()
    items: int = 100


class Sample(BaseModel):
    """The parts of one figure, one value for each deal, in an order that depends on the plan and the seed alone.

    Attributes:
        name: of the figure, which is the mean of the values.
        unit: of the values.
        better: the good direction.
        values: of a share r over replies they are linearised: `r + D (hits_d - r replies_d) / replies`, with D deals,
            so that their mean is r (Cochran 1977, Sampling Techniques, section 6.4).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    unit: str
    better: Better
    values: tuple[float, ...]


class Measurement(BaseModel):
    """One agent, measured.

    Attributes:
        spec: of the agent.
        seed: of deals, thoughts and problems.
        plan: what was measured; what the agent can't do was left out.
        scores: the figures.
        samples: the games' figures, deal by deal.
        policies: exploitability, one report for each game.
        transfer: the answered problems.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    spec: str
    seed: int
    plan: Plan
    scores: tuple[Score, ...]
    samples: tuple[Sample, ...]
    policies: tuple[PolicyReport, ...]
    transfer: Transfer | None


async def measure(agent: Agent, plan: Plan, seed: int, progress: Progress | None = None) -> Measurement:
    """Measures an agent.

    Args:
        agent: any; one that has no probabilities to read or can't be asked problems is measured in play alone.
        plan: what to measure.
        seed: equal seeds and plans can be compared with `paired`.
        progress: called with done and total, in hundredths of a match, a game's exploitability or all transfer.

    Raises:
        UserError: an unknown game, opponent or benchmark, or a game that doesn't suit.
    """
    parts = _Parts(progress)
    chosen = [games.get(name) for name in plan.games]
    searched = [games.get(name) for name in plan.exploitability if is_readable(agent)]
    asked = [benchmarks.get(name) for name in plan.transfer] if _answers(agent) else []
    parts.total = sum(len(_opponents(game, plan)) for game in chosen) + len(searched) + bool(asked)
    in_games = [await _played(agent, game, plan, seed, parts) for game in chosen]
    policies = [
        await measure_exploitability(agent, game, plan.thoughts, derive(seed, "thoughts"), parts.next())
        for game in searched
    ]
    answered = None
    if asked and _answers(agent):
        answered = await run_transfer(agent, asked, plan.items, derive(seed, "problems"), parts.next())
    scores = [
        *(score for found in in_games for score in found.scores),
        *(score for policy in policies for score in policy.scores()),
        *(answered.scores() if answered else ()),
    ]
    return Measurement(
        spec=agent.spec,
        seed=seed,
        plan=plan,
        scores=tuple(scores),
        samples=tuple(sample for found in in_games for sample in found.samples),
        policies=tuple(policies),
        transfer=answered,
    )


class _Parts:
    """Makes one progress of several that follow each other."""

    def __init__(self, told: Progress | None) -> None:
        self.total = 0
        self._told = told
        self._begun = 0

    def next(self) -> Progress | None:
        """The progress of the next part."""
        told, number = self._told, self._begun
        self._begun += 1
        if told is None:
            return None
        return lambda done, total: told(_TICKS * number + _TICKS * done // total, _TICKS * self.total)


def _answers(agent: object) -> TypeGuard[Answerer]:
    """Whether the agent can be asked a problem."""
    return callable(getattr(agent, "ask", None))


# The games.


class _Opponent:
    """An agent under a name of its own, so that `random` against `random` is a match and no mirror match."""

    def __init__(self, agent: Agent) -> None:
        self.spec = f"opponent {agent.spec}"
        self.patience = agent.patience
        self._agent = agent

    async def act(self, decision: Decision) -> Reply:
        return await self._agent.act(decision)


class _InGame(NamedTuple):
    """What one game's matches gave."""

    scores: list[Score]
    samples: list[Sample]


def _opponents(game: Game[Any, Any], plan: Plan) -> list[str]:
    """Who is met, one match each; in a game for one, nobody, once."""
    if len(game.info.roles) == 1:
        return [""]
    return [name for name in plan.opponents if name != "optimal" or game.info.solver is not None]


async def _played(agent: Agent, game: Game[Any, Any], plan: Plan, seed: int, parts: _Parts) -> _InGame:
    """Every match of one game: the share of legal replies over all of them, and how each of them went."""
    matches, deals = _InGame([], []), list[list[Played]]()
    for opponent in _opponents(game, plan):
        seats = [agent, _Opponent(agents.get(opponent))] if opponent else [agent]
        own_seed = derive(seed, "match", game.info.name, opponent)
        result = await run_match(game, seats, plan.episodes, own_seed, parts.next())
        _add_match(matches, result, f"{game.info.name}/{opponent}" if opponent else game.info.name)
        deals += _by_deal(result)
    legal = _legal(f"legal/{game.info.name}", deals)
    return _InGame(legal.scores + matches.scores, legal.samples + matches.samples)


def _add_match(found: _InGame, result: MatchResult, subject: str) -> None:
    told, deals = result.scores.agents[0], _by_deal(result)
    wins = [fmean(won for p in deal for won in _own(p, [o == "win" for o in p.episode.outcome])) for deal in deals]
    returns = [fmean(r for p in deal for r in _own(p, p.episode.returns)) for deal in deals]
    for score, values in ((told.win, wins), (told.mean_return, returns)):
        name = f"{score.name}/{subject}"
        found.scores.append(score.model_copy(update={"name": name}))
        found.samples.append(Sample(name=name, unit=score.unit, better=score.better, values=tuple(values)))


def _legal(name: str, deals: Sequence[Sequence[Played]]) -> _InGame:
    """The share of legal moves among the agent's replies; nothing where it was never asked."""
    told = [[t.problem is None for p in deal for t in p.episode.turns if p.seating[t.role] == 0] for deal in deals]
    hits, replies = sum(map(sum, told)), sum(map(len, told))
    if not replies:
        return _InGame([], [])
    score = share(name, hits, replies, unit="share of replies", better="higher")
    parts = [score.value + len(deals) * (sum(t) - score.value * len(t)) / replies for t in told]
    return _InGame([score], [Sample(name=name, unit=score.unit, better=score.better, values=tuple(parts))])


def _by_deal(result: MatchResult) -> list[list[Played]]:
    """The episodes of each deal."""
    deals: dict[int, list[Played]] = {}
    for played in result.played:
        deals.setdefault(played.deal, []).append(played)
    return list(deals.values())


def _own(played: Played, by_role: Sequence[float]) -> list[float]:
    """The values of the agent's own seats."""
    return [value for value, who in zip(by_role, played.seating, strict=True) if who == 0]


# What changed.


def paired(before: Measurement, after: Measurement) -> list[Difference]:
    """The change of every figure that both have, after minus before, in the order of the scores.

    Games are paired deal by deal, problems one by one, thoughts resample by resample.

    Raises:
        UserError: the two were not measured on the same plan and seed.
    """
    if (before.plan, before.seed) != (after.plan, after.seed):
        raise UserError(
            f"{before.spec!r} and {after.spec!r} were measured on different plans or seeds, so nothing can be paired"
        )
    changes = [*_in_samples(before, after), *_in_policies(before, after), *_in_transfer(before, after)]
    by_name = {change.score.name: change for change in changes}
    return [by_name[score.name] for score in before.scores if score.name in by_name]


def _in_samples(before: Measurement, after: Measurement) -> Iterator[Difference]:
    later = {sample.name: sample for sample in after.samples}
    for sample in before.samples:
        if (other := later.get(sample.name)) is not None:
            unit, better = sample.unit, sample.better
            yield difference(sample.name, sample.values, other.values, seed=before.seed, unit=unit, better=better)


def _in_policies(before: Measurement, after: Measurement) -> Iterator[Difference]:
    later = {policy.game: policy for policy in after.policies}
    for policy in before.policies:
        if (other := later.get(policy.game)) is not None:
            yield from exploitability.compared(policy, other)


def _in_transfer(before: Measurement, after: Measurement) -> Iterator[Difference]:
    if before.transfer is not None and after.transfer is not None:
        yield from transfer.compared(before.transfer, after.transfer)


class Row(NamedTuple):
    """A figure before and after.

    Attributes:
        label: its section and name.
        before: None where only the other has it.
        after: likewise.
        change: None where it can't be paired.
    """

    label: Label
    before: Score | None
    after: Score | None
    change: Difference | None


def rows(before: Measurement, after: Measurement) -> list[Row]:
    """Every figure that a table shows, section by section."""
    earlier, later = ({s.name: s for s in m.scores if _is_shown(s, m)} for m in (before, after))
    changes = {change.score.name: change for change in paired(before, after)}
    names = dict.fromkeys([*earlier, *later])
    found = [Row(label(n), earlier.get(n), later.get(n), changes.get(n)) for n in names]
    sections = list(dict.fromkeys(row.label.section for row in found))
    return sorted(found, key=lambda row: sections.index(row.label.section))


def _is_shown(score: Score, measurement: Measurement) -> bool:
    """Tasks and the overall accuracy are shown, what lies between and majorities are left to the file."""
    figure, _, subject = score.name.partition("/")
    if figure == "accuracy" and measurement.transfer is not None:
        return subject not in {result.kind for result in measurement.transfer.results}
    return figure in _SHOWN


def table(before: Measurement, after: Measurement, plain: bool = False) -> "Table":
    """The figures side by side, to be printed by rich in 80 columns or more.

    Args:
        before: one measurement.
        after: the other.
        plain: no lines.
    """
    from rich import box
    from rich.table import Table

    shown = Table(box=None if plain else box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("", no_wrap=True)
    for heading in ("before", "after", "difference", "n"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("")
    section = ""
    for row in rows(before, after):
        if row.label.section != section:
            section = row.label.section
            shown.add_row(section, style="bold")
        shown.add_row(*_cells(row), style=_STYLES[verdict(row.change.score)] if row.change else "")
    shown.caption = CAPTION
    shown.caption_justify = "left"
    return shown


def _cells(row: Row) -> list[str]:
    values = [written(score) if score else "-" for score in (row.before, row.after)]
    if row.change is None:
        return [f"  {row.label.text}", *values, "", "", ""]
    change = row.change.score
    return [f"  {row.label.text}", *values, written_change(change), str(change.n or ""), verdict(change)]
