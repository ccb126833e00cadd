"""Writes the table of TextArena's environments.

Run `python docs/generate/textarena.py docs/textarena.md`.
"""

import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from mirrormatch.games.bridges.textarena import folder, registered
from mirrormatch.games.bridges.textarena.facts import BROKEN, FACTS, FAULTS, NEEDS_NEWER_PYTHON, why_not
from mirrormatch.games.bridges.textarena.run import library

_OLDEST_PYTHON = (3, 11)


class Row(NamedTuple):
    """One environment, with the names of its difficulties."""

    folder: str
    names: tuple[str, ...]


def rows() -> list[Row]:
    """Every environment that TextArena registers, once, in order."""
    found = defaultdict[str, list[str]](list)
    for name, spec in registered().items():
        found[folder(spec)].append(name)
    return [Row(of, tuple(names)) for of, names in sorted(found.items())]


def page() -> str:
    """The page in Markdown. It is the same under every version of Python."""
    everything = rows()
    played = [row for row in everything if row.folder in FACTS]
    on_oldest = [row for row in played if why_not(row.folder, _OLDEST_PYTHON) is None]
    return "\n".join(
        [
            "# TextArena's environments",
            "",
            f"Of the {len(everything)} environments that textarena {library().__version__} registers, "
            f"{len(on_oldest)} can be played as `textarena/NAME` under Python 3.11, and {len(played)} from Python 3.12 "
            "on. Each name has the variants `-raw` and `-train` too. `pip install 'mirrormatch[games]'` installs "
            "textarena.",
            "",
            "The rules, texts and rewards are TextArena's own. Chance draws one of 1,000 seeds. An invalid reply is "
            "the environment's business; after 10 in a row the player forfeits. A reply on which the environment "
            "raises, or ends with rewards that aren't finite numbers within the bounds below, counts as invalid and as "
            "not said, and the player is told so. `textarena/NAME:players=3,turns=200` changes the number of players "
            "and of replies after which all get 0. What a player writes reaches the others on one line, its `[GAME]` "
            "as `(GAME)`. Observations are cut to 12,000 characters: the rules and the newest part stay.",
            "",
            "This page is written by `python docs/generate/textarena.py docs/textarena.md`.",
            "",
            "| environment | names | players | rewards | sum | known faults |",
            "|---|---|---|---|---|---|",
            *(_played(row) for row in played),
            "",
            "## Not playable",
            "",
            "| environment | names | reason |",
            "|---|---|---|",
            *(f"| {r.folder} | {_names(r)} | {BROKEN[r.folder]} |" for r in everything if r.folder in BROKEN),
            "",
        ]
    )


def _played(row: Row) -> str:
    facts = FACTS[row.folder]
    players = ", ".join(map(str, facts.players)) if len(facts.players) < 3 else _spread(facts.players)
    faults = [FAULTS[row.folder]] if row.folder in FAULTS else []
    if row.folder in NEEDS_NEWER_PYTHON:
        faults.append(f"{why_not(row.folder, _OLDEST_PYTHON)}")
    sums = "zero" if facts.zero_sum else "any"
    rewards = f"{facts.low:g} to {facts.high:g}"
    return f"| {row.folder} | {_names(row)} | {players} | {rewards} | {sums} | {'; '.join(faults)} |"


def _spread(players: tuple[int, ...]) -> str:
    return f"{players[0]} to {players[-1]}" + (", even" if players[1] - players[0] == 2 else "")


def _names(row: Row) -> str:
    return " ".join(f"`{name}`" for name in row.names)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
