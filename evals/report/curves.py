"""The learning curves of a run as charts: the metrics of each chart, its unit, and a note on reading it."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final, TypeAlias

from mirrormatch import games
from mirrormatch.errors import UnknownName
from mirrormatch.evals.report.charts import Chart, Line, Point, moving_average

Metrics: TypeAlias = Sequence[Mapping[str, float]]  # one mapping for each step, in order, under the names of metrics.md

WINDOW: Final = 10  # number of steps in a moving average
_SMOOTH_FROM: Final = 2 * WINDOW  # shorter runs are drawn without a moving average
_LEAST_SHARE: Final = 0.05  # lower bound on the axis: a few bad replies must not look like many
_SMOOTHING_NOTE: Final = f"Thin: each step. Bold: the mean of {WINDOW} steps."


def learning_curves(metrics: Metrics) -> list[Chart]:
    """Every chart for which the run has figures."""
    charts = [
        *_return_charts(metrics),
        *_exploitability_charts(metrics),
        _single_chart(metrics, "entropy", "Entropy", "nats per token"),
        _single_chart(metrics, "kl", "KL from the reference", "nats per token"),
        _single_chart(metrics, "reply_tokens", "Length of a reply", "tokens"),
        _problem_chart(metrics),
        _single_chart(metrics, "distinct_replies", "Different replies", "share of replies", percent=True),
        _single_chart(metrics, "tokens_per_s", "Speed of play", "tokens per second"),
        _time_chart(metrics),
    ]
    return [chart for chart in charts if any(line.points for line in chart.lines)]


def role_name(game: str, role: int) -> str:
    """The role's name, or its number where the game isn't installed."""
    try:
        roles = games.get(game).info.roles
    except UnknownName:
        return f"role {role}"
    return roles[role] if role < len(roles) else f"role {role}"


def _points(metrics: Metrics, name: str) -> list[Point]:
    return [(m["step"], m[name]) for m in metrics if name in m and "step" in m]


def _names_with_prefix(metrics: Metrics, prefix: str) -> list[str]:
    return sorted({name for m in metrics for name in m if name.startswith(prefix)})


def _return_charts(metrics: Metrics) -> Iterator[Chart]:
    """The return of each part of each game; of each seat in runs of earlier versions, which measured no parts."""
    prefix = "part_return/" if _names_with_prefix(metrics, "part_return/") else "return/"
    by_game: dict[str, list[str]] = {}
    for name in _names_with_prefix(metrics, prefix):
        game, _, part = name.removeprefix(prefix).rpartition("/")  # `openspiel/chess` has a slash of its own
        by_game.setdefault(game, []).append(part)
    for game, parts in by_game.items():
        lines = list[Line]()
        for colour, part in enumerate(parts):
            label = role_name(game, int(part)) if part.isdecimal() else part
            baseline = _points(metrics, f"baseline/{game}/{part}") or _points(metrics, "baseline/all")
            lines.append(Line("", baseline, colour, "thin"))
            lines.append(Line(label, moving_average(_points(metrics, f"{prefix}{game}/{part}"), WINDOW), colour))
        note = (
            f"Bold: the mean return over {WINDOW} steps. Thin: the baseline after each. One policy sits in every seat, "
            "so this shows which seat it favours, not how strong it is."
        )
        yield Chart(f"Return by role in {game}", "return per game", lines, note=note)


def _exploitability_charts(metrics: Metrics) -> Iterator[Chart]:
    for name in _names_with_prefix(metrics, "exploitability/"):
        game = name.partition("/")[2]
        lines = [
            Line("policy", _points(metrics, name)),
            Line("an exact equilibrium, sampled as often", _points(metrics, f"floor/{game}"), 1, "dashed"),
        ]
        yield Chart(f"Exploitability in {game}", "return per game", lines, note="0 is an equilibrium.")


def _single_chart(metrics: Metrics, name: str, title: str, unit: str, percent: bool = False) -> Chart:
    lines, averaged = _smoothed_lines(metrics, name, "", 0)
    return Chart(title, unit, lines, percent, note=_SMOOTHING_NOTE if averaged else "")


def _problem_chart(metrics: Metrics) -> Chart:
    illegal, averaged = _smoothed_lines(metrics, "illegal", "illegal", 0)
    truncated, _ = _smoothed_lines(metrics, "truncated", "truncated", 1)
    note = _SMOOTHING_NOTE if averaged else ""
    return Chart("Replies that are no move", "share of replies", [*illegal, *truncated], True, _LEAST_SHARE, note)


def _time_chart(metrics: Metrics) -> Chart:
    play = _points(metrics, "time/play_share")
    learn = [(step, 1 - share) for step, share in play]
    seconds = [[value for _, value in _points(metrics, f"time/{part}_s")] for part in ("play", "learn")]
    note = ""
    if all(seconds):
        note = f"Medians of a step: {median(seconds[0]):.1f} s of play, {median(seconds[1]):.1f} s of learning."
    lines = [Line("play", moving_average(play, WINDOW), 0), Line("learning", moving_average(learn, WINDOW), 1)]
    return Chart("Where the time goes", "share of a step", lines, True, 1.0, note)


def _smoothed_lines(metrics: Metrics, name: str, label: str, colour: int) -> tuple[list[Line], bool]:
    """The figure's line, with a moving average if the run is long enough, and whether it has one."""
    points = _points(metrics, name)
    if len(points) < _SMOOTH_FROM:
        return [Line(label or name, points, colour)], False
    return [Line("", points, colour, "thin"), Line(label or name, moving_average(points, WINDOW), colour)], True
