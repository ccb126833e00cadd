"""Recorded episodes as HTML: who saw what, thought what and moved."""

from collections.abc import Sequence
from typing import Final

from mirrormatch.agents.types import Episode, Turn
from mirrormatch.evals.report.curves import role_name
from mirrormatch.evals.report.markup import Html, element
from mirrormatch.text import one_line

MAX_CHARS: Final = 4_000  # of one text; nobody reads on
_LINE_CHARS: Final = 200  # of a move or a problem


def transcript(episode: Episode, number: int) -> Html:
    """One episode, turn by turn."""
    names = [role_name(episode.game, role) for role in range(len(episode.seats))]
    turns = (_turn(turn, names, episode.outcome[turn.role]) for turn in episode.turns)
    return element(
        "article",
        element("h3", f"{number}. {episode.game}", element("span", f"seed {episode.seed}", class_="unit")),
        element("ol", *turns, class_="turns"),
        element("p", _ending(episode, names), class_="ending"),
    )


def _turn(turn: Turn, names: Sequence[str], result: str) -> Html:
    moved = turn.problem is None
    if moved:
        move = element("p", "plays ", element("b", one_line(turn.action or "", _LINE_CHARS)), class_="move")
    else:
        assert turn.problem is not None
        told = f"no move: {one_line(turn.problem.detail, _LINE_CHARS)} ({turn.problem.kind})"
        move = element("p", told, class_="move bad")
    return element(
        "li",
        element("p", element("b", names[turn.role]), class_=f"who {result}"),
        element("p", _cut(turn.observation.text), class_="seen"),
        _folded("thinks", turn.thinking) if turn.thinking.strip() else None,
        None if moved else _folded("the whole reply", turn.reply),
        move,
    )


def _folded(summary: str, text: str) -> Html:
    opened = f"{summary}, {len(text):,} characters"
    return element("details", element("summary", opened), element("p", _cut(text) or "(nothing)", class_="thought"))


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}… ({len(text) - MAX_CHARS:,} more characters)"


def _ending(episode: Episode, names: Sequence[str]) -> str:
    results = (
        f"{name} {value + 0.0:+g} ({outcome})"
        for name, value, outcome in zip(names, episode.returns, episode.outcome, strict=True)
    )
    forfeit = f" {names[episode.forfeited_by]} made no move and forfeits." if episode.forfeited_by is not None else ""
    return f"{', '.join(results)}.{forfeit}"
