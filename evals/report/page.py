"""What a run did and learned, as one HTML page that needs nothing else: no script, no font, no network.

It is given everything in one record and knows no run folder. Whatever a model or a file said is escaped by `markup`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mirrormatch.agents.types import Episode
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.report.charts import figure
from mirrormatch.evals.report.curves import Metrics, curves
from mirrormatch.evals.report.markup import Html, document, element
from mirrormatch.evals.report.style import STYLE
from mirrormatch.evals.report.tables import comparison, figures, headlines, policies
from mirrormatch.evals.report.transcripts import transcript

ALARMS: Final = {
    "shrinking": "replies have become much shorter than in the first steps",
    "illegal": "many replies are no move",
    "repeating": "replies repeat one token again and again",
    "frozen": "the entropy is close to nothing: one reply, whatever the prompt",
}
_ALARM: Final = "alarm/"


class Fact(NamedTuple):
    """One line of what ran."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInput:
    """Everything that a report tells.

    Attributes:
        title: of the page.
        facts: model, seeds, versions, machine.
        command: that makes the run again.
        config: the settings as text.
        before: the measurement before training, if there is one.
        after: the one after it, if there is one.
        metrics: of every step, in order; `alarm/NAME` among them where an alarm rang.
        episodes: samples, to be shown in full.
        episodes_note: how they were chosen.
    """

    title: str
    facts: Sequence[Fact]
    command: str
    config: str
    before: Measurement | None = None
    after: Measurement | None = None
    metrics: Metrics = ()
    episodes: Sequence[Episode] = ()
    episodes_note: str = ""


def render(report: ReportInput) -> str:
    """The page."""
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
        _section("Before and after", _measured(before, after)),
        _section("Learning curves", _charts(report.metrics)),
        _section("Alarms", _alarms(report.metrics)),
        *(_section("What it plays", *found) for found in [policies(before, after)] if found),
        _section("Episodes", *_episodes(report)),
        _section("What ran", *_ran(report)),
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


def _measured(before: Measurement | None, after: Measurement | None) -> Html:
    if before and after:
        return comparison(before, after)
    alone = before or after
    return figures(alone) if alone else element("p", "Nothing was measured.")


def _charts(metrics: Metrics) -> Html:
    drawn = [figure(chart) for chart in curves(metrics)]
    return element("div", *drawn, class_="charts") if drawn else element("p", "No step has finished yet.")


def _alarms(metrics: Metrics) -> Html:
    rang: dict[str, list[int]] = {}
    for step in metrics:
        for name in step:
            if name.startswith(_ALARM):
                rang.setdefault(name.removeprefix(_ALARM), []).append(int(step.get("step", 0)))
    if not rang:
        return element("p", "None rang." if metrics else "No step has finished yet.")
    return element("ul", *(_alarm(name, steps) for name, steps in sorted(rang.items())))


def _alarm(name: str, steps: Sequence[int]) -> Html:
    told = f" at {len(steps)} {'step' if len(steps) == 1 else 'steps'}: {_ranges(steps)}. "
    meaning = f"{ALARMS[name][0].upper()}{ALARMS[name][1:]}." if name in ALARMS else None
    return element("li", element("span", name, class_="alarm"), told, meaning)


def _ranges(steps: Sequence[int]) -> str:
    """Steps in a row as one range: `3-5, 9`."""
    runs = list[list[int]]()
    for step in steps:
        if runs and step == runs[-1][-1] + 1:
            runs[-1].append(step)
        else:
            runs.append([step])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _episodes(report: ReportInput) -> list[Html]:
    if not report.episodes:
        return [element("p", "None was recorded.")]
    cards = (transcript(episode, k) for k, episode in enumerate(report.episodes, start=1))
    note = [element("p", report.episodes_note, class_="lead")] if report.episodes_note else []
    return [*note, element("div", *cards, class_="episodes")]


def _ran(report: ReportInput) -> list[Html]:
    facts = (part for name, value in report.facts for part in (element("dt", name), element("dd", value)))
    settings = element("details", element("summary", "All settings"), element("pre", report.config))
    return [element("dl", *facts), element("pre", report.command), settings if report.config else element("p")]
