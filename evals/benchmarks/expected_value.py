"""Totals and averages of bets; problems from `mirrormatch.games.exercises`."""

from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark

BENCHMARK = ExerciseBenchmark("expected_value", "what a bet is worth over the cases it can meet")
