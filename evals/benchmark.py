"""The interface of a benchmark: questions with one right answer each, and a grader.

Asking agents and computing scores are `transfer`'s part.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

Verdict: TypeAlias = Literal["right", "wrong", "failed"]  # failed: the grader hung or crashed; counts as wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question.

    Attributes:
        id: the same id means the same question on every machine; runs are paired by it.
        task: the benchmark's task under which the item is reported.
        question: the question's text.
        answer: the reference answer; other spellings can be right too.
    """

    id: str
    task: str
    question: str
    answer: str


class AnsweredItem(NamedTuple):
    """An item and the answer that an agent gave."""

    item: Item
    given: str


class Benchmark(Protocol):
    """A family of tasks with one generator and one grader. A module in `evals/benchmarks/` defines one as `BENCHMARK`.

    Attributes:
        name: the name of the module.
        description: one line for `mirrormatch list benchmarks`.
        tasks: names of the tasks, unique over all benchmarks; each has an accuracy of its own.
        extra: the optional extra that must be installed; None if the plain package is enough.
    """

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def tasks(self) -> tuple[str, ...]: ...

    @property
    def extra(self) -> str | None: ...

    def items(self, seed: int, n: int) -> list[Item]:
        """Draws `n` items of every task, no question twice; fewer where a task has no more."""
        ...

    def grade(self, answered: Sequence[AnsweredItem]) -> list[Verdict]:
        """Grades answers, one verdict each, in order. Answers are untrusted text and must never be executed."""
        ...


def majority_share(answers: Sequence[str]) -> float:
    """The accuracy of always giving the commonest answer. Denominator: all answers."""
    return _count_commonest(answers) / len(answers)


def floor_share(answers_by_task: Sequence[Sequence[str]]) -> float:
    """The accuracy of always giving each task's commonest answer. Denominator: all answers of all tasks."""
    return sum(map(_count_commonest, answers_by_task)) / sum(map(len, answers_by_task))


def _count_commonest(answers: Sequence[str]) -> int:
    ((_, most),) = Counter(answer.casefold() for answer in answers).most_common(1)
    return most
