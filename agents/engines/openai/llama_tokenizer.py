"""The tokenizer of a llama.cpp server, in the form of a transformers tokenizer: it encodes prompts as local models do.

The server encodes and decodes texts, but doesn't list its added tokens, which no message's text may become. They are
found by what sets them apart: the text of every token is requested once, and a text that is a token only where special
tokens are parsed, or that is one wherever it is spelled, is an added token.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from mirrormatch.agents.engines._added_tokens import TAG
from mirrormatch.agents.engines.openai.answers import TokenId
from mirrormatch.errors import UserError

Answer = TypeVar("Answer", bound=BaseModel)

_MARKER = re.compile(r"(?s)(?=[^\w\s]).{2,}[^\w\s]")  # from punctuation to punctuation, as added tokens are spelled
_SURROUNDINGS: tuple[Callable[[str], str], ...] = (lambda t: t * 2, lambda t: t[0] + t, lambda t: t + t[-1])
_CHATML = "<|im_start|>"  # of the template that llama.cpp takes for a model without one


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TokenList(_Answer):
    """The answer of POST /tokenize."""

    tokens: tuple[TokenId, ...]


class Content(_Answer):
    """The answer of POST /detokenize."""

    content: str


class Ask(Protocol):
    """Posts a request to the server and returns its parsed answer."""

    def __call__(self, path: str, body: Any, model: type[Answer], /) -> Answer: ...


class AddedToken(NamedTuple):
    """An added token with the attributes that transformers gives it; how it treats blanks isn't known here."""

    content: str
    special: bool
    lstrip: bool = False
    rstrip: bool = False


class LlamaTokenizer:
    """The part of transformers' interface of tokenizers that encoding needs.

    Attributes:
        name_or_path: the model's name, for messages.
        chat_template: the model's template; None if it has none.
        added_tokens_decoder: the added tokens by id.
        unk_token_id: None: the server encodes every text.
        is_fast: False: the server gives no positions of tokens.

    Args:
        name: the model's name.
        num_tokens: size of the vocabulary.
        template: the template that the server shows.
        bos: spelling of the token that begins a text; empty for none.
        eos: spelling of the token that ends a text; empty for none.
        ask: see `Ask`.
    """

    is_fast = False
    unk_token_id = None

    def __init__(self, name: str, num_tokens: int, template: str, bos: str, eos: str, ask: Ask) -> None:
        self.name_or_path = name
        self._ask = ask
        self._named = {"bos_token": bos, "eos_token": eos}
        self.added_tokens_decoder: dict[int, AddedToken] = self._find_added(range(num_tokens))
        vocabulary = self.get_added_vocab()
        is_default = _CHATML in template and _CHATML not in vocabulary
        self.chat_template = None if is_default else template or None
        self.eos_token_id = vocabulary.get(eos)

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of the tokens that a text becomes only where special tokens are parsed."""
        return [k for k, token in self.added_tokens_decoder.items() if token.special]

    def get_added_vocab(self) -> dict[str, int]:
        """The ids of the added tokens by their spelling."""
        return {token.content: k for k, token in self.added_tokens_decoder.items()}

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """The ids of a text, with special tokens where they are spelled."""
        return self._tokenize(text, parse_special=True, add_special=add_special_tokens)

    def decode(
        self, ids: Sequence[int], skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool = False
    ) -> str:
        """The text of ids, with spelled special tokens."""
        assert not (skip_special_tokens or clean_up_tokenization_spaces), "the server's texts are exact"
        return self._ask("/detokenize", {"tokens": list(ids)}, Content).content

    def apply_chat_template(
        self, messages: Any, *, tokenize: bool, add_generation_prompt: bool, chat_template: str, **arguments: Any
    ) -> str:
        """The text of messages by a template, rendered as transformers renders it."""
        from transformers.utils.chat_template_utils import render_jinja_template

        assert not tokenize, "the encoder tokenizes"
        given: dict[str, Any] = {**self._named, **arguments}
        texts: Any = render_jinja_template(
            [messages], chat_template=chat_template, add_generation_prompt=add_generation_prompt, **given
        )[0]
        return str(texts[0])

    def _tokenize(self, content: Any, parse_special: bool, add_special: bool = False) -> list[int]:
        body = {"content": content, "add_special": add_special, "parse_special": parse_special}
        return list(self._ask("/tokenize", body, TokenList).tokens)

    def _find_added(self, ids: Sequence[int]) -> dict[int, AddedToken]:
        separator, texts = self._spell_all(ids)
        likely = {
            k: t for k, t in texts.items() if k != separator and (t in self._named.values() or _MARKER.fullmatch(t))
        }
        plain, parsed = (self._encode_all(likely.values(), separator, is_special) for is_special in (False, True))
        found = {separator: AddedToken(texts[separator], special=True)}
        ordinary = dict[int, str]()
        for (k, text), without, parsed_ids in zip(likely.items(), plain, parsed, strict=True):
            if parsed_ids == [k] != without:
                found[k] = AddedToken(text, special=True)
            elif without == [k] and TAG.fullmatch(text) and len(set(text)) > 1:
                ordinary[k] = text
        fixed = self._find_fixed(ordinary, separator)
        return found | {k: AddedToken(text, special=False) for k, text in fixed.items()}

    def _find_fixed(self, texts: dict[int, str], separator: int) -> dict[int, str]:
        """Those of the tokens that a text becomes wherever it is spelled, in any surroundings."""
        for surround in _SURROUNDINGS:
            wholes = [surround(text) for text in texts.values()]
            encoded = self._encode_all(wholes, separator, parse_special=False)
            kept = zip(texts.items(), wholes, encoded, strict=True)
            texts = {k: text for (k, text), whole, found in kept if found.count(k) == whole.count(text)}
        return texts

    def _spell_all(self, ids: Sequence[int]) -> tuple[int, dict[int, str]]:
        """A token that separates texts in requests, and the text of every token.

        Raises:
            UserError: the server names no token whose text is no part of another's.
        """
        for spelling in filter(None, self._named.values()):
            found = self._tokenize(spelling, parse_special=True)
            others = [k for k in ids if k not in found]
            texts = self.decode(tuple(itertools.chain.from_iterable((k, *found) for k in others))).split(spelling)
            if len(found) == 1 and len(texts) == len(others) + 1:
                return found[0], {found[0]: spelling, **dict(zip(others, texts, strict=False))}
        raise UserError(f"{self.name_or_path!r} has no token that ends a turn: add ',mode=chat' to its SPEC")

    def _encode_all(self, texts: Iterable[str], separator: int, parse_special: bool) -> list[list[int]]:
        """The ids of each text, from one request in which a token separates them."""
        content = list(itertools.chain.from_iterable((text, separator) for text in texts))
        parts = list[list[int]]([[]])
        for token in self._tokenize(content, parse_special):
            if token == separator:
                parts.append([])
            else:
                parts[-1].append(token)
        return parts[:-1]
