"""Cleans the text that goes into an environment of TextArena and comes out of it, and draws random replies.

Moves are text in square brackets there, and the lines of the referee begin with `[GAME]`, so a player's reply is put on
one line and such tags are removed from it. textarena itself is not imported here.
"""

import functools
import random
import re

from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.text import printable, strip_invisible

REFEREE = "GAME"
MAX_REPLY_CHARS = 2_000  # length limit of a reply; longer ones are refused
MAX_HEAD_CHARS = 4_000  # length limit of the rules at the start of an observation
MAX_SHOWN_CHARS = 12_000  # length limit of an observation

_RECENT_CHARS = 1_500  # length of an observation's end that random replies are drawn from
_P_LISTED = 0.9  # probability that a listed move is copied, if there is one
_P_AS_SHOWN = 0.2  # probability that an example is copied unchanged
_P_SHOWN = 0.7  # probability that a number is one that the text shows, not one from a range that it names
_BRACKETS = re.compile(r"\[([^\[\]\n]{1,40})\]")
_SENDER = re.compile(r"^\s*\[[^\[\]\n]{1,40}\](?=[ \t])", re.MULTILINE)  # the tag that a line begins with
_LISTED = re.compile(r"(?i)\b(?:valid|available|legal|possible|allowed|options?)\b")
_RANGE = re.compile(r"\b(\d{1,3})(?:\.0)?\s*(?:-|–|to|and)\s*(\d{1,3})\b")
_NUMBER = re.compile(r"\b\d{1,2}\b")
_LETTER = re.compile(r"\b[A-Za-z]\b")
_LIST = re.compile(r"(?:\w+, )+\w+")
_TOKEN = re.compile(r"[A-Za-z]+(?=\d)|[A-Za-z_]+|\d+|[<>]")
_PLACEHOLDERS = frozenset(
    "row col column number num digit index pos position cell amount quantity face guess count bid value pile price "
    "macro micro r c i j k n x y m o l X Y M O L R".split()
)
_IDLE = ("I see.", "Let us go on.", "I agree with you.", "What do you think?", "I would rather not say.")
_OPEN, _CLOSE = "<think>", "</think>"


@functools.lru_cache(1_024)
def clean_reply(text: str) -> str | Problem:
    """Cleans a reply for the environment: no reasoning, printable, on one line, without the referee's tag."""
    if len(text) > MAX_REPLY_CHARS:
        return Problem(ProblemKind.TOO_LONG, f"{len(text)} characters, at most {MAX_REPLY_CHARS} are read")
    line = replace_tags(" ".join(strip_reasoning(text).split()), (REFEREE,))
    return line or Problem(ProblemKind.NONE, "nothing is said")


def strip_reasoning(text: str) -> str:
    """Removes the reasoning from the printable text; returns nothing where reasoning was never closed."""
    after, opened, _ = strip_invisible(printable(text)).rpartition(_CLOSE)[2].partition(_OPEN)
    return "" if opened else after


def replace_tags(text: str, names: tuple[str, ...]) -> str:
    """Turns every `[NAME]` into `(NAME)`, in any case and any nesting."""
    return _tag_pattern(names).sub(r"(\1)", text)


@functools.lru_cache(256)
def _tag_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\[\s*({'|'.join(map(re.escape, sorted({*names, REFEREE})))})\s*\]", re.IGNORECASE)


def cut_text(text: str, head: str) -> str:
    """Cuts a text that is too long: the oldest part after the head is left out.

    Args:
        text: all messages to a role.
        head: the part at the start that is kept, the rules.
    """
    text, head = text.strip("\n"), head.strip("\n")
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    start = text.find(head) + len(head) if head and head in text[: 2 * len(head)] else 0
    kept = text[: min(start, MAX_HEAD_CHARS)]
    tail = text[-(MAX_SHOWN_CHARS - len(kept)) :]
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail[: len(tail) // 2] else tail
    num_cut = len(text) - len(kept) - len(tail)
    return f"{kept}\n(... {num_cut} characters of what came then are left out ...)\n{tail}".lstrip("\n")


def draw_reply(text: str, rng: random.Random) -> str:
    """Draws a plausible reply: a move that the text lists, or a shown one with other numbers and letters."""
    recent = text[-_RECENT_CHARS:]
    listed = _find_brackets(recent, only_listed=True)
    if listed and rng.random() < _P_LISTED:
        return f"[{_fill_placeholders(rng.choice(listed), recent, rng, only_placeholders=True)}]"
    shown = _find_brackets(recent, only_listed=False) or _find_brackets(text, only_listed=False)
    if shown:
        return f"[{_fill_placeholders(rng.choice(shown), recent, rng, only_placeholders=rng.random() < _P_AS_SHOWN)}]"
    words = [word for words in _LIST.findall(text) for word in words.split(", ")]
    return f"[{rng.choice(words)}]" if words and rng.random() < _P_SHOWN else rng.choice(_IDLE)


@functools.lru_cache(512)
def _find_brackets(text: str, only_listed: bool) -> tuple[str, ...]:
    """The texts in brackets, without the tags of lines; only on lines that list moves, or on all."""
    lines = _SENDER.sub("", text).split("\n")
    found = dict.fromkeys(
        words for line in lines if not only_listed or _LISTED.search(line) for words in _BRACKETS.findall(line)
    )
    return tuple(words for words in found if words.strip() and words != REFEREE)


def _fill_placeholders(words: str, text: str, rng: random.Random, only_placeholders: bool) -> str:
    """Replaces placeholders by numbers; unless `only_placeholders`, numbers and single letters by others."""
    numbers, ranges, letters = _find_values(text)
    is_example = any(c.isdigit() for c in words)  # its words aren't placeholders

    def replace(match: re.Match[str]) -> str:
        word = match.group()
        if word in "<>":
            return ""
        if (word in _PLACEHOLDERS and not is_example) or (word.isdigit() and not only_placeholders):
            return rng.choice(numbers) if numbers and rng.random() < _P_SHOWN else str(rng.randint(*rng.choice(ranges)))
        like = [letter for letter in letters if letter.isupper() == word.isupper()]
        return rng.choice(like) if len(word) == 1 and like and not only_placeholders else word

    return _TOKEN.sub(replace, words)


@functools.lru_cache(512)
def _find_values(text: str) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...], tuple[str, ...]]:
    """Numbers, ranges of numbers and single letters that the text shows."""
    ranges = {(int(a), int(b)) for a, b in _RANGE.findall(text) if int(a) < int(b)}
    numbers, letters = dict.fromkeys(_NUMBER.findall(text)), dict.fromkeys(_LETTER.findall(text))
    return tuple(numbers), tuple(sorted(ranges)) or ((0, 8),), tuple(letters)
