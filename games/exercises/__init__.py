"""Short exercises with worked solutions, made from a seed.

The bundled models are trained on some of them and the transfer benchmarks measure with others: a hash of a question's
text decides whether it is held out, so the two never meet. Held-out questions come from the same templates with other
numbers and names: they measure whether a skill was kept or gained, not whether it reaches an unseen kind of text.

Models, prompts and benchmarks are not known here. Texts are short and plain enough for a model of a million
parameters: at most 40 words in a question, small numbers, few words used often. Share of the commonest answer
(60,000 questions each, levels 1 to 3): arithmetic .02 .02 .00, expected value .04 .04 .02, comparison .38 .33 .25, case
analysis .17 .22 .19, logic .25 .11 .17.
"""

import hashlib
import itertools
import random
from collections.abc import Callable
from typing import Final

from mirrormatch.games.exercises import arithmetic, case_analysis, comparison, expected_value, logic
from mirrormatch.games.exercises.grading import grade_answer
from mirrormatch.games.exercises.types import Draft, Exercise
from mirrormatch.seeds import derive

__all__ = [
    "HELD_OUT_ONE_IN",
    "KINDS",
    "LEVELS",
    "Exercise",
    "draw_exercise",
    "grade_answer",
    "is_held_out",
    "make_exercise",
]

KINDS: Final = ("arithmetic", "expected_value", "comparison", "case_analysis", "logic")
LEVELS: Final = (1, 2, 3)  # nano is trained on the first two
HELD_OUT_ONE_IN: Final = 5

_MAKERS: Final[dict[tuple[str, int], Callable[[random.Random], Draft]]] = {
    ("arithmetic", 1): arithmetic.make_level_1,
    ("arithmetic", 2): arithmetic.make_level_2,
    ("arithmetic", 3): arithmetic.make_level_3,
    ("expected_value", 1): expected_value.make_level_1,
    ("expected_value", 2): expected_value.make_level_2,
    ("expected_value", 3): expected_value.make_level_3,
    ("comparison", 1): comparison.make_level_1,
    ("comparison", 2): comparison.make_level_2,
    ("comparison", 3): comparison.make_level_3,
    ("case_analysis", 1): case_analysis.make_level_1,
    ("case_analysis", 2): case_analysis.make_level_2,
    ("case_analysis", 3): case_analysis.make_level_3,
    ("logic", 1): logic.make_level_1,
    ("logic", 2): logic.make_level_2,
    ("logic", 3): logic.make_level_3,
}


def make_exercise(kind: str, level: int, rng: random.Random) -> Exercise:
    """Makes one exercise, held out or not."""
    return Exercise(kind, level, *_MAKERS[kind, level](rng))


def is_held_out(question: str) -> bool:
    """Whether a question is kept from training: one in five, by its text alone, equally on every machine."""
    digest = hashlib.blake2b(question.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % HELD_OUT_ONE_IN == 0


def draw_exercise(kind: str, level: int, seed: int, index: int, *, held_out: bool) -> Exercise:
    """Draws the exercise number `index` under a seed, from the held-out questions or from the others.

    Two indices may draw the same question.
    """
    for attempt in itertools.count():
        rng = random.Random(derive(seed, "exercise", kind, level, held_out, index, attempt))
        exercise = make_exercise(kind, level, rng)
        if is_held_out(exercise.question) == held_out:
            return exercise
    raise AssertionError("unreachable: the count is endless")
