"""Measurements as HTML: headline figures, the table of before and after, and the policy state by state."""

import itertools
from collections.abc import Sequence
from typing import Final

from mirrormatch.evals.comparison import (
    CAPTION,
    ComparisonRow,
    RequestRow,
    comparison_rows,
    describe_verdict,
    headline_rows,
    request_differences,
    worse_rows,
)
from mirrormatch.evals.exploitability import PolicyReport, StatePolicy
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.report.markup import Html, element
from mirrormatch.evals.statistics import Figure, Score, Unmeasured
from mirrormatch.evals.wording import (
    NOT_MEASURED,
    format_change,
    format_figure,
    format_interval,
    format_percent,
    format_value,
    is_share,
    judge_change,
    score_label,
)

MARKS: Final = {"": "", "better": "▲ better", "worse": "▼ worse", "differs": "◆ differs"}
_NUM_HEADLINES: Final = 4
_NUM_WORSE: Final = 4
_WHISKER_WIDTH, _WHISKER_HEIGHT = 120.0, 14.0


def headlines(before: Measurement, after: Measurement) -> Html | None:
    """The most important changes as tiles, and everything that got worse."""
    rows = comparison_rows(before, after)
    wanted = headline_rows(rows)
    if len(wanted) > _NUM_HEADLINES:
        wanted = [*wanted[: _NUM_HEADLINES - 1], wanted[-1]]
    worse = [row for row in worse_rows(rows) if row not in wanted]
    tiles = [*map(_headline, wanted), *map(_headline, worse[:_NUM_WORSE])]
    if len(worse) > _NUM_WORSE:
        more = f"{len(worse) - _NUM_WORSE} more figures got worse: see the table"
        mark = element("span", MARKS["worse"], class_="mark worse")
        tiles.append(element("li", element("span", more, class_="what"), mark))
    lines = element("p", describe_verdict(rows), class_="lead")
    return element("div", element("ul", *tiles, class_="tiles"), lines) if tiles else None


def comparison_table(before: Measurement, after: Measurement) -> Html:
    """The table of before and after, with a whisker for each difference's interval."""
    rows = comparison_rows(before, after)
    reach = _max_reach(rows)
    heads = ("", "before", "after", "difference", "", "n", "")
    bodies = [
        element("tbody", _section_row(section, len(heads)), *(_row(row, reach[_scale(row)]) for row in members))
        for section, members in _group_by_section(rows)
    ]
    if different := request_differences(before, after):
        settings = map(_setting_row, different)
        bodies.insert(0, element("tbody", _section_row("asked differently", len(heads)), *settings))
    head = element("thead", element("tr", *(element("th", text, scope="col") for text in heads)))
    return element("div", element("table", head, *bodies), element("p", CAPTION, class_="note"), class_="wide")


def measurement_table(measurement: Measurement) -> Html:
    """The table of one measurement alone."""
    labels = (score_label(score.name) for score in measurement.scores)
    rows = (
        element("tr", _heading_cell(f"{section}: {text}"), _value_cell("value", score), _count_cell(score))
        for (section, text), score in zip(labels, measurement.scores, strict=True)
    )
    head = element("tr", *(element("th", text, scope="col") for text in ("", "value", "n")))
    return element("div", element("table", element("thead", head), element("tbody", *rows)), class_="wide")


def policy_tables(before: Measurement | None, after: Measurement | None) -> list[Html]:
    """One table for each game with a policy: the probability of the moves at every information state."""
    earlier, later = ({p.game: p for p in m.policies} if m else {} for m in (before, after))
    return [_policy_table(earlier.get(game), later.get(game)) for game in dict.fromkeys([*earlier, *later])]


# Headlines.


def _headline(row: ComparisonRow) -> Html:
    assert row.before and row.after and row.change
    verdict = judge_change(row.change.score)
    return element(
        "li",
        element("span", f"{row.label.section}: {row.label.text}", class_="what"),
        element(
            "span",
            format_figure(row.before),
            element("span", " → ", class_="unit"),
            element("b", format_figure(row.after)),
        ),
        element("span", format_change(row.change.score), class_="unit"),
        element("span", MARKS[verdict] or "no clear difference", class_=f"mark {verdict}"),
    )


# Before and after.


def _group_by_section(rows: Sequence[ComparisonRow]) -> list[tuple[str, list[ComparisonRow]]]:
    return [(section, list(group)) for section, group in itertools.groupby(rows, key=lambda row: row.label.section)]


def _section_row(section: str, width: int) -> Html:
    return element("tr", element("th", section, colspan=width, scope="rowgroup"), class_="section")


