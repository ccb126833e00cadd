"""Orderings, rules and liars. The problems are the project's own: see `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("logic", "orderings, rules that follow from each other, one who lies")
