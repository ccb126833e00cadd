"""Cards that are hidden. The problems are the project's own: see `mirrormatch.exercises`."""

from mirrormatch.evals.core.exercise_benchmark import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("case_analysis", "hidden cards: how many cases there are, and who holds what")
