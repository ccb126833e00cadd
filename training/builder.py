"""The builder's interface: credited trajectories to the sequences that the model reads."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import Credit, Sample, Trajectory


class Builder(Protocol):
    """Turns trajectories of learners into samples, tokens exactly as they were sampled."""

    Settings: ClassVar[type[PluginSettings]]
    needs: ClassVar[frozenset[str]]

    def __init__(self, settings: Any) -> None: ...

    def __call__(self, batch: Sequence[Trajectory], credit: Credit) -> list[Sample]:
        """Builds the samples of all learners, in the order of the trajectories."""
        ...
