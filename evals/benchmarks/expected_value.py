"""Totals and averages of a bet. The problems are the project's own: see `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("expected_value", "what a bet is worth over the cases it can meet")
