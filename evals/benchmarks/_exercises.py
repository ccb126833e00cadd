"""One kind of the project's own exercises as a benchmark: held-out questions, a task for each level."""

from collections.abc import Sequence
from dataclasses import dataclass

from mirrormatch.evals.benchmark import AnsweredItem, Item, Verdict
from mirrormatch.games.exercises import LEVELS, draw_exercise, grade_answer

MAX_DRAWS_PER_ITEM = 20  # beyond it the kind has hardly any new question left


@dataclass(frozen=True, slots=True)
class ExerciseBenchmark:
    """The held-out exercises of one kind.

    Attributes:
        name: the kind of exercise.
        description: one line for `mirrormatch list benchmarks`.
        extra: always None: no optional extra is needed.
    """

    name: str
    description: str
    extra: None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """One task per level: `arithmetic_1`, `arithmetic_2`."""
        return tuple(f"{self.name}_{level}" for level in LEVELS)

    def items(self, seed: int, n: int) -> list[Item]:
        return [item for level in LEVELS for item in self._draw_items(level, seed, n)]

    def grade(self, answered: Sequence[AnsweredItem]) -> list[Verdict]:
        return ["right" if grade_answer(item.answer, given) else "wrong" for item, given in answered]

    def _draw_items(self, level: int, seed: int, n: int) -> list[Item]:
        """Draws `n` different questions of a level; fewer if `MAX_DRAWS_PER_ITEM` draws per item don't give as many."""
        task = f"{self.name}_{level}"
        items = dict[str, Item]()  # by question
        for index in range(MAX_DRAWS_PER_ITEM * n):
            if len(items) == n:
                break
            exercise = draw_exercise(self.name, level, seed, index, held_out=True)
            item = Item(id=f"{task}/{seed}/{index}", task=task, question=exercise.question, answer=exercise.answer)
            items.setdefault(exercise.question, item)
        return list(items.values())
