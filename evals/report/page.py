"""A run's results as one self-contained HTML page: no script, no font, no network.

The page is a function of one record, `ReportInput`; run folders are the command line's part. `markup` escapes all text
from models and files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mirrormatch.agents.types import Episode
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.report.charts import render_chart
from mirrormatch.evals.report.curves import Metrics, learning_curves
from mirrormatch.evals.report.markup import Html, document, element
from mirrormatch.evals.report.style import STYLE
from mirrormatch.evals.report.tables import comparison_table, headlines, measurement_table, policy_tables
from mirrormatch.evals.report.transcripts import transcript

_ALARM_PREFIX: Final = "alarm/"


class Fact(NamedTuple):
    """One line of the section `What ran`."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInput:
    """The contents of a report.

    Attributes:
        title: the page's title.
        facts: model, seeds, versions, machine.
        command: the command that repeats the run.
        config: the settings as text.
        before: the measurement before training, if there is one.
        after: the measurement after training, if there is one.
        metrics: each step's metrics, in order; `alarm/NAME` or `alarm/NAME/GAME` among them where an alarm rang.
        alarms: the meanings of the alarms by name.
        episodes: sample episodes, shown in full.
        episodes_note: the way the samples were chosen.
    """

    title: str
    facts: Sequence[Fact]
    command: str
    config: str
    before: Measurement | None = None
    after: Measurement | None = None
    metrics: Metrics = ()
    alarms: Mapping[str, str] = field(default_factory=dict)
    episodes: Sequence[Episode] = ()
    episodes_note: str = ""


def render_report(report: ReportInput) -> str:
    """Renders the page."""
    before, after = report.before, report.after
    return document(
        report.title,
        STYLE,
        element(
            "header",
            element("h1", report.title),
            element("p", _lead(report), class_="lead"),
            headlines(before, after) if before and after else None,
        ),
        _section("Before and after", _measurement_tables(before, after)),
        _section("Learning curves", _curve_charts(report.metrics)),
        _section("Alarms", _alarm_list(report.metrics, report.alarms)),
        *(_section("What it plays", *tables) for tables in [policy_tables(before, after)] if tables),
        _section("Episodes", *_transcripts(report)),
        _section("What ran", *_run_facts(report)),
    )


def _section(heading: str, *content: Html) -> Html:
    return element("section", element("h2", heading), *content)


def _lead(report: ReportInput) -> str:
    num_steps = len(report.metrics)
    trained = f"{num_steps} training {'step' if num_steps == 1 else 'steps'}" if num_steps else "No training step yet"
    if report.before is None or report.after is None:
        return f"{trained}. It was not measured both before and after."
    return (
        f"{trained}. Before and after were measured on the same deals, seeds and problems, so differences are "
        "paired. Brackets hold 95\u00a0% intervals."
    )


def _measurement_tables(before: Measurement | None, after: Measurement | None) -> Html:
    if before and after:
        return comparison_table(before, after)
    alone = before or after
    return measurement_table(alone) if alone else element("p", "Nothing was measured.")


def _curve_charts(metrics: Metrics) -> Html:
    charts = [render_chart(chart) for chart in learning_curves(metrics)]
    return element("div", *charts, class_="charts") if charts else element("p", "No step has finished yet.")


def _alarm_list(metrics: Metrics, meanings: Mapping[str, str]) -> Html:
    rang: dict[str, list[int]] = {}
    for step in metrics:
        for name in step:
            if name.startswith(_ALARM_PREFIX):
                rang.setdefault(name.removeprefix(_ALARM_PREFIX), []).append(int(step.get("step", 0)))
    if not rang:
        return element("p", "None rang." if metrics else "No step has finished yet.")
    return element("ul", *(_alarm_item(name, steps, meanings) for name, steps in sorted(rang.items())))


def _alarm_item(name: str, steps: Sequence[int], meanings: Mapping[str, str]) -> Html:
    when = f" at {len(steps)} {'step' if len(steps) == 1 else 'steps'}: {_ranges(steps)}. "
    kind, _, game = name.partition("/")
    where = f" in {game}" if game else None
    meaning = f"{meanings[kind][0].upper()}{meanings[kind][1:]}." if kind in meanings else None
    return element("li", element("span", kind, class_="alarm"), where, when, meaning)


def _ranges(steps: Sequence[int]) -> str:
    """Consecutive steps as one range: `3-5, 9`."""
    runs = list[list[int]]()
    for step in steps:
        if runs and step == runs[-1][-1] + 1:
            runs[-1].append(step)
        else:
            runs.append([step])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _transcripts(report: ReportInput) -> list[Html]:
    if not report.episodes:
        return [element("p", "None was recorded.")]
    cards = (transcript(episode, k) for k, episode in enumerate(report.episodes, start=1))
    note = [element("p", report.episodes_note, class_="lead")] if report.episodes_note else []
    return [*note, element("div", *cards, class_="episodes")]


def _run_facts(report: ReportInput) -> list[Html]:
    facts = (part for name, value in report.facts for part in (element("dt", name), element("dd", value)))
    settings = element("details", element("summary", "All settings"), element("pre", report.config))
    return [element("dl", *facts), element("pre", report.command), settings if report.config else element("p")]
