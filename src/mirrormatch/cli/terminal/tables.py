"""Scores as rich tables."""

from typing import Final

from rich import box
from rich.table import Table

from mirrormatch.evals.comparison import CAPTION, ComparisonRow, comparison_rows
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.wording import format_change, format_value, judge_change

_CHANGE_STYLES: Final = {"": "", "better": "green", "worse": "red", "differs": "yellow"}


def comparison_table(before: Measurement, after: Measurement, plain: bool = False) -> Table:
    """Two measurements side by side, for 80 columns or more.

    Args:
        before: the earlier measurement.
        after: the later measurement, of the same plan and seed.
        plain: leave out the lines.
    """
    shown = Table(box=None if plain else box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("", no_wrap=True)
    for heading in ("before", "after", "difference", "n"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("")
    section = ""
    for row in comparison_rows(before, after):
        if row.label.section != section:
            section = row.label.section
            shown.add_row(section, style="bold")
        style = _CHANGE_STYLES[judge_change(row.change.score)] if row.change else ""
        shown.add_row(*_comparison_cells(row), style=style)
    shown.caption = CAPTION
    shown.caption_justify = "left"
    return shown


def _comparison_cells(row: ComparisonRow) -> list[str]:
    values = [format_value(score) if score else "-" for score in (row.before, row.after)]
    if row.change is None:
        return [f"  {row.label.text}", *values, "", "", ""]
    change = row.change.score
    return [f"  {row.label.text}", *values, format_change(change), str(change.n or ""), judge_change(change)]
