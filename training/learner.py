"""The learner's interface: the weights that are trained, and one update of them per call.

Nothing here knows TRL; `trl_trainer.py` implements it.
"""

from pathlib import Path
from typing import Protocol

from mirrormatch.training.metrics import Metrics
from mirrormatch.training.rows import Batch


class Learner(Protocol):
    """A trainable adapter with its optimizer."""

    @property
    def step(self) -> int:
        """The number of updates made so far, those before a resume included."""
        ...

    def update(self, batch: Batch) -> Metrics:
        """Makes one optimizer step on the batch and returns what the loss measured."""
        ...

    def save_adapter(self, folder: Path) -> None:
        """Writes the current adapter in PEFT's format."""
        ...

    def save_checkpoint(self) -> None:
        """Writes all that a resumed run needs to continue bit for bit."""
        ...
