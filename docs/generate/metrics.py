"""Writes the tables of docs/metrics.md about training, from the catalogue of metrics and the rules of the alarms.

Run `python docs/generate/metrics.py docs/metrics.md`.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mirrormatch.training.alarm_settings import UNAMBIGUOUS
from mirrormatch.training.alarms import NUM_LASTING, RULES, WINDOW, Rule
from mirrormatch.training.metric_catalogue import CATALOGUE, SECTIONS

_COLUMNS = ("name", "formula", "unit", "good", "smell")
BEGIN, END = "<!-- training: begin -->", "<!-- training: end -->"


def make_tables() -> str:
    """The sections of the page between the two marks, in Markdown."""
    lines: list[str] = []
    for section, note in SECTIONS.items():
        rows = [
            (", ".join(f"`{pattern}`" for pattern in metric.patterns), *metric[1:5])
            for metric in CATALOGUE
            if metric.section == section
        ]
        lines += [
            f"### {section}",
            "",
            *([note, ""] if note else []),
            *_table(("name", "formula", "unit", "good", "smell"), rows),
            "",
        ]
    lines += ["### Alarms", "", _ALARMS, ""]
    alarms = [
        (
            f"`alarm/{rule.name}{'/GAME' if rule.is_per_game else ''}`",
            rule.rings,
            f"{_capitalize(rule.meaning)}. {rule.cure}",
        )
        for rule in RULES
    ]
    lines += _table(("name", "rings when", "what it usually means"), alarms)
    return "\n".join(lines)


_ENDING = ", ".join(f"`{name}`" for name in UNAMBIGUOUS)
_ALARMS = (
    "`alarm/NAME` is 1 at a step where it rings and absent otherwise. Thresholds are under `[alarms]`. A mean is over "
    f"{WINDOW} steps; it is compared with the lowest or highest such mean of the run so far, so a run that begins "
    "badly and gets better rings nothing, and alarms that compare are silent during the first `alarms.warm_up` steps. "
    f"With `alarms.stop = true`, one of {_ENDING} at {NUM_LASTING} steps in a row ends the run, and is named; "
    '`alarms.stop = ["illegal", ...]` names others.'
)


def _describe_alarm(rule: Rule) -> tuple[str, str, str]:
    name = f"`alarm/{rule.name}{'/GAME' if rule.is_per_game else ''}`"
    return name, rule.rings, f"{_capitalize(rule.meaning)}. {rule.cure}"


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def replace_tables(page: str) -> str:
    """The page with new tables."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{make_tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(replace_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
