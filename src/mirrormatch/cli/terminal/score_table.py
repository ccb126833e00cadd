"""Figures for people: one row each, with its interval and the number of observations."""

import json
from collections.abc import Sequence

from mirrormatch.cli.terminal.output import console, table
from mirrormatch.evals.exploitability import PolicyReport
from mirrormatch.evals.statistics import Score
from mirrormatch.evals.wording import format_interval, format_percent, format_value, score_label
from mirrormatch.text import one_line

_CHARS = 200  # of a title, a label or a state
_SHOWN_STATES = 60  # of a policy, on a terminal; Kuhn poker has 12, Leduc poker 288


def show_scores(title: str, scores: Sequence[Score], plain: bool = False) -> None:
    """Prints the figures."""
    out = console(plain)
    shown = table(("", "value", "95 % interval", "n"), numbers=True)
    for score in scores:
        n = "exact" if score.n is None else f"{score.n:,}"
        interval = "" if score.n is None else format_interval(score)
        shown.add_row(one_line(score_label(score.name).text, _CHARS), format_value(score), interval, n)
    out.print(one_line(title, _CHARS), style="bold")
    out.print(shown)
    out.print()


def scores_json(spec: str, scores: Sequence[Score]) -> str:
    """What `eval exploitability --json` and `eval transfer --json` print."""
    return json.dumps({"schema": 1, "spec": spec, "scores": [score.model_dump() for score in scores]}, indent=2)


def show_policy(report: PolicyReport, plain: bool = False) -> None:
    """Prints what is played at the information states: at all of them, but on a terminal not more than can be read."""
    out = console(plain)
    shown = table(("legal mass", "moves", "state"))
    states = report.states[:_SHOWN_STATES] if out.is_terminal else report.states
    for state in states:
        moves = ", ".join(f"{move} {format_percent(p)}" for move, p in state.moves.items())
        shown.add_row(format_percent(state.legal_mass), moves, one_line(state.state, _CHARS))
    out.print(shown)
    if len(states) < len(report.states):
        more = len(report.states) - len(states)
        out.print(f"... and {more:,} more states: into a file or a pipe, all of them are written")
    out.print()
