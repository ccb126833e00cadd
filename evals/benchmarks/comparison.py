"""Comparisons of options' payoffs; problems from `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("comparison", "which option pays more, or the most or least of three")
