"""The learner's interface: adapters on one base model, and one optimizer step on samples per call.

Nothing here knows TRL or torch; `trl_trainer.py` implements it.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from mirrormatch.seeds import derive
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.objective import Objective
from mirrormatch.training.types import Sample, State


class Term(NamedTuple):
    """One term of the loss.

    Attributes:
        objective: the term.
        weight: its factor.
        magnet_decay: share of its old weights that the magnet keeps per step, for a term that refers to the magnet.
    """

    objective: Objective
    weight: float
    magnet_decay: float | None


class Update(NamedTuple):
    """The input of one optimizer step.

    Attributes:
        samples: the sequences, all of one learner.
        num_trajectories: number of trajectories that they come from, also those without a sample.
    """

    samples: Sequence[Sample]
    num_trajectories: int


class Learner(Protocol):
    """Trainable adapters on one base model, with their optimizer."""

    @property
    def step(self) -> int:
        """The number of finished steps, those before a resume included."""
        ...

    def update(self, name: str, updates: Sequence[Update], terms: Sequence[Term]) -> Metrics:
        """Makes one optimizer step of a learner's adapter for each update and returns the figures of all.

        Raises:
            UserError: a loss or a gradient is not finite.
        """
        ...

    def finish_step(self) -> None:
        """Counts a step, moves the learning rate along its schedule and the magnets towards their policies."""
        ...

    def save_adapter(self, name: str, folder: Path) -> None:
        """Writes a learner's current adapter in PEFT's format."""
        ...

    def save_checkpoint(self) -> None:
        """Writes the tensors that a resumed run needs to continue bit for bit."""
        ...

    def state(self) -> State:
        """The state beside those tensors."""
        ...


def split_updates(
    samples: Sequence[Sample], positions: Sequence[int], epochs: int, minibatches: int, seed: int
) -> Iterator[Update]:
    """Splits a learner's samples into the updates of one step.

    With more than one mini-batch, each epoch deals the trajectories out at random, in groups of equal size (up to one);
    all samples of a trajectory stay together.

    Args:
        samples: the samples.
        positions: the positions of the learner's trajectories in the batch, those without a sample included.
        epochs: number of passes.
        minibatches: number of updates of each pass.
        seed: of the dealing.
    """
    for epoch in range(epochs):
        order = list(positions)
        if minibatches > 1:
            random.Random(derive(seed, "minibatches", epoch)).shuffle(order)
        for k in range(minibatches):
            group = set(order[k::minibatches])
            yield Update([sample for sample in samples if sample.trajectory in group], len(group))
