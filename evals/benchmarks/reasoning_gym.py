"""A few short tasks of reasoning-gym: an independent check beside the project's own exercises.

Needs the `[evals]` extra. Items and scores come from a guarded child process (`_gym_worker`). An answer is right only
with full marks, because some scorers give partial marks to any text that contains the answer. Left out are tasks that
depend on the hash seed, that evaluate the answer, or that one constant answer solves: the scorer of `coin_flip`
compares the beginnings of decimals, and gives full marks to "0" in 95 of 100 items.

Source: https://github.com/open-thought/reasoning-gym, 0.1.25. Other versions make other items from the same seed.
"""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from mirrormatch.errors import UserError
from mirrormatch.evals.benchmark import AnsweredItem, Item, Verdict
from mirrormatch.games.exercises import grade_answer
from mirrormatch.sandbox import GuardedChild
from mirrormatch.seeds import derive

WORKER: Final = Path(__file__).with_name("_gym_worker.py")  # run, never imported
PREFIX: Final = "gym_"
TASKS: Final[Mapping[str, Mapping[str, int]]] = {  # settings for questions that small models can answer
    "chain_sum": {"max_terms": 3, "max_digits": 2},
    "family_relationships": {"max_family_size": 5},
    "gcd": {"max_value": 60},
    "leg_counting": {"max_animals": 3, "max_instances": 5},
    "simple_equations": {"max_terms": 2, "max_value": 20},
}
FULL_MARKS: Final = 0.999
LIMIT_S: Final = 5.0  # for one score; usual are 5 ms
MAKING_LIMIT_S: Final = 60.0
MAX_ANSWER_CHARS: Final = 200  # no right answer is longer
_SEEDS: Final = 2**32  # upper bound on the generators' seeds


class _GymItem(BaseModel):
    """An item in the child's reply."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int
    question: str
    answer: str


_GYM_ITEMS = TypeAdapter(list[_GymItem])
_SCORE = TypeAdapter(float)


@dataclass(frozen=True, slots=True)
class ReasoningGym:
    """The benchmark of the tasks in `settings`.

    Attributes:
        settings: task -> the settings of its generator.
        limit_s: wall-clock limit for one score.
    """

    settings: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: TASKS)
    limit_s: float = LIMIT_S
    name: str = "reasoning_gym"
    description: str = "five short tasks of reasoning-gym, made and scored in a guarded process"
    extra: str | None = "evals"

    @property
    def tasks(self) -> tuple[str, ...]:
        """reasoning-gym's names behind a prefix: `gym_chain_sum`."""
        return tuple(f"{PREFIX}{task}" for task in self.settings)

    def items(self, seed: int, n: int) -> list[Item]:
        with self._start_child(MAKING_LIMIT_S) as child:
            return [item for task in self.settings for item in _draw_items(child, task, seed, n)]

    def grade(self, answered: Sequence[AnsweredItem]) -> list[Verdict]:
        with self._start_child(self.limit_s) as child:
            return [_grade_answer(child, item, given) for item, given in answered]

    def _start_child(self, limit_s: float) -> GuardedChild:
        if importlib.util.find_spec("reasoning_gym") is None:
            raise UserError("benchmark 'reasoning_gym' needs the extra: pip install 'mirrormatch[evals]'")
        settings = json.dumps({task: dict(options) for task, options in self.settings.items()})
        return GuardedChild(WORKER, [settings], limit_s)


def _draw_items(child: GuardedChild, task: str, seed: int, n: int) -> list[Item]:
    own_seed = derive(seed, "reasoning_gym", task) % _SEEDS
    reply = child.request({"task": task, "seed": own_seed, "count": n})
    assert reply is not None, f"reasoning-gym made no {task} items within {MAKING_LIMIT_S} s"
    return [
        Item(id=f"{PREFIX}{task}/{own_seed}/{m.index}", task=f"{PREFIX}{task}", question=m.question, answer=m.answer)
        for m in _GYM_ITEMS.validate_python(reply)
    ]


def _grade_answer(child: GuardedChild, item: Item, given: str) -> Verdict:
    if not 0 < len(given.strip()) <= MAX_ANSWER_CHARS:
        return "wrong"
    if grade_answer(item.answer, given):  # the scorers don't know LaTeX or units
        return "right"
    task, seed, index = item.id.removeprefix(PREFIX).split("/")
    reply = child.request({"task": task, "seed": int(seed), "index": int(index), "given": given.strip()})
    if reply is None:
        return "failed"
    return "right" if _SCORE.validate_python(reply) >= FULL_MARKS else "wrong"


BENCHMARK = ReasoningGym()
