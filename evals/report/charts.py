"""Line charts as inline SVG: axes with units, few colours, nothing to click.

Colours are classes (`c0`, `c1`, ...) that the page's style gives a light and a dark value. Every vertical axis holds 0.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from mirrormatch.evals.report.markup import Html, element

Point: TypeAlias = tuple[float, float]  # step, value

WIDTH, HEIGHT = 330.0, 200.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 10.0, 10.0, 40.0
_NUM_TICKS: Final = 5  # approximate number of ticks on an axis
_MAX_DOTS: Final = 40  # a line of at most so many points has a dot on each
MAX_DRAWN: Final = 1e100
NUM_COLOURS: Final = 6
_TICK_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)  # distances between ticks, times a power of ten


class Line(NamedTuple):
    """One series.

    Attributes:
        name: the legend's entry; empty for a line without one.
        points: the points in the order of the steps.
        colour: the number of the colour.
        look: "thin" for noisy values, "bold" for the line to read, "dashed" for a reference line.
    """

    name: str
    points: Sequence[Point]
    colour: int = 0
    look: Literal["bold", "thin", "dashed"] = "bold"


class Chart(NamedTuple):
    """Some series over the same steps.

    Attributes:
        title: the name of the figure.
        unit: the unit of the vertical axis.
        lines: the series, at least one of them with a point.
        percent: values are shares, written in per cent.
        least_top: lower bound on the top of the vertical axis.
        note: a hint for reading the chart.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    percent: bool = False
    least_top: float = 0.0
    note: str = ""


class _Scale(NamedTuple):
    """Maps values to coordinates: `a + b * value`."""

    a: float
    b: float

    def __call__(self, value: float) -> float:
        return self.a + self.b * value


def render_chart(chart: Chart) -> Html:
    """Renders a chart with its title and legend; the title alone where there is no point to draw."""
    lines = [line._replace(points=[p for p in line.points if all(map(_is_drawable, p))]) for line in chart.lines]
    lines = [line for line in lines if line.points]
    if not lines:
        return element("figure", element("figcaption", chart.title, element("p", "Nothing was measured.")))
    caption = element("figcaption", element("strong", chart.title), element("span", chart.unit, class_="unit"))
    note = element("p", chart.note, class_="note") if chart.note else None
    return element("figure", caption, _legend(lines), _render_svg(chart, lines), note)


def axis_ticks(low: float, high: float) -> list[float]:
    """Round values from just below `low` to just above `high`; `low < high`."""
    rough = (high - low) / _NUM_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in _TICK_STEPS if s * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * k for k in range(first, last + 1)]


def moving_average(points: Sequence[Point], window: int) -> list[Point]:
    """The mean of the last `window` values at each point; of fewer at the beginning."""
    means = list[Point]()
    for k, (step, _) in enumerate(points):
        last = [value for _, value in points[max(0, k - window + 1) : k + 1]]
        means.append((step, sum(last) / len(last)))
    return means


def _render_svg(chart: Chart, lines: Sequence[Line]) -> Html:
    steps = [step for line in lines for step, _ in line.points]
    values = [value for line in lines for _, value in line.points]
    least = chart.least_top or (1e-9 if any(values) else 1.0)  # a line along zero is drawn on a scale up to 1
    marks = axis_ticks(min(0.0, *values), max(least, *values))
    across = axis_ticks(min(steps), max(steps)) if min(steps) < max(steps) else [min(steps)]
    across = [step for step in across if min(steps) <= step <= max(steps)]
    width = max(steps) - min(steps) or 1.0
    x = _linear_scale(min(steps), min(steps) + width, _LEFT, WIDTH - _RIGHT)
    y = _linear_scale(marks[0], marks[-1], HEIGHT - _BOTTOM, _TOP)
    return element(
        "svg",
        *(_grid_line(mark, y(mark), _format_tick(mark, marks[1] - marks[0], chart.percent)) for mark in marks),
        *(_text(x(step), HEIGHT - _BOTTOM + 17, f"{step:g}", "middle") for step in across),
        _text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 5, "training step", "middle"),
        *(_render_line(line, x, y) for line in lines),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_label=f"{chart.title}: {'; '.join(_describe_line(line, chart.percent) for line in lines if line.name)}",
    )


def _linear_scale(low: float, high: float, start: float, end: float) -> _Scale:
    b = (end - start) / (high - low)
    return _Scale(start - b * low, b)


def _grid_line(value: float, y: float, label: str) -> Html:
    line = element("line", class_="zero" if value == 0 else "grid", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y)
    return element("g", line, _text(_LEFT - 7, y + 4, label, "end"))


def _text(x: float, y: float, text: str, anchor: str) -> Html:
    return element("text", text, x=x, y=y, text_anchor=anchor)


def _render_line(line: Line, x: _Scale, y: _Scale) -> Html:
    places = [(x(step), y(value)) for step, value in line.points]
    drawn = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    colour = f"c{line.colour % NUM_COLOURS}"
    dots = places if len(places) <= _MAX_DOTS and line.look == "bold" else places[-1:] if line.look != "thin" else []
    return element(
        "g",
        element("path", d=drawn, class_=line.look),
        *(element("circle", cx=a, cy=b, r=2.6) for a, b in dots),
        class_=colour,
    )


def _legend(lines: Sequence[Line]) -> Html | None:
    named = [line for line in lines if line.name]
    if len(named) < 2:
        return None
    return element("ul", *(element("li", _swatch(line), line.name) for line in named), class_="legend")


def _is_drawable(value: float) -> bool:
    """Whether a value is a number with room for the arithmetic of an axis."""
    return abs(value) < MAX_DRAWN  # NaN isn't


def _swatch(line: Line) -> Html:
    colour = f"swatch c{line.colour % NUM_COLOURS}"
    stroke = element("path", d="M1 5H21", class_=line.look)
    return element("svg", stroke, viewBox="0 0 22 10", class_=colour, aria_hidden="true")


def _describe_line(line: Line, percent: bool) -> str:
    """The line in words, for screen readers."""
    (first, start), (last, end) = line.points[0], line.points[-1]
    shown = [f"{100 * v:.1f} %" if percent else f"{v:.3g}" for v in (start, end)]
    return f"{line.name} from {shown[0]} at step {first:g} to {shown[1]} at step {last:g}"


def _format_tick(value: float, step: float, percent: bool) -> str:
    if percent:
        value, step = 100 * value, 100 * step
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    digits += not math.isclose(step, round(step, digits), rel_tol=1e-6)  # 2.5, 0.25
    return f"{round(value, digits) + 0.0:.{digits}f}{' %' if percent else ''}"
