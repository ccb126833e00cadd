"""Evaluations: matches, exploitability, transfer. Every module in `evals/benchmarks/` is one benchmark."""

from mirrormatch.evals import benchmarks
from mirrormatch.evals.benchmark import AnsweredItem, Benchmark, Item, Verdict

__all__ = ["AnsweredItem", "Benchmark", "Item", "Verdict", "benchmarks"]
