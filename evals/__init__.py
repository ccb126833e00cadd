"""Evaluations: matches, exploitability, transfer. Every module in `evals/benchmarks/` is one benchmark."""

from mirrormatch.evals import benchmarks
from mirrormatch.evals.benchmark import Answered, Benchmark, Item, Verdict

__all__ = ["Answered", "Benchmark", "Item", "Verdict", "benchmarks"]
