"""Transfer: an agent's accuracy on reasoning problems outside the games, and the change between two runs.

All questions are requested at once, which lets the engine batch them. Every item keeps its 0 or 1 under its id: two
runs are compared question by question. A reply without an answer is wrong, counted, and stays in the denominator.
"""

import functools
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.types import Reply
from mirrormatch.errors import UserError
from mirrormatch.evals.benchmark import AnsweredItem, Benchmark, Item, Verdict, floor_share
from mirrormatch.evals.statistics import Better, Difference, Score, difference, exact, share
from mirrormatch.evals.types import Progress
from mirrormatch.games.exercises import grade_answer
from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.seeds import derive

UNIT: Final = "share of questions"


class Answerer(Protocol):
    """An agent that answers questions outside games."""

    spec: str

    async def ask(self, text: str, seed: int) -> Reply:
        """Replies to one question."""
        ...


class Result(BaseModel):
    """The result of one question.

    Attributes:
        id: the item's id.
        task: the item's task.
        kind: the benchmark's name.
        reference: the right answer.
        verdict: the grade; "wrong" for a reply without an answer.
        problem: the reason why the reply holds no answer; None if it holds one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    task: str
    kind: str
    reference: str
    verdict: Verdict
    problem: ProblemKind | None


class Transfer(BaseModel):
    """One agent's results on some benchmarks; runs of equal seeds can be compared.

    Attributes:
        spec: the agent's spec.
        seed: the seed of the items and of the agent's sampling.
        results: one result per question.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: str
    seed: int
    results: tuple[Result, ...]

    def scores(self) -> list[Score]:
        """Accuracy per task, per kind and overall, each with its floor; problems and failed gradings.

        The overall accuracy weighs every question alike. Intervals are Wilson's.
        """
        return [score for figure in _figures(self.results) for score in _figure_scores(figure, self.results)]


async def run_transfer(
    agent: Answerer, benchmarks: Sequence[Benchmark], n: int, seed: int, progress: Progress | None = None
) -> Transfer:
    """Asks `n` questions of every task and grades the answers.

    Args:
        agent: the answering agent; its engine receives all questions at once.
        benchmarks: the sources of the questions.
        n: number of questions per task; fewer where a task has no more.
        seed: equal seeds give equal questions and equal seeds for the agent's sampling.
        progress: called after every reply.

    Raises:
        UserError: no question was requested, or a benchmark whose extra isn't installed.
    """
    if n < 1 or not benchmarks:
        raise UserError(f"transfer needs at least 1 benchmark and 1 question a task, not {len(benchmarks)} and {n}")
    questions = [(benchmark, benchmark.items(seed, n)) for benchmark in benchmarks]
    answers = await _collect_answers(agent, [item for _, items in questions for item in items], seed, progress)
    results = [result for benchmark, items in questions for result in _grade_items(benchmark, items, answers)]
    return Transfer(spec=agent.spec, seed=seed, results=tuple(results))


async def _collect_answers(
    agent: Answerer, items: Sequence[Item], seed: int, progress: Progress | None
) -> dict[str, str | Problem]:
    """Requests all answers concurrently and returns them by the items' ids."""
    answers = dict[str, str | Problem]()

    async def ask(item: Item) -> None:
        answers[item.id] = _find_answer(await agent.ask(item.question, derive(seed, "transfer", item.id)))
        if progress is not None:
            progress(len(answers), len(items))

    await run_all((functools.partial(ask, item) for item in items), limit=len(items))
    return answers


def _find_answer(reply: Reply) -> str | Problem:
    """The reply's answer; of several spellings the first, if all of them are one value."""
    first, *others = reply.spellings or ("",)
    return first if others and all(grade_answer(first, other) for other in others) else reply.answer


def compare_transfers(before: Transfer, after: Transfer) -> list[Difference]:
    """The change of every figure, after minus before, paired by question, with interval and p.

    Raises:
        UserError: the two runs have different questions.
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


def _grade_items(benchmark: Benchmark, items: Sequence[Item], answers: dict[str, str | Problem]) -> list[Result]:
    answered = [AnsweredItem(item, answer) for item in items if isinstance(answer := answers[item.id], str)]
    verdicts = dict(zip((a.item.id for a in answered), benchmark.grade(answered), strict=True))
    return [_result(benchmark.name, item, answers[item.id], verdicts.get(item.id, "wrong")) for item in items]


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
    """The definition of one reported share: its questions and the property that it counts.

    Attributes:
        name: the score's name.
        better: the good direction.
        counts: the property that is counted.
        task: the one task whose questions are covered; None for all.
        kind: the one benchmark whose questions are covered; None for all.
    """

    name: str
    better: Better
    counts: Literal["right", "no answer", "truncated", "failed"]
    task: str | None = None
    kind: str | None = None

    def covers(self, result: Result) -> bool:
        """Whether the result is in the denominator."""
        return self.task in (None, result.task) and self.kind in (None, result.kind)

    def value(self, result: Result) -> int:
        """1 if the result has the property, else 0."""
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


def _figure_scores(figure: _Figure, results: Sequence[Result]) -> list[Score]:
    """The share and, beside an accuracy, its floor: that of always giving each task's commonest answer."""
    covered = [r for r in results if figure.covers(r)]
    hits = sum(map(figure.value, covered))
    scores = [share(figure.name, hits, len(covered), unit=UNIT, better=figure.better)]
    if figure.counts == "right":
        tasks = dict.fromkeys(r.task for r in covered)
        floor = floor_share([[r.reference for r in covered if r.task == task] for task in tasks])
        scores.append(exact(figure.name.replace("accuracy/", "majority/"), floor, unit=UNIT, better=None))
    return scores


def _change(figure: _Figure, pairs: Sequence[tuple[Result, Result]], seed: int) -> Difference:
    covered = [(figure.value(a), figure.value(b)) for a, b in pairs if figure.covers(a)]
    before, after = [a for a, _ in covered], [b for _, b in covered]
    return difference(figure.name, before, after, seed=seed, unit=UNIT, better=figure.better)
