"""Which option pays more. The problems are the project's own: see `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("comparison", "which option pays more, or the most or least of three")
