"""Matches, scores, policies and comparisons as rich tables."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.table import Table

from mirrormatch.agents.llm import describe_computation
from mirrormatch.agents.types import Agent
from mirrormatch.cli.terminal.output import console, empty_table, note
from mirrormatch.evals.arena import AgentScores, MatchResult
from mirrormatch.evals.comparison import (
    CAPTION,
    ComparisonRow,
    comparison_rows,
    describe_headline,
    describe_verdict,
    request_differences,
)
from mirrormatch.evals.exploitability import PolicyReport
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.statistics import Figure, Score, Unmeasured
from mirrormatch.evals.transfer import Transfer
from mirrormatch.evals.wording import (
    NOT_MEASURED,
    format_change,
    format_estimate,
    format_interval,
    format_percent,
    format_value,
    judge_change,
    score_label,
)
from mirrormatch.games.types import ProblemKind
from mirrormatch.text import one_line

_CHARS: Final = 200  # of a title, a label or a state
_SHOWN_STATES: Final = 60  # of a policy, on a terminal; Kuhn poker has 12, Leduc poker 288
_MANY_FORFEITS: Final = 0.5  # share of the games
_SPEC_CHARS: Final = 24
_MATCH_LABELS: Final = ("return", "win", "draw", "loss", "illegal", "cut off", "no moves")
_MATCH_LABEL_CHARS: Final = 8
_FULL_COLUMNS: Final = 80  # of a terminal with room for a comparison
_FIGURE_COLUMNS: Final = 22  # width of a figure with its interval beside it
_CHANGE_STYLES: Final = {"": "", "better": "green", "worse": "red", "differs": "yellow"}


def show_match(result: MatchResult) -> None:
    """Prints a match's scores, one column per agent."""
    out, scores = console(), result.scores
    heads = tuple(one_line(a.spec, _SPEC_CHARS) for a in scores.agents)
    title = f"{scores.game}, {scores.episodes} episodes, seed {scores.seed}"
    shown = empty_table(("", *heads), numbers=True)
    gap = " " if len(heads) * _FIGURE_COLUMNS + _MATCH_LABEL_CHARS <= out.width else "\n"
    columns = [_match_column(a, problems, gap) for a, problems in zip(scores.agents, result.problems, strict=True)]
    for label, row in zip(_MATCH_LABELS, zip(*columns, strict=True), strict=True):
        shown.add_row(label, *row)
    _print_titled(f"{title} (mirror match)" if result.is_mirror else title, shown)


def warn_about_match(result: MatchResult) -> None:
    """Prints on stderr the limits of a match's evidence: rounding, a mirror match, repeated games."""
    scores = result.scores
    if scores.episodes != result.num_requested:
        note(f"{scores.episodes} episodes instead of {result.num_requested}: every deal meets every seating")
    if result.is_mirror:
        note(f"a mirror match: {scores.agents[0].spec!r} plays every seat, so this is no evidence of its strength")
    if result.forfeited >= _MANY_FORFEITS:
        note(
            f"{format_percent(result.forfeited)} of the games were forfeited by an agent that made no legal move: win "
            "rates show who answers in the game's form, not who plays better"
        )
    if result.variety.is_repetitive:
        note(
            f"only {result.variety.num_distinct} of {scores.episodes} games differ: these agents are deterministic, "
            "and more episodes would add no information"
        )


def show_scores(title: str, scores: Sequence[Figure], plain: bool = False) -> None:
    """Prints a row per score: value, interval and number of observations; below them the reasons of missing values."""
    shown = empty_table(("", "value", "95 % interval", "n"), numbers=True)
    for score in scores:
        shown.add_row(one_line(score_label(score.name).text, _CHARS), *_score_cells(score))
    reasons = [f"{score_label(s.name).text}: {s.reason}" for s in scores if isinstance(s, Unmeasured)]
    _print_titled(title, shown, plain, reasons)


def _score_cells(score: Figure) -> tuple[str, str, str]:
    if isinstance(score, Unmeasured):
        return NOT_MEASURED, "", ""
    if score.n is None:
        return format_value(score), "", "exact"
    return format_value(score), format_interval(score), f"{score.n:,}"


def show_transfer(title: str, transfer: Transfer, plain: bool = False) -> None:
    """Prints a row per score; the floor of an accuracy is that of always giving each task's most frequent answer."""
    scores = {score.name: score for score in transfer.scores()}
    shown = empty_table(("", "value", "95 % interval", "floor", "n"), numbers=True)
    for name, score in scores.items():
        if not name.startswith("majority/"):
            constant = scores.get(name.replace("accuracy/", "majority/"))
            majority = format_value(constant) if constant is not None and constant is not score else ""
            shown.add_row(score_label(name).text, format_value(score), format_interval(score), majority, f"{score.n:,}")
    _print_titled(title, shown, plain)


