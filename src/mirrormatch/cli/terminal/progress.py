"""Progress on stderr: on a terminal a bar or a frame, elsewhere a line per step. Step and time left are first."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from mirrormatch.agents.types import Episode
from mirrormatch.cli.terminal.frame import RunView, draw_frame, format_time
from mirrormatch.cli.terminal.output import can_animate, console, note
from mirrormatch.evals.types import Progress
from mirrormatch.text import one_line

_TITLE_CHARS = 60
_BAR_CHARS = 10  # the figures beside it say more
_NOTE_ALARM_EVERY = 20  # steps between two notes about an alarm that keeps ringing
_FRAMES_PER_S = 1.0  # beside one after each step: the terminal may have changed its size
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
    """Shows a training run on stderr: a frame on a terminal, a line for each step elsewhere.

    Args:
        steps: number of steps of the whole run.
        done: number of steps finished before this start.
        name: the run's name.
        history: the metrics of the steps finished before this start.
        read_game: reads a game that a step has played, counted from 1.
        clock: the time in seconds.
    """

    def __init__(
        self,
        steps: int,
        done: int,
        name: str = "",
        history: Sequence[Mapping[str, float]] = (),
        read_game: Callable[[int], Episode | None] = lambda step: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps = steps
        self._first = done
        self._clock = clock
        self._began = clock()
        self._probed = ""
        self._last_noted: dict[str, int] = {}
        self._read_game = read_game
        self._view = RunView(name, steps, list(history), "-:--:-- left")
        self._screen = console(stderr=True)
        self._live = (
            Live(console=self._screen, get_renderable=self._render, refresh_per_second=_FRAMES_PER_S)
            if can_animate(self._screen)
            else None
        )

    def __enter__(self) -> Self:
        self._began = self._clock()
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def step(self, step: int, measured: dict[str, float], alarms: list[str]) -> None:
        """Shows a finished step's metrics and alarms."""
        taken_s = self._clock() - self._began
        left = format_time(taken_s / max(1, step - self._first) * (self._steps - step))
        if self._live:
            metrics = [*self._view.metrics, {"step": step, **measured}]
            episode = self._read_game(step)
            self._view = self._view._replace(metrics=metrics, state=f"{left} left", episode=episode)
            self._live.refresh()
            return
        if probed := _format_probe(measured):
            self._probed = f"{probed} at step {step}"
        figures = ", ".join(filter(None, (format_returns(measured), self._probed, _format_metrics(measured))))
        note(f"step {step} of {self._steps}, {format_time(taken_s)} gone, {left} left: {figures}")
        for name in alarms:
            if step - self._last_noted.get(name, -_NOTE_ALARM_EVERY) >= _NOTE_ALARM_EVERY:
                self._last_noted[name] = step
                note(f"step {step}: alarm {name!r} (explained in docs/metrics.md)")

    def _render(self) -> Text:
        return draw_frame(self._screen, self._view)


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
