"""Metrics in TensorBoard's own reader."""

from pathlib import Path
from typing import Any

from mirrormatch.training.sinks import TensorBoard


def read_points(folder: Path, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    events: Any = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_tensorboard_reads_every_figure_of_every_step(tmp_path: Path) -> None:
    sink = TensorBoard(tmp_path, 0)
    sink.append(1, {"loss": 0.5, "return/kuhn_poker/0": -1.0})
    sink.append(2, {"loss": 0.25})
    sink.close()
    assert read_points(tmp_path, "loss") == [(1, 0.5), (2, 0.25)]
    assert read_points(tmp_path, "return/kuhn_poker/0") == [(1, -1.0)]


def test_a_resumed_run_hides_the_points_of_the_steps_that_it_repeats(tmp_path: Path) -> None:
    first = TensorBoard(tmp_path, 0)
    for step in (1, 2, 3):
        first.append(step, {"loss": float(step)})
    first.close()
    resumed = TensorBoard(tmp_path, 1)
    resumed.append(2, {"loss": 20.0})
    resumed.close()
    assert read_points(tmp_path, "loss") == [(1, 1.0), (2, 20.0)]
