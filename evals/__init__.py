"""The evals: benchmarks by name. Each file directly in the folder `evals/benchmarks/` is one benchmark."""

from mirrormatch.evals.core.benchmark import Answered, Benchmark, Item, Verdict
from mirrormatch.registry import Registry

__all__ = ["Answered", "Benchmark", "Item", "Verdict", "benchmarks"]

benchmarks: Registry[Benchmark] = Registry("benchmark", "mirrormatch.evals.benchmarks", "BENCHMARK")
