"""Progress on stderr: a bar on a terminal, a line per training step elsewhere. Step and time left come first."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from mirrormatch.cli.terminal.output import console, note
from mirrormatch.evals.types import Progress
from mirrormatch.text import one_line

_TITLE_CHARS = 60
_BAR_CHARS = 10  # the figures beside it say more
_NOTE_ALARM_EVERY = 20  # steps between two notes about an alarm that keeps ringing
_MAX_GAMES = 2  # whose returns are in a line
_RETURN, _PROBE = "return/", "exploitability/"  # begin the names of metrics


@contextlib.contextmanager
def show_progress(title: str) -> Iterator[Progress | None]:
    """Shows a bar on stderr while the block runs; yields its callback, or None off a terminal."""
    talk = console(stderr=True)
    if not talk.is_terminal:
        yield None
        return
    with Bar(
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        BarColumn(_BAR_CHARS),
        _rest_of_the_line("description"),
        console=talk,
        transient=True,
        expand=True,
    ) as bar:
        task = bar.add_task(one_line(title, _TITLE_CHARS), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class TrainingProgress:
    """Shows a training run on stderr, step by step.

    Args:
        steps: number of steps of the whole run.
        done: number of steps finished before this start.
        clock: the time in seconds.
    """

    def __init__(self, steps: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps = steps
        self._first = done
        self._clock = clock
        self._began = clock()
        self._probed = ""
        self._last_noted: dict[str, int] = {}
        self._bar = Bar(
            TextColumn("step"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]} left"),
            BarColumn(_BAR_CHARS),
            _rest_of_the_line("fields[figures]"),
            console=console(stderr=True),
            disable=not sys.stderr.isatty(),
            expand=True,
        )
        self._task = self._bar.add_task(
            "training", total=steps, completed=done, left="-:--:--", figures="the first step plays"
        )

    def __enter__(self) -> Self:
        self._began = self._clock()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, step: int, measured: dict[str, float], alarms: list[str]) -> None:
        """Shows a finished step's metrics and alarms."""
        if probed := _format_probe(measured):
            self._probed = f"{probed} at step {step}"
        figures = ", ".join(filter(None, (format_returns(measured), self._probed, _format_metrics(measured))))
        taken_s = self._clock() - self._began
        left = format_time(taken_s / max(1, step - self._first) * (self._steps - step))
        self._bar.update(self._task, completed=step, left=left, figures=figures)
        if not sys.stderr.isatty():
            note(f"step {step} of {self._steps}, {format_time(taken_s)} gone, {left} left: {figures}")
        for name in alarms:
            if step - self._last_noted.get(name, -_NOTE_ALARM_EVERY) >= _NOTE_ALARM_EVERY:
                self._last_noted[name] = step
                note(f"step {step}: alarm {name!r} (explained in docs/metrics.md)")


def format_time(seconds: float) -> str:
    """A duration in hours, minutes and seconds: `0:03:20`."""
    return str(timedelta(seconds=round(seconds)))


def format_returns(measured: Mapping[str, float]) -> str:
    """The mean return of each role in the order of the roles: `return +0.05 -0.05`, by game if there are several."""
    by_game: dict[str, list[str]] = {}
    for name, value in measured.items():
        if name.startswith(_RETURN):
            game = name.removeprefix(_RETURN).rpartition("/")[0]
            by_game.setdefault(game, []).append(f"{round(value, 2) + 0.0:+.2f}")  # adding 0 makes -0 a 0
    if len(by_game) == 1:
        return f"return {' '.join(*by_game.values())}"
    shown = [f"return {game} {' '.join(values)}" for game, values in by_game.items()]
    return ", ".join(shown[:_MAX_GAMES]) + (", ..." if len(shown) > _MAX_GAMES else "")


def _format_probe(measured: Mapping[str, float]) -> str:
    found = {name.removeprefix(_PROBE): value for name, value in measured.items() if name.startswith(_PROBE)}
    if len(found) == 1:
        return f"exploitability {next(iter(found.values())):.3f}"
    return ", ".join(f"exploitability {game} {value:.3f}" for game, value in found.items())


def _format_metrics(measured: Mapping[str, float]) -> str:
    shown = {
        "reply": f"{measured['reply_tokens']:.0f} tokens",
        "illegal": f"{measured['illegal'] + measured['truncated']:.0%}",
        "kl": f"{measured['kl']:.3f}" if "kl" in measured else "",
        "entropy": f"{measured['entropy']:.2f}" if "entropy" in measured else "",
        "logp_gap": f"{measured['logp_gap']:.0e}" if "logp_gap" in measured else "",
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value)


def _rest_of_the_line(field: str) -> TextColumn:
    """Text that takes what is left of the line and is cut at its end."""
    return TextColumn(
        f"{{task.{field}}}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
