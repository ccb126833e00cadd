"""Cases of hidden cards; problems from `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("case_analysis", "hidden cards: how many cases there are, and who holds what")
