"""`mirrormatch top`: a run as it trains, from its folder: curves, returns, alarms, speed and a game.

It reads the files of the run and needs neither its process nor its machine, only its folder.
"""

import time
from argparse import Namespace
from statistics import median

from rich.live import Live

from mirrormatch.cli.runs import read_config, read_game
from mirrormatch.cli.terminal.frame import RunView, draw_frame, format_time, render_frame
from mirrormatch.cli.terminal.output import can_animate, console
from mirrormatch.training import metrics
from mirrormatch.training.config import RunConfig
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.run_folder import RunFolder

_RECENT = 20  # steps whose median duration gives the time left
_PIPED_LINES = 50  # of a frame in a file
_LEAST_DELAY_S = 0.1
_LATE = 3  # times a step's duration after which the age of the newest step is shown


def run(options: Namespace) -> int:
    """Shows a run until Ctrl-C, or once."""
    screen = console(options.plain)
    source = RunFiles(RunFolder(options.run))
    if options.once or options.plain or not can_animate(screen):
        height = screen.height - 1 if screen.is_terminal else _PIPED_LINES
        blocks = not options.plain and screen.encoding.lower().startswith("utf")
        screen.print(render_frame(source.view(), screen.width, height, blocks), soft_wrap=True)
        return 0
    try:
        with Live(console=screen, screen=True, auto_refresh=False) as live:
            while True:
                live.update(draw_frame(screen, source.view()), refresh=True)
                time.sleep(max(_LEAST_DELAY_S, options.every))
    except KeyboardInterrupt:
        return 0


class RunFiles:
    """A run's folder, read again where it has changed.

    Args:
        folder: the run's folder.

    Raises:
        UserError: it holds no run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._config: RunConfig = read_config(folder)
        self._changed = (0.0, -1)
        self._metrics: list[Metrics] = []

    def view(self) -> RunView:
        """The run as it is now."""
        path = self._folder.metrics_path
        if path.exists() and (changed := (path.stat().st_mtime, path.stat().st_size)) != self._changed:
            self._config = read_config(self._folder)  # a resumed run may have more steps
            self._metrics, self._changed = metrics.read(path), changed
        step = int(self._metrics[-1]["step"]) if self._metrics else 0
        return RunView(
            name=self._folder.path.resolve().name,
            num_steps=self._config.learn.steps,
            metrics=self._metrics,
            state=self._describe_state(step),
            episode=read_game(self._folder, step) if step else None,
        )

    def _describe_state(self, step: int) -> str:
        if step >= self._config.learn.steps:
            return "finished"
        taken = [s["time/play_s"] + s["time/learn_s"] for s in self._metrics[-_RECENT:] if "time/learn_s" in s]
        if not taken:
            return "-:--:-- left"
        age_s = max(0.0, time.time() - self._changed[0])
        late = f", newest step {format_time(age_s)} ago" if age_s > _LATE * median(taken) else ""
        return f"{format_time(median(taken) * (self._config.learn.steps - step))} left{late}"
