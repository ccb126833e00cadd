# ruff: noqa: E402  # the tests, whose tables are printed, are found once the root is on the path
"""Writes the tables of docs/reliability.md: from the damages that the tests try, and from the last kill matrix.

Run `python docs/generate/reliability.py docs/reliability.md`.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # last: the root folders must not hide other packages

from tests.training.damages import DAMAGES

RESULTS = ROOT / "tests" / "torture" / "results.json"
KINDS = {"train": "a training run", "match": "a match"}


def list_damages() -> Iterator[str]:
    """The rows of the table of damages."""
    yield "| damage | result | line |"
    yield "|---|---|---|"
    for damage in DAMAGES:
        line = f"`{damage.line.rstrip(': ').rstrip(' (')}`" if damage.line else "none"
        yield f"| {damage.title} | {damage.outcome} | {line} |"


def list_kills() -> Iterator[str]:
    """The rows of the table of kills, from the results of `make torture`."""
    kills = json.loads(RESULTS.read_text(encoding="utf-8"))["kills"]
    yield "| killed | moments tried | struck while running | survived | lost | finished steps repeated, at most |"
    yield "|---|---|---|---|---|---|"
    for kind, title in KINDS.items():
        group = [kill for kill in kills if kill["kind"] == kind]
        survived = sum(k["survived"] for k in group)
        counts = [len(group), sum(k["struck"] for k in group), survived, len(group) - survived]
        repeated = max(k["repeated"] for k in group) if kind == "train" else "not resumed"
        yield f"| {title} | {' | '.join(map(str, counts))} | {repeated} |"


def list_moments() -> Iterator[str]:
    """The rows of the table of moments."""
    yield "| killed | moment | signal | result |"
    yield "|---|---|---|---|"
    for kill in json.loads(RESULTS.read_text(encoding="utf-8"))["kills"]:
        result = ("survived" if kill["survived"] else "LOST") + ("" if kill["struck"] else ", had ended before")
        yield f"| {KINDS[kill['kind']]} | {kill['moment']} | {kill['signal']} | {result} |"


def replace_table(page: str, name: str, rows: Iterator[str]) -> str:
    """The page with the rows between the two marks of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    assert begin in page and end in page, name
    return re.sub(f"{begin}.*{end}", lambda _: "\n".join([begin, "", *rows, "", end]), page, flags=re.DOTALL)


def main(path: Path) -> None:
    """Rewrites the tables in the page."""
    page = path.read_text(encoding="utf-8")
    for name, rows in (("damages", list_damages()), ("kills", list_kills()), ("moments", list_moments())):
        page = replace_table(page, name, rows)
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
