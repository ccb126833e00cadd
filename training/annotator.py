"""The annotator's interface: adds figures to replies that rewards, estimators or objectives read."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import Trajectory


class Annotator(Protocol):
    """Fills in `Step.notes`."""

    Settings: ClassVar[type[PluginSettings]]
    needs: ClassVar[frozenset[str]]

    def __init__(self, settings: Any) -> None: ...

    async def __call__(self, batch: Sequence[Trajectory]) -> list[Trajectory]:
        """Returns every trajectory, in order, with more notes."""
        ...
