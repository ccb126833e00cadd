"""What a benchmark is: questions with one right answer each, and a grader.

It knows neither who answers nor how often; that is `transfer`'s part.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

Verdict: TypeAlias = Literal["right", "wrong", "failed"]  # failed: the grader hung or crashed on it; counts as wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question.

    Attributes:
        id: stable: the same id is the same question on every machine. Runs are paired by it.
        task: what it is reported under, one of the benchmark's tasks.
        question: as asked.
        answer: the reference answer; not always the only spelling that is right.
    """

    id: str
    task: str
    question: str
    answer: str


class Answered(NamedTuple):
    item: Item
    given: str


class Benchmark(Protocol):
    """A family of tasks that is made and graded in one way. A module in `evals/benchmarks/` defines one as `BENCHMARK`.

    Attributes:
        name: the name of its file.
        description: one line.
        tasks: what it reports, one accuracy each; no other benchmark has a task of that name.
        extra: the optional extra that must be installed for it; None where the plain package is enough.
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
        """`n` items of every task, no question twice; fewer only where a task has no more of them."""
        ...

    def grade(self, answered: Sequence[Answered]) -> list[Verdict]:
        """One verdict per answer, in order. Answers are a model's text: nothing in them is ever run."""
        ...


def majority(answers: Sequence[str]) -> float:
    """The accuracy of giving one and the same answer every time, the best there is. Denominator: all these answers."""
    ((_, most),) = Counter(answer.casefold() for answer in answers).most_common(1)
    return most / len(answers)
