"""Sums, differences and products. The problems are the project's own: see `mirrormatch.exercises`."""

from mirrormatch.evals.core.exercise_benchmark import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("arithmetic", "two or three operands, small whole numbers")
