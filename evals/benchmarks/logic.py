"""Orderings, rules and liars; problems from `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("logic", "orderings, rules that follow from each other, one who lies")
