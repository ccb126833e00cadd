"""From an answer's text to a move, without guessing.

Spelling is forgiven: case, brackets, quotation marks, a full stop. A sentence around the move isn't: "I refuse to
accept" must not accept. Where two different moves are named, the reply is ambiguous.
"""

import re

from mirrormatch.games.types import Action, Problem, ProblemKind
from mirrormatch.text import one_line

_DECORATION = " \t\r\n.,;:!?\"'`*_()[]{}<>$\\"
_SHOWN_CHARS = 60  # of a reply, in a problem's detail
_WORDS = re.compile(r"[^\s,;/|]+")


def normal(text: str) -> str:
    """Lower case, single spaces, no decoration around it: `" [4]. "` is `"4"`."""
    return " ".join(text.casefold().strip(_DECORATION).split())


def read_move(text: str, legal: tuple[Action, ...], notation: dict[str, Action]) -> Action | Problem:
    """The move that a short answer names.

    Args:
        text: the delimited answer, without the reasoning.
        legal: the moves allowed now.
        notation: spelling -> move, for every move of the game, legal now or not; spellings in lower case.
    """
    said = text if text in notation else normal(text)
    move = notation.get(said)
    if move is not None:
        if move in legal:
            return move
        return Problem(ProblemKind.ILLEGAL, f"{move!r} is not allowed now")
    named = {notation[w] for w in map(normal, _WORDS.findall(said)) if w in notation}
    if len(named) > 1:
        return Problem(ProblemKind.AMBIGUOUS, f"names {len(named)} moves: {', '.join(sorted(named))}")
    return Problem(ProblemKind.NONE, f"no move in {one_line(text, _SHOWN_CHARS)!r}")
