"""Writes the table of TextArena's environments.

Run `python docs/generate/textarena.py docs/textarena.md`.
"""

import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from mirrormatch.games.bridges.textarena import find_folder, list_registered
from mirrormatch.games.bridges.textarena.facts import BROKEN, FACTS, FAULTS, NEEDS_NEWER_PYTHON, find_reason
from mirrormatch.games.bridges.textarena.run import import_library

_OLDEST_PYTHON = (3, 11)


class Environment(NamedTuple):
    """One environment, with the names of its difficulties."""

    folder: str
    names: tuple[str, ...]


def list_environments() -> list[Environment]:
    """Every environment that TextArena registers, once, in order."""
    found = defaultdict[str, list[str]](list)
    for name, spec in list_registered().items():
        found[find_folder(spec)].append(name)
    return [Environment(of, tuple(names)) for of, names in sorted(found.items())]


def make_page() -> str:
    """Makes the page as Markdown. It is the same under every version of Python."""
    everything = list_environments()
    played = [row for row in everything if row.folder in FACTS]
    on_oldest = [row for row in played if find_reason(row.folder, _OLDEST_PYTHON) is None]
    return "\n".join(
        [
            "# TextArena's environments",
            "",
            f"Of the {len(everything)} environments that textarena {import_library().__version__} registers, "
            f"{len(on_oldest)} can be played as `textarena/NAME` under Python 3.11, and {len(played)} from Python 3.12 "
            "on. Each name has the variants `-raw` and `-train` too. `pip install 'mirrormatch[games]'` installs "
            "textarena.",
            "",
            "The rules, texts and rewards are TextArena's own. Chance draws one of 1,000 seeds. The environment "
            "handles an invalid reply; after 10 in a row the player forfeits. A reply on which the environment raises, "
            "or ends with rewards that aren't finite numbers within the bounds below, counts as invalid and is undone, "
            "and the player is informed. `textarena/NAME:players=3,turns=200` changes the number of players "
            "and of replies after which all get 0. What a player writes reaches the others on one line, its `[GAME]` "
            "as `(GAME)`. Observations are cut to 12,000 characters: the rules and the newest part stay.",
            "",
            "This page is written by `python docs/generate/textarena.py docs/textarena.md`.",
            "",
            "| environment | names | players | rewards | sum | known faults |",
            "|---|---|---|---|---|---|",
            *(_describe_environment(row) for row in played),
            "",
            "## Not playable",
            "",
            "| environment | names | reason |",
            "|---|---|---|",
            *(f"| {r.folder} | {_join_names(r)} | {BROKEN[r.folder]} |" for r in everything if r.folder in BROKEN),
            "",
        ]
    )


def _describe_environment(row: Environment) -> str:
    facts = FACTS[row.folder]
    players = ", ".join(map(str, facts.players)) if len(facts.players) < 3 else _describe_range(facts.players)
    faults = [FAULTS[row.folder]] if row.folder in FAULTS else []
    if row.folder in NEEDS_NEWER_PYTHON:
        faults.append(f"{find_reason(row.folder, _OLDEST_PYTHON)}")
    sums = "zero" if facts.zero_sum else "any"
    rewards = f"{facts.low:g} to {facts.high:g}"
    return f"| {row.folder} | {_join_names(row)} | {players} | {rewards} | {sums} | {'; '.join(faults)} |"


def _describe_range(players: tuple[int, ...]) -> str:
    return f"{players[0]} to {players[-1]}" + (", even" if players[1] - players[0] == 2 else "")


def _join_names(row: Environment) -> str:
    return " ".join(f"`{name}`" for name in row.names)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(make_page(), encoding="utf-8")
