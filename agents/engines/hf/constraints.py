"""Token masks that hold a reply to a regular expression, computed by llguidance.

Tokens don't end where moves do: one may contain a whole answer with its opening, another half a character of a move.
llguidance judges every token of the vocabulary by its bytes, in a millisecond. Nothing here depends on a model.
"""

import functools
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
from llguidance.hf import from_tokenizer
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

_NUM_COMPILED = 256  # expressions kept; the same position often comes again
_ALONE = "a"  # a text with a token of its own, to see the blank that other tokens begin with


class TokenMasks:
    """The tokens that may continue a reply.

    Args:
        tokenizer: a transformers tokenizer.
        num_tokens: size of the model's vocabulary, which may be larger than the tokenizer's.
        end_ids: tokens that end a turn.
    """

    def __init__(self, tokenizer: Any, num_tokens: int, end_ids: frozenset[int]) -> None:
        self._num_tokens = num_tokens
        self._end_ids = sorted(end_ids)
        self._tokenizer = _read_tokenizer(tokenizer, self._end_ids)
        self._matcher = functools.lru_cache(_NUM_COMPILED)(self._compile)

    def allow(self, ids: list[int], pattern: str) -> NDArray[np.bool_]:
        """Whether each token of the vocabulary may follow.

        Args:
            ids: the reply so far.
            pattern: a regular expression, which the whole reply matches; after that only an end of turn may follow.
        """
        matcher = self._matcher(pattern)
        matcher.reset()
        allowed = np.zeros(self._num_tokens, dtype=np.bool_)
        if matcher.consume_tokens(ids) and not matcher.is_stopped():
            packed = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            known = np.unpackbits(packed, bitorder="little")[: self._num_tokens]
            allowed[: len(known)] = known
            allowed[self._end_ids] = matcher.is_accepting()
        if not allowed.any():
            allowed[self._end_ids] = True
        return allowed

    def _compile(self, pattern: str) -> LLMatcher:
        matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_regex(pattern), log_level=0)
        assert not matcher.is_error(), f"{pattern!r}: {matcher.get_error()}"
        return matcher


class _Texts:
    """The vocabulary of a tokenizer of a kind that llguidance doesn't read, by its tokens' texts."""

    def __init__(self, tokenizer: Any, end_ids: list[int]) -> None:
        self.eos_token_id = end_ids[0]
        self.bos_token_id = None
        self.special_token_ids = sorted({*end_ids, *tokenizer.all_special_ids})
        self.tokens = [text.encode() for text in _list_texts(tokenizer)]
        special = set(self.special_token_ids)
        self._ids = {text: k for k, text in enumerate(self.tokens) if text and k not in special}
        self._longest = max(map(len, self._ids))

    def __call__(self, text: bytes) -> list[int]:
        """The longest tokens one after the other; the tokenizer itself would put a blank before the text."""
        found, place = list[int](), 0
        while place < len(text):
            sizes = range(min(self._longest, len(text) - place), 0, -1)
            size = next((n for n in sizes if text[place : place + n] in self._ids), 0)
            if not size:
                break
            found.append(self._ids[text[place : place + size]])
            place += size
        return found


def _read_tokenizer(tokenizer: Any, end_ids: list[int]) -> LLTokenizer:
    if isinstance(tokenizer, PreTrainedTokenizerFast):
        try:
            return from_tokenizer(tokenizer, eos_token=end_ids)
        except ValueError:  # an unknown kind of decoder
            pass
    return LLTokenizer(TokenizerWrapper(_Texts(tokenizer, end_ids)))


def _list_texts(tokenizer: Any) -> list[str]:
    """The text of each token inside a text. Decoded alone, SentencePiece's tokens lose their leading space."""
    before = tokenizer.convert_tokens_to_ids(_ALONE)
    if before is None or tokenizer.decode([before, before]) != _ALONE * 2:
        return list(tokenizer.batch_decode([[k] for k in range(len(tokenizer))], skip_special_tokens=False))
    both = tokenizer.batch_decode([[before, k] for k in range(len(tokenizer))], skip_special_tokens=False)
    return [text.removeprefix(_ALONE) for text in both]
