"""Progress on stderr: a bar on a terminal, a line per training step elsewhere."""

import contextlib
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mirrormatch.cli.terminal.output import console, note
from mirrormatch.evals.types import Progress
from mirrormatch.text import one_line

_TITLE_CHARS = 24
_NOTE_ALARM_EVERY = 20  # steps between two notes about an alarm that keeps ringing


@contextlib.contextmanager
def show_progress(title: str) -> Iterator[Progress | None]:
    """Shows a bar on stderr while the block runs; yields its callback, or None off a terminal."""
    talk = console(stderr=True)
    if not talk.is_terminal:
        yield None
        return
    with Bar(console=talk, transient=True) as bar:
        task = bar.add_task(one_line(title, _TITLE_CHARS), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class TrainingProgress:
    """Shows a training run on stderr, step by step.

    Args:
        steps: number of steps of the whole run.
        done: number of steps finished before this start.
    """

    def __init__(self, steps: int, done: int) -> None:
        self._steps = steps
        self._last_noted: dict[str, int] = {}
        self._bar = Bar(
            TextColumn("training"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("training", total=steps, completed=done, figures="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, step: int, measured: dict[str, float], alarms: list[str]) -> None:
        """Shows a finished step's metrics and alarms."""
        figures = _format_metrics(measured)
        self._bar.update(self._task, completed=step, figures=figures)
        if not sys.stderr.isatty():
            note(f"step {step} of {self._steps}: {figures}")
        for name in alarms:
            if step - self._last_noted.get(name, -_NOTE_ALARM_EVERY) >= _NOTE_ALARM_EVERY:
                self._last_noted[name] = step
                note(f"step {step}: alarm {name!r} (explained in docs/metrics.md)")


def _format_metrics(measured: dict[str, float]) -> str:
    shown = {
        "reply": f"{measured['reply_tokens']:.0f} tokens",
        "illegal": f"{measured['illegal'] + measured['truncated']:.0%}",
        "kl": f"{measured['kl']:.3f}" if "kl" in measured else "",
        "entropy": f"{measured['entropy']:.2f}" if "entropy" in measured else "",
        "parity": f"{measured['logp_gap']:.0e}" if "logp_gap" in measured else "",
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value)
