"""Orderings, rules and liars. The problems are the project's own: see `mirrormatch.exercises`."""

from mirrormatch.evals.core.exercise_benchmark import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("logic", "orderings, rules that follow from each other, one who lies")
