"""One kind of the project's own exercises as a benchmark: held-out questions, a task for each level."""

from collections.abc import Sequence
from dataclasses import dataclass

from mirrormatch.evals.benchmark import Answered, Item, Verdict
from mirrormatch.games.exercises import LEVELS, draw_exercise, grade_answer

MOST_DRAWS_PER_ITEM = 20  # then the kind has hardly any new question left


@dataclass(frozen=True, slots=True)
class ExerciseBenchmark:
    """The held-out exercises of one kind.

    Attributes:
        name: the kind.
        description: one line.
        extra: none is needed.
    """

    name: str
    description: str
    extra: None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """`arithmetic_1`, `arithmetic_2`."""
        return tuple(f"{self.name}_{level}" for level in LEVELS)

    def items(self, seed: int, n: int) -> list[Item]:
        return [item for level in LEVELS for item in self._level(level, seed, n)]

    def grade(self, answered: Sequence[Answered]) -> list[Verdict]:
        return ["right" if grade_answer(item.answer, given) else "wrong" for item, given in answered]

    def _level(self, level: int, seed: int, n: int) -> list[Item]:
        """The first `n` different questions that the seed draws."""
        task, found, index = f"{self.name}_{level}", dict[str, Item](), 0
        while len(found) < n and index < MOST_DRAWS_PER_ITEM * n:
            exercise = draw_exercise(self.name, level, seed, index, held_out=True)
            item = Item(id=f"{task}/{seed}/{index}", task=task, question=exercise.question, answer=exercise.answer)
            found.setdefault(exercise.question, item)
            index += 1
        return list(found.values())
