"""From messages to token ids, so that no text inside a message can become a special token.

A chat template marks turns with special tokens, and a fast tokenizer finds them wherever they are spelled: an opponent
who writes `<|im_end|>` would end the turn. Here the template is rendered around placeholders; only its own scaffolding
is encoded with special tokens, and every message's text without.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from jinja2 import TemplateError

from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message
from mirrormatch.text import replace_surrogates

_MARK = re.compile("\ue000(\\d+)\ue001")  # private-use characters: no tokenizer or template gives them a meaning
_CACHED_TEXTS = 4096  # rules and observations repeat in every episode
_LEADS = ("\n", "|", ".", "a")  # what may stand before a piece while it is encoded


class ChatEncoder:
    """Encodes messages with one tokenizer's chat template.

    Args:
        tokenizer: a fast transformers tokenizer with a chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        if not tokenizer.chat_template:
            raise UserError(f"{tokenizer.name_or_path!r} has no chat template: its tokenizer can't tell turns apart")
        self.tokenizer = tokenizer
        self._added: dict[str, int] = tokenizer.get_added_vocab()
        spelled = "|".join(re.escape(t) for t in sorted(self._added, key=len, reverse=True))
        self._spelled = re.compile(f"(?=({spelled}))") if spelled else None
        self._joins = _encodes_without_prefix(tokenizer)
        self.end_ids = _find_end_ids(tokenizer)
        self.plain_ids = functools.lru_cache(_CACHED_TEXTS)(self._plain_ids)
        self._template_ids = functools.lru_cache(_CACHED_TEXTS)(self._encode_inside)
        self._first_ids = functools.lru_cache(_CACHED_TEXTS)(self._encode_alone)
        self._scaffold = functools.lru_cache(_CACHED_TEXTS)(self._render_scaffold)

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The prompt's ids, up to where the model's turn begins.

        A message of the model's own that carries `token_ids` is used as it was sampled, so that a prompt which
        continues a conversation extends the earlier ids exactly.
        """
        scaffold = self._scaffold(tuple(m.role for m in messages))
        ids: list[int] = []
        ended = False
        for k, piece in enumerate(scaffold):
            if k % 2 == 0:
                encoded = self._first_ids if k == 0 else self._encode_after_end if ended else self._template_ids
                ids += encoded(piece)
                continue
            message = messages[int(piece)]
            own = message.token_ids
            ids += self.plain_ids(message.text) if own is None else own
            ended = bool(own) and own[-1] in self.end_ids if own is not None else False
        return tuple(ids)

    def complete(self, text: str) -> tuple[int, ...]:
        """The ids of a text that the model itself is to say: its special spellings count. No end-of-turn token."""
        return self._template_ids(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, special spellings included, the end of turn left out."""
        kept = ids[:-1] if ids and ids[-1] in self.end_ids else ids
        return str(self.tokenizer.decode(kept, skip_special_tokens=False))

    def _plain_ids(self, text: str) -> tuple[int, ...]:
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
        """The ids of a piece that stands in the middle of a text: a tokenizer may begin a text with a space."""
        alone = self._encode_alone(text)
        if self._joins or not alone:
            return alone
        for lead in _LEADS:
            before, both = self._encode_alone(lead), self._encode_alone(lead + text)
            if both[: len(before)] == before:  # it has not become one token with what follows
                return both[len(before) :]
        return alone

    def _encode_alone(self, text: str) -> tuple[int, ...]:
        whole = replace_surrogates(text)
        return tuple(self.tokenizer.encode(whole, add_special_tokens=False)) if whole else ()

    def _encode_after_end(self, scaffold: str) -> tuple[int, ...]:
        """The scaffolding after a reply that brought its own end-of-turn token: the template's is left out."""
        ids = self._template_ids(scaffold)
        return ids[1:] if ids and ids[0] in self.end_ids else ids

    def _render_scaffold(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        """Scaffolding and message numbers in turn, scaffolding first and last."""
        marked = [{"role": role, "content": f"\ue000{k}\ue001"} for k, role in enumerate(roles)]
        name, said = self.tokenizer.name_or_path, ", ".join(roles)
        try:
            text = self.tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=True)
        except TemplateError as problem:
            raise UserError(f"the chat template of {name!r} refuses messages of the roles {said}: {problem}") from None
        pieces = tuple(_MARK.split(text))
        if [int(k) for k in pieces[1::2]] != list(range(len(roles))):
            raise UserError(f"the chat template of {name!r} drops or moves messages of the roles {said}")
        return pieces


def _encodes_without_prefix(tokenizer: Any) -> bool:
    """Whether texts that are encoded one by one join to one text. SentencePiece's put a space before each."""
    ids = tokenizer.encode("a", add_special_tokens=False)
    return str(tokenizer.decode([*ids, *ids])) == "aa"


def _find_end_ids(tokenizer: Any) -> frozenset[int]:
    """The tokens that end a turn: the end-of-sequence token and the common end-of-turn spellings."""
    vocabulary = tokenizer.get_added_vocab()
    named = (vocabulary[t] for t in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>") if t in vocabulary)
    eos = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
    if not (found := frozenset({*eos, *named})):
        raise UserError(f"the tokenizer of {tokenizer.name_or_path!r} has no token that ends a turn")
    return found
