"""A few short tasks of reasoning-gym, as a check that doesn't come from this project.

Needs the `[evals]` extra. Items and scores come from a guarded child process (`gym_worker`); an answer counts only when
it scores full marks, because some scorers give part of them to any text that contains the answer. Left out are tasks
that depend on the hash seed, that evaluate the answer, or that one constant answer solves.

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
from mirrormatch.evals.benchmark import Answered, Item, Verdict
from mirrormatch.sandbox import GuardedChild
from mirrormatch.seeds import derive

WORKER: Final = Path(__file__).with_name("_gym_worker.py")  # run, never imported
PREFIX: Final = "gym_"
TASKS: Final[Mapping[str, Mapping[str, int]]] = {  # settings that keep questions within reach of small models
    "chain_sum": {"max_terms": 3, "max_digits": 2},
    "coin_flip": {},
    "family_relationships": {"max_family_size": 5},
    "gcd": {"max_value": 60},
    "leg_counting": {"max_animals": 3, "max_instances": 5},
    "simple_equations": {"max_terms": 2, "max_value": 20},
}
FULL_MARKS: Final = 0.999
LIMIT_S: Final = 5.0  # for one score; a thousandth of it is usual
MAKING_LIMIT_S: Final = 60.0
MAX_ANSWER_CHARS: Final = 200  # no right answer is longer
_SEEDS: Final = 2**32  # what its generators take


class _Made(BaseModel):
    """An item as it comes out of the child."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int
    question: str
    answer: str


_MADE = TypeAdapter(list[_Made])
_SCORE = TypeAdapter(float)


@dataclass(frozen=True, slots=True)
class ReasoningGym:
    """The tasks of `settings`.

    Attributes:
        settings: task -> the settings of its generator.
        limit_s: wall-clock time for one score.
    """

    settings: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: TASKS)
    limit_s: float = LIMIT_S
    name: str = "reasoning_gym"
    description: str = "six short tasks of reasoning-gym, made and scored in a guarded process"
    extra: str | None = "evals"

    @property
    def tasks(self) -> tuple[str, ...]:
        """Their own names behind a prefix: `gym_chain_sum`."""
        return tuple(f"{PREFIX}{task}" for task in self.settings)

    def items(self, seed: int, n: int) -> list[Item]:
        with self._child(MAKING_LIMIT_S) as child:
            return [item for task in self.settings for item in _items(child, task, seed, n)]

    def grade(self, answered: Sequence[Answered]) -> list[Verdict]:
        with self._child(self.limit_s) as child:
            return [_verdict(child, item, given) for item, given in answered]

    def _child(self, limit_s: float) -> GuardedChild:
        if importlib.util.find_spec("reasoning_gym") is None:
            raise UserError("benchmark 'reasoning_gym' needs the extra: pip install 'mirrormatch[evals]'")
        settings = json.dumps({task: dict(options) for task, options in self.settings.items()})
        return GuardedChild(WORKER, [settings], limit_s)


def _items(child: GuardedChild, task: str, seed: int, n: int) -> list[Item]:
    own_seed = derive(seed, "reasoning_gym", task) % _SEEDS
    reply = child.ask({"task": task, "seed": own_seed, "count": n})
    assert reply is not None, f"reasoning-gym made no {task} items within {MAKING_LIMIT_S} s"
    return [
        Item(id=f"{PREFIX}{task}/{own_seed}/{m.index}", task=f"{PREFIX}{task}", question=m.question, answer=m.answer)
        for m in _MADE.validate_python(reply)
    ]


def _verdict(child: GuardedChild, item: Item, given: str) -> Verdict:
    if not 0 < len(given.strip()) <= MAX_ANSWER_CHARS:
        return "wrong"
    task, seed, index = item.id.removeprefix(PREFIX).split("/")
    reply = child.ask({"task": task, "seed": int(seed), "index": int(index), "given": given.strip()})
    if reply is None:
        return "failed"
    return "right" if _SCORE.validate_python(reply) >= FULL_MARKS else "wrong"


BENCHMARK = ReasoningGym()
