"""The third level of every kind of exercise; problems from `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark
from mirrormatch.games.exercises import KINDS

BENCHMARK = ExerciseBenchmark("harder", "the other kinds with a step or a case more", kinds=KINDS, levels=(3,))
