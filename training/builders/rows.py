"""Rows: one sequence for every reply, or for several in a row where each prompt extends the one before."""

from collections.abc import Sequence

from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.types import MAIN, Credit, Floats, Sample, Step, Trajectory


class Rows:
    """Turns whose prompt extends the earlier ids exactly become one sequence with a mask: the same gradient.

    Replies without tokens (the prompt filled the context) have nothing to learn from, nor have seats without a learner.
    """

    Settings = PluginSettings
    needs = frozenset[str]()

    def __init__(self, settings: PluginSettings) -> None:
        del settings

    def __call__(self, batch: Sequence[Trajectory], credit: Credit) -> list[Sample]:
        pairs = enumerate(zip(batch, credit, strict=True))
        return [row for k, (t, advantages) in pairs if t.learner is not None for row in build_rows(t, advantages, k)]


def build_rows(trajectory: Trajectory, advantages: Floats, position: int = 0) -> list[Sample]:
    """Builds the rows of one trajectory, whose position in the batch they carry."""
    made: list[Sample] = []
    for step, advantage in zip(trajectory.steps, advantages, strict=True):
        if not step.ids:
            continue
        learner = trajectory.learner or MAIN
        row = _make_row(step, advantage)._replace(trajectory=position, learner=learner, game=trajectory.game)
        if made and step.prompt_ids[: len(made[-1].ids)] == made[-1].ids:
            made[-1] = _merge(made[-1], row)
        else:
            made.append(row)
    return made


def _make_row(step: Step, advantage: float) -> Sample:
    assert len(step.ids) == len(step.logprobs), f"{len(step.ids)} ids, {len(step.logprobs)} log-probs"
    read, own = len(step.prompt_ids), len(step.ids)
    return Sample(
        ids=step.prompt_ids + step.ids,
        own=(0,) * read + (1,) * own,
        logprobs=(0.0,) * read + step.logprobs,
        advantages=(0.0,) * read + (advantage,) * own,
    )


def _merge(earlier: Sample, later: Sample) -> Sample:
    """Appends the part of a row that an earlier row, its prefix, doesn't have."""
    known = len(earlier.ids)
    return later._replace(
        own=earlier.own + later.own[known:],
        logprobs=earlier.logprobs + later.logprobs[known:],
        advantages=earlier.advantages + later.advantages[known:],
    )


BUILDER = Rows
