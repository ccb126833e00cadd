"""One frame of a training run on a terminal: curves, returns per part, alarms, speed, and a game.

`render_frame` is a function of one record and the size of the terminal. It reads no file and draws nothing that moves;
every line fits.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from mirrormatch.agents.episode_text import describe_move, format_return
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.cli.terminal.sparkline import draw_sparkline
from mirrormatch.text import one_line
from mirrormatch.training.alarms import MEANINGS

_LABEL, _WIDE_LABEL, _VALUE, _RANGE = 20, 24, 9, 20  # columns
_PART = 16  # characters of a part's name in a game
_WIDE = 72  # columns from which a curve's lowest and highest value are beside it
_BAR = 20  # characters of the bar of steps, at most
_LEAST_GAME = 3  # lines below which no game is shown
_MAX_RETURNS, _MAX_ALARMS = 6, 3  # lines
_RECENT = 20  # steps over which a speed is averaged
_MAX_TEXT_CHARS = 400  # of a turn
_RETURN, _SEAT_RETURN, _PROBE, _ALARM = "part_return/", "return/", "exploitability/", "alarm/"

Step = Mapping[str, float]
Formatter = Callable[[float], str]


class RunView(NamedTuple):
    """What is known of a run.

    Attributes:
        name: its name.
        num_steps: number of steps of the whole run.
        metrics: the metrics of each finished step, in order.
        state: its state in a few words: "0:03:20 left", "finished".
        episode: a game of the newest step.
    """

    name: str
    num_steps: int
    metrics: Sequence[Step]
    state: str
    episode: Episode | None = None


class Curve(NamedTuple):
    """One curve of a frame.

    Attributes:
        label: its name on the frame.
        names: the metrics that are added up.
        show: formats a value.
    """

    label: str
    names: tuple[str, ...]
    show: Formatter


def _number(digits: int) -> Formatter:
    return lambda value: f"{value:,.{digits}f}"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _small(value: float) -> str:
    return f"{value:.2g}"


_CURVES = (  # the first ones are shown on low terminals too
    Curve("reply tokens", ("reply_tokens",), _number(1)),
    Curve("no move", ("illegal", "truncated"), _share),
    Curve("entropy", ("entropy",), _number(3)),
    Curve("kl", ("kl",), _small),
    Curve("kl to base", ("kl_base",), _small),
    Curve("advantage std", ("advantage_std",), _number(3)),
    Curve("gradient", ("grad_norm",), _small),
    Curve("log-prob gap", ("logp_gap",), _small),
    Curve("wins by forfeit", ("forfeit_wins",), _share),
)


def render_frame(view: RunView, width: int, height: int, blocks: bool = True) -> Text:
    """Renders a frame of at most `height` lines of at most `width` columns.

    Args:
        view: the run.
        width: columns of the terminal.
        height: lines of the terminal.
        blocks: whether the terminal can show block characters.
    """
    alarms = list(_alarm_lines(view.metrics))[:_MAX_ALARMS]
    head = [_head_line(view, width, blocks), _speed_line(view.metrics)]
    returns = _limit(_return_lines(view.metrics, width, blocks), _MAX_RETURNS)
    num_left = height - len(head) - len(alarms) - len(returns) - bool(returns)
    game = list(_game_lines(view.episode)) if view.episode else []
    num_game = min(len(game) + 1, max(_LEAST_GAME + 1, num_left - len(_CURVES) - 1)) if game else 0
    curves = list(_curve_lines(view.metrics, width, blocks))[: max(1, num_left - num_game - 1)]
    lines = [*head, *alarms, *([Text("")] if curves else []), *curves]
    lines += [Text(""), *returns] if returns else []
    if (num_free := height - len(lines) - 1) >= _LEAST_GAME:
        lines += [Text(""), *game[:num_free]] if game else []
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True, end="").join(lines[:height])


def draw_frame(console: Console, view: RunView) -> Text:
    """Renders a frame that fills a console but for its last line."""
    width, height = console.size
    return render_frame(view, width, height - 1, console.encoding.lower().startswith("utf"))


def format_time(seconds: float) -> str:
    """A duration in hours, minutes and seconds: `0:03:20`."""
    return str(timedelta(seconds=round(seconds)))


def describe_alarm(name: str) -> str:
    """An alarm, its game and its meaning: `illegal in nim: more and more replies are no move`."""
    kind, _, game = name.partition("/")
    where = f" in {game}" if game else ""
    return f"{kind}{where}: {MEANINGS[kind]}" if kind in MEANINGS else f"{kind}{where}"


def _head_line(view: RunView, width: int, blocks: bool) -> Text:
    step = int(view.metrics[-1]["step"]) if view.metrics else 0
    line = Text(f"step {step}/{view.num_steps}", style="bold")
    line.append(f" {view.state} ", style="not bold")
    size = min(_BAR, width // 4)
    num_full = min(size, size * step // max(1, view.num_steps))
    full, empty = ("━", "─") if blocks else ("#", ".")
    line.append(full * num_full, style="not bold")
    line.append(empty * (size - num_full), style="not bold dim")
    line.append(f" {one_line(view.name, width)}", style="not bold")
    return line


def _speed_line(metrics: Sequence[Step]) -> Text:
    if not metrics:
        return Text("the first step plays", style="dim")
    play, learning, share = (
        _recent_mean(metrics, name) for name in ("tokens_per_s", "learner_tokens_per_s", "time/play_share")
    )
    figures = [
        *([f"play {play:,.0f} tokens/s"] if play is not None else []),
        *([f"({share:.0%} of the time)"] if share is not None else []),
        *([f"learning {learning:,.0f} tokens/s"] if learning is not None else []),
    ]
    return Text(" ".join(figures), style="dim")


def _recent_mean(metrics: Sequence[Step], name: str) -> float | None:
    values = [step[name] for step in metrics[-_RECENT:] if name in step]
    return sum(values) / len(values) if values else None


def _alarm_lines(metrics: Sequence[Step]) -> Iterator[Text]:
    """The alarms that ring, with the step since when; else the last one that rang."""
    rang: dict[str, list[int]] = {}
    for step in metrics:
        for name in step:
            if name.startswith(_ALARM):
                rang.setdefault(name.removeprefix(_ALARM), []).append(int(step["step"]))
    last = int(metrics[-1]["step"]) if metrics else 0
    for name in (name for name, steps in rang.items() if steps[-1] == last):
        since = last
        while since - 1 in rang[name]:
            since -= 1
        yield Text(f"alarm since step {since}: {one_line(describe_alarm(name), _MAX_TEXT_CHARS)}", style="bold red")
    for name, steps in rang.items():
        if steps[-1] != last:
            yield Text(f"alarm {one_line(name, _MAX_TEXT_CHARS)} rang, at step {steps[-1]} last", style="yellow")


def _curve_lines(metrics: Sequence[Step], width: int, blocks: bool) -> Iterator[Text]:
    probes = dict.fromkeys(name for step in metrics for name in step if name.startswith(_PROBE))
    named = [Curve(f"expl. {name.removeprefix(_PROBE)}", (name,), _number(3)) for name in probes]
    if len(named) == 1:
        named = [named[0]._replace(label="exploitability")]
    for curve in (*named, *_CURVES):
        if any(map(math.isfinite, points := _points(metrics, curve.names))):
            yield _draw_curve(curve.label, points, curve.show, width, blocks)


def _points(metrics: Sequence[Step], names: Sequence[str]) -> list[float]:
    """The sum of some figures at each step; where they are missing, that of the step before, at first NaN."""
    points = list[float]()
    for step in metrics:
        points.append(
            sum(step[n] for n in names) if all(n in step for n in names) else points[-1] if points else math.nan
        )
    return points


def _return_lines(metrics: Sequence[Step], width: int, blocks: bool) -> list[Text]:
    """The mean return of every part of every game."""
    prefix = _RETURN if any(name.startswith(_RETURN) for step in metrics for name in step) else _SEAT_RETURN
    names = dict.fromkeys(name for step in metrics for name in step if name.startswith(prefix))
    keys = [name.removeprefix(prefix) for name in names]
    is_alone = len({key.rpartition("/")[0] for key in keys}) == 1
    lines = []
    for key, name in zip(keys, names, strict=True):
        game, _, part = key.rpartition("/")
        label = f"return {part}" if is_alone else f"{game} {part}"
        lines.append(
            _draw_curve(label, _points(metrics, (name,)), lambda value: f"{round(value, 2) + 0.0:+.2f}", width, blocks)
        )
    return lines


def _draw_curve(label: str, points: Sequence[float], show: Formatter, width: int, blocks: bool) -> Text:
    """A label, the newest value, the curve and, on wide terminals, its lowest and highest value."""
    num_label = _WIDE_LABEL if width >= _WIDE else _LABEL
    num_range = _RANGE if width >= _WIDE else 0
    line = Text(f"{one_line(label, num_label):<{num_label}}")
    line.append(f"{show(points[-1]):>{_VALUE}} ", style="bold")
    size = max(0, width - num_label - _VALUE - 1 - num_range)
    line.append(f"{draw_sparkline(points, size, blocks):<{size}}", style="cyan")
    if num_range:
        finite = list(filter(math.isfinite, points))
        line.append(f" {show(min(finite))} to {show(max(finite))}" if finite else "", style="dim")
    return line


def _limit(lines: list[Text], most: int) -> list[Text]:
    """The first lines, with the number of those that are left out."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], Text(f"and {len(lines) - most + 1} more parts", style="dim")]


def _game_lines(episode: Episode) -> Iterator[Text]:
    """A game: its result, then one line for each turn."""
    parts = episode.parts or tuple(str(role) for role in range(len(episode.seats)))
    paid = ", ".join(
        f"{one_line(part, _PART)} {format_return(v)}" for part, v in zip(parts, episode.returns, strict=True)
    )
    forfeit = "" if episode.forfeited_by is None else f", {parts[episode.forfeited_by]} forfeits"
    yield Text(f"A game of {one_line(episode.game, _MAX_TEXT_CHARS)}: {paid}{forfeit}", style="bold")
    for turn in episode.turns:
        yield _turn_line(parts[turn.role], turn)


def _turn_line(part: str, turn: Turn) -> Text:
    line = Text(f"{one_line(part, _PART)}: ")
    line.append(describe_move(turn), style="red" if turn.problem else "bold")
    if thought := one_line(turn.thinking or (turn.reply if turn.problem else ""), _MAX_TEXT_CHARS):
        line.append(f" | {thought}", style="dim")
    return line
