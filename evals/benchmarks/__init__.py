"""The registry of benchmarks: every module in this folder is one."""

from mirrormatch.evals.benchmark import Benchmark
from mirrormatch.registry import Registry

__all__ = ["get", "names", "registry"]

registry: Registry[Benchmark] = Registry("benchmark", "BENCHMARK", __name__)
get = registry.get
names = registry.names
