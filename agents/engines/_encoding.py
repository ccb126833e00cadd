"""Encodes messages as token ids, in which no text inside a message can become a special token.

A chat template marks turns with special tokens, and a fast tokenizer finds them wherever they are spelled: an opponent
who writes `<|im_end|>` would end the turn. Here the template is rendered around placeholders; only its own text is
encoded with special tokens, and every message's text without.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jinja2 import TemplateError

from mirrormatch.agents.engines._dialogue import STOP, dialogue_template, quote_turns, skip_stop
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message
from mirrormatch.text import replace_surrogates

_MARK = re.compile("\ue000(\\d+)\ue001")  # private-use characters: no tokenizer or template gives them a meaning
_CACHED_TEXTS = 4096  # rules and observations repeat in every episode
_LEADS = ("\n", "|", ".", "a")  # texts to encode a piece after, in order of preference


class _Scaffold(NamedTuple):
    """A chat template's own text around some messages.

    Attributes:
        opening: the text before the first message.
        following: the text after each message, one per message.
    """

    opening: str
    following: tuple[str, ...]


class ChatEncoder:
    """Encodes messages with one tokenizer's chat template.

    Args:
        tokenizer: a fast transformers tokenizer; without a chat template the turns are those of a dialogue.

    Attributes:
        turn_stop: the stop string that ends the model's turn in a dialogue; None with a chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.turn_stop = None if tokenizer.chat_template else STOP
        self._template = tokenizer.chat_template or dialogue_template(tokenizer)
        self._added: dict[str, int] = tokenizer.get_added_vocab()
        spelled = "|".join(re.escape(t) for t in sorted(self._added, key=len, reverse=True))
        self._spelled = re.compile(f"(?=({spelled}))") if spelled else None
        self._needs_lead = not _encodes_without_prefix(tokenizer)
        self.end_ids = _find_end_ids(tokenizer)
        self.plain_ids = functools.lru_cache(_CACHED_TEXTS)(self._encode_plain)
        self._template_ids = functools.lru_cache(_CACHED_TEXTS)(self._encode_inside)
        self._opening_ids = functools.lru_cache(_CACHED_TEXTS)(self._encode_alone)
        self._scaffold = functools.lru_cache(_CACHED_TEXTS)(self._render_scaffold)

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The prompt's ids, up to the beginning of the model's turn.

        The model's own message with `token_ids` is used as it was sampled, so a prompt that continues a conversation
        extends the earlier ids exactly.
        """
        scaffold = self._scaffold(tuple(m.role for m in messages))
        ids = list(self._opening_ids(scaffold.opening))
        for message, following in zip(messages, scaffold.following, strict=True):
            own_ids = message.token_ids
            if own_ids is not None and self.turn_stop:
                following = skip_stop(following, self.decode(own_ids))
            ids += self.plain_ids(self._quote(message.text)) if own_ids is None else own_ids
            has_end = bool(own_ids and own_ids[-1] in self.end_ids)
            ids += self._encode_after_end(following) if has_end else self._template_ids(following)
        return tuple(ids)

    def complete(self, text: str) -> tuple[int, ...]:
        """The ids of a text for the model to continue, with special tokens where they are spelled. No end of turn."""
        return self._template_ids(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, with spelled special tokens, but without the end of turn."""
        kept = ids[:-1] if ids and ids[-1] in self.end_ids else ids
        return str(self.tokenizer.decode(kept, skip_special_tokens=False))

    def _quote(self, text: str) -> str:
        return quote_turns(text) if self.turn_stop else text

    def _encode_plain(self, text: str) -> tuple[int, ...]:
        """The ids of the text with every spelling of a special token cut in two."""
        ids: list[int] = []
        for piece in self._split_spellings(text):
            ids += self._encode_inside(piece)
        special = set(self._added.values())
        return tuple(i for i in ids if i not in special)

    def _split_spellings(self, text: str) -> Iterator[str]:
        start = 0
        for found in self._spelled.finditer(text) if self._spelled else ():
            yield text[start : found.start() + 1]
            start = found.start() + 1
        yield text[start:]

    def _encode_inside(self, text: str) -> tuple[int, ...]:
        """The ids of a piece inside a text, without the space that some tokenizers put before a text."""
        alone = self._encode_alone(text)
        if not (self._needs_lead and alone):
            return alone
        for lead in _LEADS:
            before, both = self._encode_alone(lead), self._encode_alone(lead + text)
            if both[: len(before)] == before:  # lead and text have no token in common
                return both[len(before) :]
        return alone

    def _encode_alone(self, text: str) -> tuple[int, ...]:
        whole = replace_surrogates(text)
        return tuple(self.tokenizer.encode(whole, add_special_tokens=False)) if whole else ()

    def _encode_after_end(self, following: str) -> tuple[int, ...]:
        """The template's text after a reply with its own end-of-turn token: the template's token is left out."""
        ids = self._template_ids(following)
        return ids[1:] if ids and ids[0] in self.end_ids else ids

    def _render_scaffold(self, roles: tuple[str, ...]) -> _Scaffold:
        marked = [{"role": role, "content": f"\ue000{k}\ue001"} for k, role in enumerate(roles)]
        name, listed = repr(self.tokenizer.name_or_path), ", ".join(roles)
        try:
            text = self.tokenizer.apply_chat_template(
                marked, tokenize=False, add_generation_prompt=True, chat_template=self._template
            )
        except TemplateError as problem:
            raise UserError(f"the chat template of {name} refuses messages of the roles {listed}: {problem}") from None
        opening, *rest = _MARK.split(text)  # the text between marks, and between each two texts a mark's number
        numbers, following = rest[::2], rest[1::2]
        if numbers != [str(k) for k in range(len(roles))]:
            raise UserError(f"the chat template of {name} drops or moves messages of the roles {listed}")
        return _Scaffold(opening, tuple(following))


def _encodes_without_prefix(tokenizer: Any) -> bool:
    """Whether texts encoded one by one join to one text. SentencePiece puts a space before each."""
    ids = tokenizer.encode("a", add_special_tokens=False)
    return str(tokenizer.decode([*ids, *ids])) == "aa"


def _find_end_ids(tokenizer: Any) -> frozenset[int]:
    """The tokens that end a turn: the end-of-sequence token and the common end-of-turn tokens."""
    vocabulary = tokenizer.get_added_vocab()
    end_of_turn = (vocabulary[t] for t in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>") if t in vocabulary)
    eos = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
    if not (found := frozenset({*eos, *end_of_turn})):
        raise UserError(f"the tokenizer of {tokenizer.name_or_path!r} has no token that ends a turn")
    return found
