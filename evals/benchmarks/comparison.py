"""Which option pays more. The problems are the project's own: see `mirrormatch.exercises`."""

from mirrormatch.evals.core.exercise_benchmark import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("comparison", "which option pays more, or the most or least of three")
