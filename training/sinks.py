"""The places where a run's metrics are written: a JSON-lines file, and TensorBoard.

A sink writes at once and raises in the caller's thread, so a full disk ends the run like any other file of it.
"""

import json
import os
import time
from pathlib import Path
from typing import Protocol

from mirrormatch.training.metrics_file import Metrics

_EVENTS_VERSION = "brain.Event:2"  # of TensorBoard's files


class Sink(Protocol):
    """A place for metrics."""

    def append(self, step: int, metrics: Metrics) -> None:
        """Writes the metrics of one step."""
        ...

    def close(self) -> None:
        """Closes the files."""
        ...


class JsonLines:
    """One line per step in a file that is opened for each line.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, step: int, metrics: Metrics) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")

    def close(self) -> None:
        pass


class TensorBoard:
    """A file of TensorBoard's events.

    torch's `SummaryWriter` writes from a thread of its own, whose errors reach the terminal as a traceback.

    Args:
        folder: TensorBoard's folder.
        first_step: the step at which the run begins or resumes; TensorBoard hides later points of a killed run.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]
        from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._file = (folder / f"events.out.tfevents.{int(now)}.{os.getpid()}").open("ab", buffering=0)
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=now, file_version=_EVENTS_VERSION))
        if first_step:
            self._write(Event(wall_time=now, step=first_step + 1, session_log=SessionLog(status=SessionLog.START)))

    def append(self, step: int, metrics: Metrics) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def close(self) -> None:
        self._file.close()

    def _write(self, event: object) -> None:
        self._records.write(event.SerializeToString())  # type: ignore[attr-defined]