def _row(row: ComparisonRow, reach: float) -> Html:
    if row.change is None:
        values = (_value_cell("before", row.before), _value_cell("after", row.after))
        return element("tr", _heading_cell(row.label.text), *values, element("td", colspan=4))
    change = row.change.score
    verdict = judge_change(change)
    return element(
        "tr",
        _heading_cell(row.label.text),
        _value_cell("before", row.before),
        _value_cell("after", row.after),
        element("td", format_change(change), class_="number", data_label="difference"),
        element("td", _whisker(change, reach), class_="whisker"),
        _count_cell(change),
        element("td", MARKS[verdict], class_=f"mark {verdict}"),
        class_=verdict or None,
    )


def _setting_row(setting: RequestRow) -> Html:
    values = (element("td", text, class_="number") for text in (setting.before, setting.after))
    return element("tr", _heading_cell(setting.name), *values, element("td", colspan=4))


def _heading_cell(text: str) -> Html:
    return element("th", text, scope="row")


def _value_cell(heading: str, score: Figure | None) -> Html:
    if score is None:
        return element("td", "-", class_="number", data_label=heading)
    if isinstance(score, Unmeasured):
        return element("td", NOT_MEASURED, class_="number", data_label=heading, title=score.reason)
    interval = None if score.n is None else element("span", f" {format_interval(score)}", class_="unit")
    return element("td", format_value(score), interval, class_="number", data_label=heading)


def _count_cell(score: Figure) -> Html:
    n = "" if isinstance(score, Unmeasured) else "exact" if score.n is None else f"{score.n:,}"
    return element("td", n, class_="number count", data_label="n")


def _scale(row: ComparisonRow) -> tuple[str, bool]:
    """The key of the scale of a row's whisker: one for all shares, one for each section and unit otherwise."""
    score = row.change.score if row.change else None
    if score is None or is_share(score):
        return ("", True)
    return (f"{row.label.section} {score.unit}", False)


def _max_reach(rows: Sequence[ComparisonRow]) -> dict[tuple[str, bool], float]:
    """The largest distance from 0 of a whisker's end, on each scale."""
    reach: dict[tuple[str, bool], float] = {}
    for row in rows:
        ends = (abs(row.change.score.low), abs(row.change.score.high)) if row.change else (0.0,)
        reach[_scale(row)] = max(reach.get(_scale(row), 0.0), *ends)
    return reach


def _whisker(change: Score, reach: float) -> Html:
    """The interval of a difference, drawn around a line at 0."""
    half = _WHISKER_WIDTH / 2
    low, value, high = (half + (half - 4) * end / (reach or 1.0) for end in (change.low, change.value, change.high))
    middle = _WHISKER_HEIGHT / 2
    return element(
        "svg",
        element("line", class_="zero", x1=half, x2=half, y1=0.0, y2=_WHISKER_HEIGHT),
        element("line", class_="reach", x1=low, x2=high, y1=middle, y2=middle),
        element("circle", cx=value, cy=middle, r=3.5),
        viewBox=f"0 0 {_WHISKER_WIDTH:g} {_WHISKER_HEIGHT:g}",
        aria_hidden="true",
    )


# Policies.


def _policy_table(before: PolicyReport | None, after: PolicyReport | None) -> Html:
    known = after or before
    assert known is not None
    pairs = zip(before.states if before else (None,) * len(known.states), known.states, strict=True)
    rows = [line for earlier, later in pairs for line in _state_rows(earlier, later if after else None)]
    heads = ("state", "move", "before", "after")
    head = element("tr", *(element("th", text, scope="col") for text in heads))
    table = element("table", element("thead", head), element("tbody", *rows), class_="policy")
    n = known.num_thoughts
    how = f"Averages over {n} thoughts at each state." if n else "Exact probabilities."
    reading = (
        "Of two moves, one is shown; the other has the rest. A dash: less than half of the mass is on legal answers."
    )
    note = element("p", f"{how} {reading}", class_="note")
    return element("div", element("h3", known.game), table, note, class_="wide")


def _state_rows(before: StatePolicy | None, after: StatePolicy | None) -> list[Html]:
    known = after or before
    assert known is not None
    moves = list(known.moves)[: 1 if len(known.moves) == 2 else None]
    return [
        element(
            "tr",
            element("th", known.state if k == 0 else "", scope="row"),
            element("td", move, data_label="move"),
            _bar_cell("before", before.moves[move] if before and before.is_measured else None),
            _bar_cell("after", after.moves[move] if after and after.is_measured else None),
        )
        for k, move in enumerate(moves)
    ]


def _bar_cell(heading: str, probability: float | None) -> Html:
    if probability is None:
        return element("td", "-", class_="number", data_label=heading)
    bar = element("span", class_="bar", style=f"--p:{100 * probability:.1f}%", aria_hidden="true")
    share = element("span", f"{format_percent(probability)} ", class_="share")
    return element("td", share, bar, class_="number", data_label=heading)
