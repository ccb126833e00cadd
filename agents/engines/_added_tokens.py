"""A tokenizer's added tokens, which it finds wherever they are spelled: special ones, and ordinary line breaks too.

Only special tokens are kept out of messages. Gemma adds line breaks and tabs as tokens, which a board needs.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

TAG = re.compile(r"(?s)[<\[{|\uff5c].+[>\]}|\uff5c]")  # the form of <think> and <tool_call>, which aren't flagged

_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")  # what a character outside of the vocabulary is encoded as


class Piece(NamedTuple):
    """A part of a prompt's text: the template's own, or inside a message."""

    text: str
    is_template: bool


class AddedTokens:
    """The added tokens of one tokenizer.

    Attributes:
        special: ids that no message's text may become: tokens flagged as special, and those in the form of tags.
        spellings: the text of each added token, by id.

    Args:
        tokenizer: a transformers tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        added = tokenizer.added_tokens_decoder
        flagged = set(tokenizer.all_special_ids)
        coded = {k for k, token in added.items() if _BYTE.fullmatch(token.content)}
        marked = {k for k, token in added.items() if token.special or k in flagged or TAG.fullmatch(token.content)}
        marked -= coded
        self.spellings: dict[int, str] = {k: token.content for k, token in added.items()}
        self.special = frozenset(marked - {tokenizer.unk_token_id})  # unknown characters of a text become that one
        blank = {k for k, token in added.items() if token.lstrip or token.rstrip}  # they swallow blanks around them
        altered = blank | coded  # ordinary tokens that a text doesn't survive
        self._in_template = _any_of(added[k].content for k in marked)
        self._in_message = _any_of((added[k].content for k in marked | altered), overlapping=True)
        self._left = frozenset(added[k].content for k in marked if added[k].lstrip)
        self._right = frozenset(added[k].content for k in marked if added[k].rstrip)

    def find(self, text: str) -> list[tuple[int, int]]:
        """The spans of special tokens in a template's text."""
        return [found.span() for found in self._in_template.finditer(text)]

    def find_starts(self, text: str) -> list[int]:
        """The positions in a template's text where a special token begins that takes no blanks from before it."""
        return [start for start, stop in self.find(text) if text[start:stop] not in self._left]

    def is_special(self, spelling: str) -> bool:
        """Whether the text is the spelling of a special token."""
        return bool(self._in_template.fullmatch(spelling))

    def find_cuts(self, pieces: Sequence[Piece]) -> Iterator[int]:
        """Yields the positions in the joined text at which spellings inside messages are cut in two."""
        position = 0
        for k, piece in enumerate(pieces):
            if not piece.is_template:
                for found in self._in_message.finditer(piece.text):
                    start = position + found.start()
                    yield start + 1
                    if len(found[1]) == 1:
                        yield start
                if k and piece.text[:1].isspace() and pieces[k - 1].text.endswith(tuple(self._right)):
                    yield position
            position += len(piece.text)
            if not piece.is_template and piece.text[-1:].isspace() and k + 1 < len(pieces):
                if pieces[k + 1].text.startswith(tuple(self._left)):
                    yield position

    def own_spans(self, pieces: Sequence[Piece]) -> list[tuple[int, int]]:
        """The spans in the joined text of the template's special tokens."""
        spans: list[tuple[int, int]] = []
        position = 0
        for piece in pieces:
            if piece.is_template:
                spans += [(position + start, position + stop) for start, stop in self.find(piece.text)]
            position += len(piece.text)
        return spans


def _any_of(texts: Iterator[str] | Any, overlapping: bool = False) -> re.Pattern[str]:
    """A pattern for any of the texts, the longest first; one that matches nothing without any text."""
    listed = "|".join(map(re.escape, sorted({t for t in texts if t}, key=len, reverse=True))) or r"(?!)"
    return re.compile(f"(?=({listed}))" if overlapping else listed)
