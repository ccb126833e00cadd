"""The parts of a move in games of talk: a binding command, and free words beside it.

A move is written `binding | words`. Only the binding part has an effect; the words are cleaned and shown to the others.
"""

import operator
import re
from collections.abc import Sequence

from mirrormatch.games.player_text import BRACKETS, CHAT_CHARS, LINE_FORM, QUOTES, clean_message, strip_decoration
from mirrormatch.games.types import Action

WORDS_FORM = rf"( \| {LINE_FORM})?"  # the form of words that may follow a binding part

_BRACKETS = tuple(pair for pair in BRACKETS if pair[0] != "(")  # a remark in parentheses keeps them
_READ_CHARS = 4 * CHAT_CHARS  # length limit of a statement before the characters around it are removed
_SEPARATORS = re.compile(r"(?:\s*(?:,|\+|&|\band\b)\s*|\s+)")


def split_move(text: str) -> tuple[str, str]:
    """Splits `binding | words` at its first bar and cleans the words; a pair of marks around both parts comes off."""
    binding, _, words = strip_decoration(text, endings="").partition("|")
    return binding, clean_message(words) if words else ""


def join_move(binding: str, words: str) -> Action:
    """Joins the two parts in the canonical spelling; without words there is no bar."""
    return f"{binding} | {words}" if words else binding


def unwrap_statement(text: str) -> str:
    """Puts a statement on one line, cleaned but not cut, without a pair of quotation marks or brackets around it."""
    return strip_decoration(clean_message(text, _READ_CHARS), _BRACKETS, QUOTES, endings=",;")


def amount_pattern(names: Sequence[str]) -> re.Pattern[str]:
    """Pattern of a number and one of the names, which may be in the plural: `"2 books"`."""
    return re.compile(rf"(\d{{1,3}}) ({'|'.join(names)})s?")


def amounts_form(names: Sequence[str], most: Sequence[int]) -> str:
    """The form of at least one amount, each up to the most of its name; empty if there is nothing of any."""
    items = [f"[1-{n}] {name}s?" for name, n in zip(names, most, strict=True) if n]
    rest = ["".join(f"( {item})?" for item in items[k + 1 :]) for k in range(len(items))]
    return f"({'|'.join(map(operator.add, items, rest))})" if items else ""


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
