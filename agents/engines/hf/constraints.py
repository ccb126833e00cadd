"""Token masks that force the answer to be one of the choices.

Tokens don't end where moves do: one may contain a whole answer with its opening, another half a move. So a token is
judged by the text that it would lead to. Nothing here depends on a model.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from mirrormatch.agents.engines._types import Constraint


class Permit(NamedTuple):
    """Tokens that may come next, and no others (`only`), or tokens that may not."""

    ids: list[int]
    only: bool


class TokenTexts:
    """The text of each token of a tokenizer.

    Args:
        tokenizer: a transformers tokenizer.
        num_tokens: size of the model's vocabulary, which may be larger than the tokenizer's.
        end_ids: tokens that end a turn.
    """

    def __init__(self, tokenizer: Any, num_tokens: int, end_ids: frozenset[int]) -> None:
        known = min(num_tokens, len(tokenizer))
        self._texts = _token_texts(tokenizer, known)
        self._by_text: dict[str, list[int]] = defaultdict(list)
        for token, text in enumerate(self._texts):
            if token not in end_ids:
                self._by_text[text].append(token)
        self._end_ids = sorted(end_ids)
        self._with: dict[str, list[int]] = {}

    def permit(self, text: str, constraint: Constraint) -> Permit:
        """The tokens that may follow a text.

        Args:
            text: the reply so far.
            constraint: before its opening every token but an end is allowed; then one of the choices with the closing,
                and then the end.
        """
        _, opened, inside = text.rpartition(constraint.opening) if constraint.opening else ("", "", text)
        answers = [choice + constraint.closing for choice in constraint.choices]
        if constraint.opening and not opened:
            return Permit([*self._end_ids, *self._spoiling_tokens(text, constraint.opening, answers)], only=False)
        rests = {answer[len(inside) :] for answer in answers if answer.startswith(inside)}
        beginnings = {rest[:k] for rest in rests for k in range(1, len(rest) + 1)}
        allowed = [token for beginning in beginnings for token in self._by_text.get(beginning, ())]
        ends = self._end_ids if "" in rests or not allowed else ()
        return Permit(sorted({*allowed, *ends}), only=True)

    def _spoiling_tokens(self, text: str, opening: str, answers: Sequence[str]) -> list[int]:
        """The tokens that contain the opening's end and continue it with anything but a choice."""
        tail = text[-(len(opening) - 1) :] if len(opening) > 1 else ""
        return [
            token
            for token in self._tokens_with(opening[-1])
            if _opens_other_answer(tail + self._texts[token], opening, answers)
        ]

    def _tokens_with(self, character: str) -> list[int]:
        if character not in self._with:
            self._with[character] = [token for token, text in enumerate(self._texts) if character in text]
        return self._with[character]


def _token_texts(tokenizer: Any, num: int) -> list[str]:
    """The text of each token inside a text. Decoded alone, SentencePiece's tokens lose their leading space."""
    before = tokenizer.convert_tokens_to_ids("a")
    if before is None or tokenizer.decode([before, before]) != "aa":
        return list(tokenizer.batch_decode([[k] for k in range(num)], skip_special_tokens=False))
    both = tokenizer.batch_decode([[before, k] for k in range(num)], skip_special_tokens=False)
    return [text.removeprefix("a") for text in both]


def _opens_other_answer(text: str, opening: str, answers: Sequence[str]) -> bool:
    _, opened, inside = text.partition(opening)
    return bool(opened) and not any(answer.startswith(inside) for answer in answers)
