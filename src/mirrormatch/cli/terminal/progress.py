"""A training run, as it goes by: a bar on a terminal, a line a step elsewhere."""

import sys
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mirrormatch.cli.terminal.output import console, note

_NOTE_ALARM_EVERY = 20  # steps; an alarm that goes on ringing is not said at every step


class TrainingProgress:
    """Watches a run and shows it on stderr.

    Args:
        steps: of the whole run.
        done: of an earlier start.
    """

    def __init__(self, steps: int, done: int) -> None:
        self._steps = steps
        self._said: dict[str, int] = {}
        self._bar = Progress(
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
        """Shows one finished step."""
        figures = _figures(measured)
        self._bar.update(self._task, completed=step, figures=figures)
        if not sys.stderr.isatty():
            note(f"step {step} of {self._steps}: {figures}")
        for name in alarms:
            if step - self._said.get(name, -_NOTE_ALARM_EVERY) >= _NOTE_ALARM_EVERY:
                self._said[name] = step
                note(f"step {step}: alarm {name!r} (docs/metrics.md says what it means)")


def _figures(measured: dict[str, float]) -> str:
    shown = {
        "reply": f"{measured['reply_tokens']:.0f} tokens",
        "illegal": f"{measured['illegal'] + measured['truncated']:.0%}",
        "kl": f"{measured['kl']:.3f}" if "kl" in measured else "",
        "entropy": f"{measured['entropy']:.2f}" if "entropy" in measured else "",
        "parity": f"{measured['logp_gap']:.0e}" if "logp_gap" in measured else "",
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value)
