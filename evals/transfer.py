"""Transfer: what an agent answers to problems that no game asked, and what changed between two runs.

All questions are asked at once, so that an engine can batch them. Every item keeps its 0 or 1 under its id: two runs
are compared question by question. A reply without an answer is wrong, counted, and stays in the denominator.
"""

import functools
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.types import Reply
from mirrormatch.errors import UserError
from mirrormatch.evals.benchmark import Answered, Benchmark, Item, Verdict, majority
from mirrormatch.evals.statistics import Better, Difference, Score, difference, exact, share
from mirrormatch.evals.types import Progress
from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.seeds import derive

UNIT: Final = "share of questions"


class Answerer(Protocol):
    """An agent that can be asked a question outside of any game."""

    spec: str

    async def ask(self, text: str, seed: int) -> Reply:
        """The reply to one question."""
        ...


class Result(BaseModel):
    """What became of one question.

    Attributes:
        id: of the item.
        task: of the item.
        kind: the benchmark's name.
        reference: the right answer.
        verdict: "failed" where the grader hung or crashed; then, and with a problem, the answer is not right.
        problem: why the reply held no answer; None where it held one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str
    kind: str
    reference: str
    verdict: Verdict
    problem: ProblemKind | None


class Transfer(BaseModel):
    """One run over some benchmarks; written to a file, it can be compared later.

    Attributes:
        spec: who answered.
        seed: of the items and of the agent's sampling.
        results: one per question.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: str
    seed: int
    results: tuple[Result, ...]

    def scores(self) -> list[Score]:
        """Accuracy per task (its majority baseline beside it), per kind and overall; problems and failed gradings.

        The overall accuracy weighs every question alike. Intervals are Wilson's.
        """
        return [score for figure in _figures(self.results) for score in _reported(figure, self.results)]


async def run_transfer(
    agent: Answerer, benchmarks: Sequence[Benchmark], n: int, seed: int, progress: Progress | None = None
) -> Transfer:
    """Asks `n` questions of every task and grades the answers.

    Args:
        agent: who answers; its engine sees all the questions at once.
        benchmarks: what is asked.
        n: questions per task; a task that has fewer asks fewer.
        seed: equal seeds ask equal questions, with equal seeds for the agent's sampling.
        progress: called after every reply.

    Raises:
        UserError: no question to ask, or a benchmark whose extra isn't installed.
    """
    if n < 1 or not benchmarks:
        raise UserError(f"transfer needs at least 1 benchmark and 1 question a task, not {len(benchmarks)} and {n}")
    made = [(benchmark, benchmark.items(seed, n)) for benchmark in benchmarks]
    given = await _answers(agent, [item for _, items in made for item in items], seed, progress)
    results = [result for benchmark, items in made for result in _graded(benchmark, items, given)]
    return Transfer(spec=agent.spec, seed=seed, results=tuple(results))


async def _answers(
    agent: Answerer, items: Sequence[Item], seed: int, progress: Progress | None
) -> dict[str, str | Problem]:
    """The answers by the items' ids."""
    given = dict[str, str | Problem]()

    async def ask(item: Item) -> None:
        given[item.id] = (await agent.ask(item.question, derive(seed, "transfer", item.id))).answer
        if progress is not None:
            progress(len(given), len(items))

    await run_all((functools.partial(ask, item) for item in items), limit=len(items))
    return given


def compare_transfers(before: Transfer, after: Transfer) -> list[Difference]:
    """The change of every figure, after minus before, paired by question, with interval and p.

    Raises:
        UserError: the two runs asked different questions.
    """
    earlier, later = ({r.id: r for r in run.results} for run in (before, after))
    if earlier.keys() != later.keys():
        shared = len(earlier.keys() & later.keys())
        raise UserError(
            f"the two runs asked different questions ({len(earlier)} and {len(later)}, {shared} in both): "
            "compare runs with the same benchmarks, number of questions and seed"
        )
    pairs = [(earlier[id_], later[id_]) for id_ in sorted(earlier)]
    return [_change(figure, pairs, before.seed) for figure in _figures(before.results)]


def paired(before: Transfer, after: Transfer) -> list[Score]:
    """The scores of `compared`: a difference is significant where its interval leaves out 0."""
    return [change.score for change in compare_transfers(before, after)]


def _graded(benchmark: Benchmark, items: Sequence[Item], given: dict[str, str | Problem]) -> list[Result]:
    answered = [Answered(item, answer) for item in items if isinstance(answer := given[item.id], str)]
    verdicts = dict(zip((a.item.id for a in answered), benchmark.grade(answered), strict=True))
    return [_result(benchmark.name, item, given[item.id], verdicts.get(item.id, "wrong")) for item in items]


def _result(kind: str, item: Item, answer: str | Problem, verdict: Verdict) -> Result:
    return Result(
        id=item.id,
        task=item.task,
        kind=kind,
        reference=item.answer,
        verdict=verdict,
        problem=answer.kind if isinstance(answer, Problem) else None,
    )


class _Figure(NamedTuple):
    """One reported share: of which questions, and what it counts.

    Attributes:
        name: of the score.
        better: the good direction.
        counts: what is counted.
        task: only questions of this task.
        kind: only questions of this kind.
    """

    name: str
    better: Better
    counts: Literal["right", "no answer", "truncated", "failed"]
    task: str | None = None
    kind: str | None = None

    def covers(self, result: Result) -> bool:
        return self.task in (None, result.task) and self.kind in (None, result.kind)

    def value(self, result: Result) -> int:
        """1 or 0."""
        if self.counts in ("right", "failed"):
            return int(result.verdict == self.counts)
        if self.counts == "truncated":
            return int(result.problem is ProblemKind.TRUNCATED)
        return int(result.problem is not None)


def _figures(results: Sequence[Result]) -> list[_Figure]:
    """Accuracy by task, by kind and overall; replies without an answer and failed gradings overall."""
    tasks, kinds = dict.fromkeys(r.task for r in results), dict.fromkeys(r.kind for r in results)
    return [
        *(_Figure(f"accuracy/{task}", "higher", "right", task=task) for task in tasks),
        *(_Figure(f"accuracy/{kind}", "higher", "right", kind=kind) for kind in kinds),
        _Figure("accuracy/overall", "higher", "right"),
        _Figure("no_answer/overall", "lower", "no answer"),
        _Figure("truncated/overall", "lower", "truncated"),
        _Figure("grading_failed/overall", "lower", "failed"),
    ]


def _reported(figure: _Figure, results: Sequence[Result]) -> list[Score]:
    """The share and, for a task, what the commonest answer would have got."""
    covered = [r for r in results if figure.covers(r)]
    hits = sum(map(figure.value, covered))
    scores = [share(figure.name, hits, len(covered), unit=UNIT, better=figure.better)]
    if figure.task is not None:
        constant = majority([r.reference for r in covered])
        scores.append(exact(f"majority/{figure.task}", constant, unit=UNIT, better=None))
    return scores


def _change(figure: _Figure, pairs: Sequence[tuple[Result, Result]], seed: int) -> Difference:
    covered = [(figure.value(a), figure.value(b)) for a, b in pairs if figure.covers(a)]
    before, after = [a for a, _ in covered], [b for _, b in covered]
    return difference(figure.name, before, after, seed=seed, unit=UNIT, better=figure.better)
