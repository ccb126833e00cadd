# ruff: noqa: E402  # the tests, whose tables are printed, are found once the root is on the path
"""Writes the tables of docs/reliability.md: from the damages that the tests try, and from the last kill matrix.

Run `python docs/generate/reliability.py docs/reliability.md`.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # last: the root folders must not hide other packages

from tests.training.damages import DAMAGES


def list_damages() -> Iterator[str]:
    """The rows of the table of damages."""
    yield "| damage | result | line |"
    yield "|---|---|---|"
    for damage in DAMAGES:
        line = f"`{damage.line.rstrip(': ').rstrip(' (')}`" if damage.line else "none"
        yield f"| {damage.title} | {damage.outcome} | {line} |"


def replace_table(page: str, name: str, rows: Iterator[str]) -> str:
    """The page with the rows between the two marks of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    assert begin in page and end in page, name
    return re.sub(f"{begin}.*{end}", lambda _: "\n".join([begin, "", *rows, "", end]), page, flags=re.DOTALL)


def main(path: Path) -> None:
    """Rewrites the tables in the page."""
    page = path.read_text(encoding="utf-8")
    path.write_text(replace_table(page, "damages", list_damages()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
