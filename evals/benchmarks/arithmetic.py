"""Sums, differences and products; problems from `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("arithmetic", "two or three operands, small whole numbers")
