"""The project's own exercises as benchmarks: held-out questions, a task for each kind and level."""

from collections.abc import Sequence
from dataclasses import dataclass

from mirrormatch.evals.benchmark import AnsweredItem, Item, Verdict
from mirrormatch.games.exercises import draw_exercise, grade_answer

MAX_DRAWS_PER_ITEM = 20  # beyond it the kind has hardly any new question left


@dataclass(frozen=True, slots=True)
class ExerciseBenchmark:
    """The held-out exercises of some kinds and levels.

    Attributes:
        name: the benchmark's name; the kind of exercise unless `kinds` are given.
        description: one line for `mirrormatch list benchmarks`.
        kinds: the kinds of exercises; by default the one of that name.
        levels: the levels of difficulty.
        extra: always None: no optional extra is needed.
    """

    name: str
    description: str
    kinds: tuple[str, ...] = ()
    levels: tuple[int, ...] = (1, 2)
    extra: None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """One task per kind and level: `arithmetic_1`, `arithmetic_2`."""
        return tuple(f"{kind}_{level}" for kind, level in self._list_parts())

    def items(self, seed: int, n: int) -> list[Item]:
        return [item for kind, level in self._list_parts() for item in _draw_items(kind, level, seed, n)]

    def grade(self, answered: Sequence[AnsweredItem]) -> list[Verdict]:
        return ["right" if grade_answer(item.answer, given) else "wrong" for item, given in answered]

    def _list_parts(self) -> list[tuple[str, int]]:
        return [(kind, level) for kind in self.kinds or (self.name,) for level in self.levels]


def _draw_items(kind: str, level: int, seed: int, n: int) -> list[Item]:
    """Draws `n` different questions of a level; fewer if `MAX_DRAWS_PER_ITEM` draws per item don't give as many."""
    task = f"{kind}_{level}"
    items = dict[str, Item]()  # by question
    for index in range(MAX_DRAWS_PER_ITEM * n):
        if len(items) == n:
            break
        exercise = draw_exercise(kind, level, seed, index, held_out=True)
        item = Item(id=f"{task}/{seed}/{index}", task=task, question=exercise.question, answer=exercise.answer)
        items.setdefault(exercise.question, item)
    return list(items.values())
