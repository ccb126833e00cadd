"""Episodes in words: results, moves and long texts, the same on the terminal and in a report."""

from collections.abc import Sequence
from typing import Final

from mirrormatch.agents.types import Episode, Turn
from mirrormatch.text import cut_text, one_line, printable

MAX_TEXT_CHARS: Final = 4_000  # of a reply or an observation
MAX_LINE_CHARS: Final = 200  # of a move or a problem
_RETURN_DECIMALS: Final = 3  # 1/3 is +0.333


def result_sentence(episode: Episode, roles: Sequence[str]) -> str:
    """Every role's return and outcome: `"first +2 (win), second -2 (loss)."`, and a forfeit if there was one."""
    parts = [
        f"{role} {format_return(value)} ({outcome})"
        for role, value, outcome in zip(roles, episode.returns, episode.outcome, strict=True)
    ]
    return " ".join(filter(None, [f"{', '.join(parts)}.", forfeit_sentence(episode, roles)]))


def forfeit_sentence(episode: Episode, roles: Sequence[str]) -> str:
    """The role that forfeited the game; empty where the game was played to its end."""
    if episode.forfeited_by is None:
        return ""
    return f"{roles[episode.forfeited_by].capitalize()} made no legal move and forfeits."


def format_return(value: float) -> str:
    """A return with its sign and without trailing zeros: +2, 0, -0.5, +0.333."""
    short = round(value, _RETURN_DECIMALS)
    return f"{short:+.10g}" if short else "0"


def describe_move(turn: Turn) -> str:
    """The move, or the problem with the reply, on one line."""
    if turn.problem is not None:
        return f"no move: {one_line(turn.problem.detail, MAX_LINE_CHARS)} ({turn.problem.kind})"
    return one_line(turn.action or "", MAX_LINE_CHARS)


def shorten_text(text: str) -> str:
    """The printable text, cut after `MAX_TEXT_CHARS` characters with the number of those left out."""
    return cut_text(printable(text).strip(), MAX_TEXT_CHARS)
