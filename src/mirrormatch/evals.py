"""The evals: benchmarks by name. Each file directly in the folder `evals/benchmarks/` is one benchmark."""

from pathlib import Path

__path__ = [str(Path(__file__).with_suffix(""))]  # this module is the front door of the folder beside it

from mirrormatch.evals.core.benchmark import Answered, Benchmark, Item, Verdict
from mirrormatch.registry import Registry

__all__ = ["Answered", "Benchmark", "Item", "Verdict", "benchmarks"]

benchmarks: Registry[Benchmark] = Registry("benchmark", "mirrormatch.evals.benchmarks", "BENCHMARK")
