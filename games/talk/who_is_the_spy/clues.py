"""A clue: how it is read from a reply, and which clues are allowed."""

import functools
import re
import unicodedata

from mirrormatch.games.player_text import clean_message
from mirrormatch.games.talk._binding import unwrap_statement
from mirrormatch.games.talk.who_is_the_spy.state import View
from mirrormatch.games.types import Action, Problem, ProblemKind

_NUM_CACHED = 8_192  # results of each function that is called again and again
_LABEL = re.compile(r"[*_]*(?:my )?clue *:[*_]* *", re.IGNORECASE)
_MAX_LABELS = 4


def read_clue(text: str, word: str, heard: tuple[str, ...]) -> Action | Problem:
    """Reads a clue and checks that it is allowed."""
    clue = _unwrap_clue(text)
    bare = reduce_text(clue)
    if not bare:
        return Problem(ProblemKind.NONE, "a clue has at least one letter or digit")
    if reduce_text(word) in bare:
        return Problem(ProblemKind.ILLEGAL, f"the clue contains your word: {word}")
    if bare in heard:
        return Problem(ProblemKind.ILLEGAL, "this clue was given before")
    return clue


def filter_allowed(clues: tuple[str, ...], view: View) -> list[str]:
    """The clues among these that are allowed."""
    return [clue for clue, bare in _drop_containing(view.word, clues) if bare not in view.heard]


@functools.lru_cache(_NUM_CACHED)
def reduce_text(text: str) -> str:
    """Letters and digits alone, without case and accents: `"Crème-brûlée"` is `"cremebrulee"`."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum())


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def _unwrap_clue(text: str) -> str:
    """The clue as the others will see it: without quotation marks or a label around it, on one line, cut."""
    clue = unwrap_statement(text)
    for _ in range(_MAX_LABELS):
        label = _LABEL.match(clue)
        if not label:
            break
        clue = unwrap_statement(clue[label.end() :])
    return clean_message(clue)


@functools.lru_cache(_NUM_CACHED)
def _drop_containing(word: str, clues: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The clues that don't contain the word, and each one's letters."""
    return tuple((clue, reduce_text(clue)) for clue in clues if reduce_text(word) not in reduce_text(clue))
