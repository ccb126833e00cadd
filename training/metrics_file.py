"""A run's metrics.jsonl as a file: read it, and cut it back to a checkpoint. The figures are metrics.py's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from mirrormatch.errors import UserError
from mirrormatch.files import parse_object, write_text

Metrics: TypeAlias = dict[str, float]

_MAX_STEP = 1 << 31


def read_metrics(path: Path) -> list[Metrics]:
    """Reads all steps' metrics, in order; an incomplete last line is left out.

    Raises:
        UserError: a line is broken.
    """
    if not path.exists():
        return []
    return [_parse(path, number, line) for number, line in _whole_lines(path)]


def cut_metrics(path: Path, step: int, note: Callable[[str], None]) -> None:
    """Removes the lines of all steps after `step`, which will be repeated, and names steps that have none.

    Raises:
        UserError: a line is broken.
    """
    if not path.exists():
        return
    lines = _whole_lines(path)
    kept = {int(_parse(path, k, line)["step"]): line for k, line in lines if _parse(path, k, line)["step"] <= step}
    if lacking := sorted(set(range(1, step + 1)) - kept.keys()):
        note(f"{path.name} lacks {len(lacking)} steps, {lacking[0]} is the first: the report will lack them too")
    text = "".join(kept[k] for k in sorted(kept))
    if text.encode() != path.read_bytes():
        write_text(path, text)


def _whole_lines(path: Path) -> list[tuple[int, str]]:
    """The lines with their numbers; without a last one that a kill has cut."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, ValueError) as problem:
        raise UserError(f"{str(path)!r} can't be read: {problem}") from None
    return [(number, line) for number, line in enumerate(lines, 1) if line.endswith("\n")]


def _parse(path: Path, number: int, line: str) -> Metrics:
    try:
        found = parse_object(line)
        if not (all(map(_is_number, found.values())) and 0 < found["step"] == int(found["step"]) <= _MAX_STEP):
            raise ValueError("a figure is no number, or there is no step")
    except (ValueError, KeyError, OverflowError):
        raise UserError(f"line {number} of {str(path)!r} is broken: remove it to go on without that step") from None
    return found


def _is_number(value: Any) -> bool:
    """Whether a value is a number that fits into floating point; NaN is one, in the metrics of a run that diverged."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53)