def scores_json(spec: str, scores: Sequence[Figure], agent: Agent) -> str:
    """The JSON object of `eval exploitability --json` and `eval transfer --json`."""
    found = {"schema": 1, "spec": spec, "computation": describe_computation(agent)}
    return json.dumps({**found, "scores": [score.model_dump() for score in scores]}, indent=2)


def show_policy(report: PolicyReport, plain: bool = False) -> None:
    """Prints a policy, one row per information state: all of them off a terminal, the first ones on a terminal."""
    out = console(plain)
    shown = empty_table(("legal mass", "moves", "state"))
    states = report.states[:_SHOWN_STATES] if out.is_terminal else report.states
    for state in states:
        known = ", ".join(f"{move} {format_percent(p)}" for move, p in state.moves.items())
        moves = known if state.is_measured else NOT_MEASURED
        shown.add_row(format_percent(state.legal_mass), moves, one_line(state.state, _CHARS))
    out.print(shown)
    if len(states) < len(report.states):
        more = len(report.states) - len(states)
        out.print(f"... and {more:,} more states: into a file or a pipe, all of them are written")
    out.print()


def show_comparison(before: Measurement, after: Measurement, plain: bool = False) -> None:
    """Prints two measurements side by side, then the most important change and a sentence on all of them."""
    out, rows = console(plain), comparison_rows(before, after)
    out.print(comparison_table(before, after, plain, out.width))
    out.print()
    if headline := describe_headline(rows):
        out.print(headline, style="bold")
    out.print(describe_verdict(rows))


def comparison_table(before: Measurement, after: Measurement, plain: bool = False, width: int = _FULL_COLUMNS) -> Table:
    """Two measurements side by side; below 80 columns with the values of a figure under its label.

    Args:
        before: the earlier measurement.
        after: the later measurement, of the same plan and seed.
        plain: leave out the lines.
        width: number of columns of the terminal.
    """
    shown = Table(box=None if plain else box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    is_narrow = width < _FULL_COLUMNS
    if is_narrow:
        shown.add_column("before -> after, difference")
    else:
        shown.add_column("", no_wrap=True)
        for heading in ("before", "after", "difference", "n"):
            shown.add_column(heading, justify="right", no_wrap=True)
        shown.add_column("")
    _add_request_rows(shown, before, after, is_narrow)
    section = ""
    for row in comparison_rows(before, after):
        if row.label.section != section:
            section = row.label.section
            shown.add_row(section, style="bold")
        style = _CHANGE_STYLES[judge_change(row.change.score)] if row.change else ""
        cells = _comparison_cells(row)
        shown.add_row(*([_join_cells(cells)] if is_narrow else cells), style=style)
    shown.caption = CAPTION
    shown.caption_justify = "left"
    return shown


def _add_request_rows(shown: Table, before: Measurement, after: Measurement, is_narrow: bool) -> None:
    """Adds the settings in which two models were asked differently."""
    different = request_differences(before, after)
    if different:
        shown.add_row("asked differently", style="bold yellow")
    for name, earlier, later in different:
        shown.add_row(*([f"  {name}: {earlier} -> {later}"] if is_narrow else (f"  {name}", earlier, later)))


def _join_cells(cells: Sequence[str]) -> str:
    """A figure on two lines, for a narrow terminal."""
    label, before, after, change, _, verdict = cells
    return f"{label}\n    {before} -> {after}" + "".join(f", {part}" for part in (change, verdict) if part)


def _print_titled(title: str, shown: Table, plain: bool = False, below: Sequence[str] = ()) -> None:
    out = console(plain)
    out.print(one_line(title, _CHARS), style="bold")
    out.print(shown)
    for line in below:
        out.print(line)
    out.print()


def _match_column(agent: AgentScores, problems: Counter[ProblemKind], gap: str) -> list[str]:
    shares = (agent.win, agent.draw, agent.loss, agent.illegal, agent.truncated)
    marks = (_forfeit_mark(agent.won_by_forfeit), "", _forfeit_mark(agent.lost_by_forfeit), "", "")
    by_kind = "\n".join(f"{kind} {times}" for kind, times in sorted(problems.items()))
    percents = (format_estimate(s, digits=0, gap=gap) + mark for s, mark in zip(shares, marks, strict=True))
    return [format_estimate(agent.mean_return, plus=True, gap=gap), *percents, by_kind or "-"]


def _forfeit_mark(share: Score) -> str:
    """The part of a win or loss rate that is made of forfeits, on a line of its own; empty without any."""
    return f"\n{format_percent(share.value)} by forfeit" if share.value else ""


def _comparison_cells(row: ComparisonRow) -> list[str]:
    values = [format_value(score) if isinstance(score, Score) else "-" for score in (row.before, row.after)]
    if row.change is None:
        is_unmeasured = isinstance(row.before, Unmeasured) or isinstance(row.after, Unmeasured)
        return [f"  {row.label.text}", *values, NOT_MEASURED if is_unmeasured else "", "", ""]
    change = row.change.score
    return [f"  {row.label.text}", *values, format_change(change), str(change.n or ""), judge_change(change)]
