"""Text that players write: read as a move on its way in, quoted on its way to other players.

Reading forgives spelling: case, brackets, quotation marks, a full stop, and "I play" before the move. It doesn't
forgive any other sentence around the move: "I refuse to accept" must not accept. A reply that names two different moves
is ambiguous. Free text is untrusted: before other players see it, it is put on one line, cut to a short length and
closed in quotation marks.
"""

import re

from mirrormatch.games.types import Action, Problem, ProblemKind
from mirrormatch.text import one_line

CHAT_CHARS = 120  # length limit of a message; longer ones are cut
_DECORATION = " \t\r\n.,;:!?\"'`*_()[]{}<>$\\"
_SHOWN_CHARS = 60  # length limit of a reply in a problem's detail
_WORDS = re.compile(r"[^\s,;/|]+")
_LEAD_IN = re.compile(r"^(?:i|we)(?: will| would|['\u2019](?:ll|d))? (?:play|choose|pick|select|go with) ")


def normalise(text: str) -> str:
    """Returns the text in lower case, with single spaces and without decoration: `" [4]. "` becomes `"4"`."""
    return " ".join(text.casefold().strip(_DECORATION).split())


def read_move(text: str, legal: tuple[Action, ...], notation: dict[str, Action]) -> Action | Problem:
    """Finds the move that a short answer names.

    Args:
        text: the delimited answer, without the reasoning.
        legal: the moves allowed now.
        notation: spelling -> move, for every move of the game, legal now or not; spellings in lower case.
    """
    spelling = text if text in notation else normalise(_LEAD_IN.sub("", normalise(text)))
    move = notation.get(spelling)
    if move is not None:
        if move in legal:
            return move
        return Problem(ProblemKind.ILLEGAL, f"{move!r} is not allowed now")
    named = {notation[w] for w in map(normalise, _WORDS.findall(spelling)) if w in notation}
    if len(named) > 1:
        return Problem(ProblemKind.AMBIGUOUS, f"names {len(named)} moves: {', '.join(sorted(named))}")
    return Problem(ProblemKind.NONE, f"no move in {one_line(text, _SHOWN_CHARS)!r}")


def clean_message(text: str) -> str:
    """Puts the text on one line without double quotes and bars, cut to `CHAT_CHARS` characters."""
    return one_line(text.replace('"', "'").replace("|", "/"), CHAT_CHARS)


def quote_message(text: str) -> str:
    """Puts the cleaned text in double quotes; it contains no line break, double quote or forged closing quote."""
    return '"' + clean_message(text) + '"'
