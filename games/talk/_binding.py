"""The parts of a move in games of talk: a binding command, and free words beside it.

A move is written `binding | words`. Only the binding part has an effect; the words are cleaned and shown to the others.
"""

import re
from collections.abc import Sequence

from mirrormatch.games.player_text import CHAT_CHARS, clean_message
from mirrormatch.games.types import Action
from mirrormatch.text import one_line

AROUND = " \t\r\n,;\"'`*_[]{}<>$\\"  # characters that may enclose a statement

_READ_CHARS = 4 * CHAT_CHARS  # length limit of a statement before the characters around it are removed
_SEPARATORS = re.compile(r"(?:\s*(?:,|\+|&|\band\b)\s*|\s+)")


def split_move(text: str) -> tuple[str, str]:
    """Splits `binding | words` at its first bar and cleans the words."""
    binding, _, words = text.partition("|")
    return binding, clean_message(words) if words else ""


def join_move(binding: str, words: str) -> Action:
    """Joins the two parts in the canonical spelling; without words there is no bar."""
    return f"{binding} | {words}" if words else binding


def unwrap_statement(text: str) -> str:
    """Puts a statement on one line, without the quotation marks and brackets around it."""
    return one_line(text, _READ_CHARS).strip(AROUND)


def amount_pattern(names: Sequence[str]) -> re.Pattern[str]:
    """Pattern of a number and one of the names, which may be in the plural: `"2 books"`."""
    return re.compile(rf"(\d{{1,3}}) ({'|'.join(names)})s?")


def read_amounts(text: str, names: Sequence[str], pattern: re.Pattern[str]) -> tuple[int, ...] | None:
    """Reads the amount of each name; None where the text holds anything else or names one twice.

    Args:
        text: such as `"2 wood and 1 gold"`.
        names: the names in order.
        pattern: their `amount_pattern`.
    """
    found = pattern.findall(text)
    rest = _SEPARATORS.sub("", pattern.sub(" ", text))
    amounts = {name: int(n) for n, name in found}
    if rest or not found or len(amounts) < len(found):
        return None
    return tuple(amounts.get(name, 0) for name in names)
