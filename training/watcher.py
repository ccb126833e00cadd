"""The interfaces through which a caller follows a run: a watcher of its steps, a probe of its policy, its end."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from mirrormatch.agents.llm import LLMAgent
from mirrormatch.training.metrics import Metrics


class Watcher(Protocol):
    """An observer of a run, for a progress bar or a log."""

    def step(self, step: int, measured: Metrics, alarms: list[str]) -> None:
        """Called after every finished step with all its figures."""
        ...


class Probe(NamedTuple):
    """A measurement during the run.

    Attributes:
        every: number of steps between two measurements.
        measure: the measurement of the current policy; its figures join the step's metrics.
    """

    every: int
    measure: Callable[[LLMAgent], Metrics]


class Ended(NamedTuple):
    """The end of a run.

    Attributes:
        step: number of finished steps.
        adapter: the last adapter's folder.
        stopped_by: the alarm that ended the run early, if one did.
    """

    step: int
    adapter: Path
    stopped_by: str | None
