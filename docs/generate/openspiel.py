"""Writes the table of OpenSpiel's games.

Run `python docs/generate/openspiel.py docs/openspiel.md`.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from mirrormatch.games.bridges.openspiel import BRIDGE
from mirrormatch.games.types import Info


def make_page() -> str:
    """Makes the page as Markdown."""
    names, unavailable = BRIDGE.names(), BRIDGE.unavailable()
    return "\n".join(
        [
            "# OpenSpiel's games",
            "",
            f"Of the {len(names) + len(unavailable)} games that OpenSpiel {version('open_spiel')} registers, "
            f"{len(names)} can be played as `openspiel/NAME`, with parameters as in `openspiel/leduc_poker:players=3`. "
            "`pip install 'mirrormatch[games]'` installs it.",
            "",
            "Rules, moves and texts are OpenSpiel's own: moves by their strings, a role's own observation or "
            "information state, chance listed and drawn by the episode's seed, simultaneous moves one after the other "
            "unseen. `mcts` and `minimax` play those that hide nothing (`minimax` if they are zero-sum and for two), "
            "`cfr` the small ones that are zero-sum and for two.",
            "",
            "This page is written by `python docs/generate/openspiel.py docs/openspiel.md`.",
            "",
            "| game | players | kind | hidden | chance | returns |",
            "|---|---|---|---|---|---|",
            *(_describe_game(name, BRIDGE.get(name).info) for name in names),
            "",
            "## Not playable",
            "",
            "| game | reason |",
            "|---|---|",
            *(f"| `{name}` | {reason} |" for name, reason in sorted(unavailable.items())),
            "",
        ]
    )


def _describe_game(name: str, info: Info) -> str:
    hidden, chance = ("yes" if flag else "-" for flag in (info.hidden, info.random))
    low, high = info.min_return, info.max_return
    return f"| `{name}` | {len(info.roles)} | {info.kind} | {hidden} | {chance} | {low:g} to {high:g} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(make_page(), encoding="utf-8")
