"""Sums, differences and products. The problems are the project's own: see `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("arithmetic", "two or three operands, small whole numbers")
