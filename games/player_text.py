"""Text that players write: read as a move on its way in, quoted on its way to other players.

Reading forgives spelling: case, a pair of brackets or quotation marks, a full stop, and "I play" before the move. It
doesn't forgive any other sentence around the move, and no other sign: "I refuse to accept" must not accept, "[ ] bet"
is an empty box beside a word, and "<3" or ".5" is no number of a square. A reply that names two different moves
is ambiguous. Free text is untrusted: before other players see it, it is put on one line, cut to a short length and
closed in quotation marks, without any character that people can't see.
"""

import re

from mirrormatch.games.types import Action, Problem, ProblemKind
from mirrormatch.text import one_line, strip_invisible

CHAT_CHARS = 120  # length limit of a message; longer ones are cut
# The form of a message (Game.form): letters, digits and signs, without the bars, quotes and brackets that moves and
# prompts give a meaning.
LINE_FORM = "[A-Za-z0-9][ !#-;=?-Z^-z~À-ʯͰ-῿぀-퟿]{0,118}"
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("\\(", "\\)"), ("\\[", "\\]"))
QUOTES = "\"'`*_$"  # quotation marks, Markdown and LaTeX's mathematics: the same sign at both ends
_ENDINGS = ".,;:!?"  # punctuation that may follow a move
_MAX_LAYERS = 8  # of brackets and quotation marks that come off
_SHOWN_CHARS = 60  # length limit of a reply in a problem's detail
_WORDS = re.compile(r"[^\s,;/|]+")
_LEAD_IN = re.compile(r"^(?:i|we)(?: will| would|['\u2019](?:ll|d))? (?:play|choose|pick|select|go with) ")


def normalise(text: str) -> str:
    """Returns the text in lower case, with single spaces and without decoration: `" [4]. "` becomes `"4"`."""
    return " ".join(strip_decoration(text.casefold()).split())


def strip_decoration(
    text: str, brackets: tuple[tuple[str, str], ...] = BRACKETS, quotes: str = QUOTES, endings: str = _ENDINGS
) -> str:
    """Removes brackets and quotation marks in pairs around the whole text, and punctuation behind it.

    Args:
        text: the text, such as `" **[4]**. "`.
        brackets: the pairs of brackets that come off.
        quotes: the signs that come off where the text has them at both ends.
        endings: the signs that come off at the end.
    """
    text = text.strip()
    for _ in range(_MAX_LAYERS):
        inner = _strip_pair(text.rstrip(f"{endings} \t\r\n"), brackets, quotes).strip()
        if inner == text:
            return text
        text = inner
    return text


def _strip_pair(text: str, brackets: tuple[tuple[str, str], ...], quotes: str) -> str:
    """Removes one pair around the text, which must not be two quoted or bracketed parts beside each other."""
    for opening, closing in brackets:
        if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing):
            inner = text[len(opening) : -len(closing)]
            return inner if _is_balanced(inner, opening, closing) else text
    mark = text[:1]
    if not mark or mark not in quotes or text[-1] != mark:
        return text
    width = min(len(text) - len(text.lstrip(mark)), len(text) - len(text.rstrip(mark)), len(text) // 2)
    inner = text[width : len(text) - width]
    is_apostrophe = mark == "'" and "' " not in inner and " '" not in inner
    return inner if mark not in inner or is_apostrophe else text


def _is_balanced(text: str, opening: str, closing: str) -> bool:
    """Whether every closing bracket has its opening one before it, and every opening one is closed."""
    before, *parts = text.split(closing)
    depth = before.count(opening)
    for part in parts:
        depth -= 1
        if depth < 0:
            return False
        depth += part.count(opening)
    return depth == 0


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


def clean_message(text: str, limit: int = CHAT_CHARS) -> str:
    """Puts the visible text on one line without double quotes and bars, cut to `limit` characters."""
    return one_line(strip_invisible(text).replace('"', "'").replace("|", "/"), limit)


def quote_message(text: str) -> str:
    """Puts the cleaned text in double quotes; it contains no line break, double quote or forged closing quote."""
    return '"' + clean_message(text) + '"'
