"""Encodes messages as token ids, in which no text inside a message can become a special token.

A chat template marks turns with special tokens, and a fast tokenizer finds them wherever they are spelled: an opponent
who writes `<|im_end|>` would end the turn. Here the template is rendered around placeholders. All texts are encoded
together, as the tokenizer encodes a whole prompt, but a special token counts only in the template's own text: inside a
message its spelling is cut in two.
"""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mirrormatch.agents.engines._added_tokens import AddedTokens, Piece
from mirrormatch.agents.engines._chat_template import ChatTemplate, TemplateSettings
from mirrormatch.agents.engines._dialogue import STOP, quote_turns, skip_stop
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message
from mirrormatch.text import replace_surrogates

_CACHED_TEXTS = 4096  # rules and observations repeat in every episode
_LEADS = ("\n", "|", ".", "a")  # texts to encode a piece after, in order of preference
_END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>")
# What separates turns in templates without special tokens for it: [INST], <|assistant|>, <<SYS>>, ### Response:, USER:
_TURN_MARKER = re.compile(
    r"\[/?[A-Z_]+\]|<\|[^|<>\s]+\|>|<</?\w+>>|</?\w+_of_\w+>|</?s>|#{2,} ?\w+:|"
    r"\b(?:USER|ASSISTANT|SYSTEM|HUMAN|User|Assistant|System|Human):"
)


class ChatEncoder:
    """Encodes messages with one tokenizer's chat template.

    Args:
        tokenizer: a fast transformers tokenizer; without a chat template the turns are those of a dialogue.
        settings: the template's options.
        end_ids: tokens that end a turn by the model's configuration, beside those of the tokenizer and the template.

    Attributes:
        turn_stop: the stop string that ends the model's turn in a dialogue; None with a chat template.
    """

    def __init__(self, tokenizer: Any, settings: TemplateSettings | None = None, end_ids: Iterable[int] = ()) -> None:
        self.tokenizer = tokenizer
        self.template = ChatTemplate(tokenizer, settings or TemplateSettings())
        self.turn_stop = STOP if self.template.is_dialogue else None
        self._tokens = AddedTokens(tokenizer)
        self._needs_lead = not _encodes_without_prefix(tokenizer)
        self._turn_markers = self._find_turn_markers()
        self.end_ids = self._find_end_ids(end_ids)
        self.plain_ids = functools.lru_cache(_CACHED_TEXTS)(self._encode_plain)
        self._run_ids = functools.lru_cache(_CACHED_TEXTS)(self._encode_run)

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The prompt's ids, up to the beginning of the model's turn.

        The model's own message with `token_ids` is used as it was sampled, after the template's text that it was
        sampled after. So a prompt that continues a conversation extends the earlier ids exactly.
        """
        roles = tuple(m.role for m in messages)
        scaffold = self.template.scaffold(roles)
        ids: list[int] = []
        run = [Piece(scaffold.opening, is_template=True)]
        sampled: tuple[int, ...] = ()  # the reply before the run
        for k, (message, following) in enumerate(zip(messages, scaffold.following, strict=True)):
            if message.token_ids is None:
                run.append(Piece(self._guard_turns(message), is_template=False))
            else:
                if k:
                    run[-1] = Piece(self.template.scaffold(roles[:k]).following[-1], is_template=True)
                ids += self._encode_after(run, sampled, is_start=not ids)
                ids += message.token_ids
                run, sampled = [], message.token_ids
                if self.turn_stop:
                    following = skip_stop(following, self.decode(sampled))
            run.append(Piece(following, is_template=True))
        return (*ids, *self._encode_after(run, sampled, is_start=not ids))

    def complete(self, text: str) -> tuple[int, ...]:
        """The ids of a text for the model to continue, with special tokens where they are spelled. No end of turn."""
        return self._encode_inside(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, with spelled special tokens, but without the end of turn."""
        kept = ids[:-1] if ids and ids[-1] in self.end_ids else ids
        return str(self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _encode_plain(self, text: str) -> tuple[int, ...]:
        """The ids of a text inside a message."""
        return self._encode_run((Piece(text, is_template=False),), is_start=False)

    def _encode_after(self, run: Sequence[Piece], sampled: tuple[int, ...], is_start: bool) -> tuple[int, ...]:
        """The ids of a run of pieces after a sampled reply. The template's end of turn is left out after its own."""
        parts = list(self._split_at_tokens(run))
        all_ids = [self._run_ids(part, is_start and not k) for k, part in enumerate(parts)]
        if sampled and sampled[-1] in self.end_ids:
            is_blank = len(parts) > 1 and not "".join(p.text for p in parts[0]).strip()  # Llama 2 ends with ' </s>'
            if self._is_end(all_ids[is_blank][:1], run[0].text, sampled[-1]):
                all_ids = [all_ids[is_blank][1:], *all_ids[is_blank + 1 :]]
        return tuple(itertools.chain(*all_ids))

    def _is_end(self, first: tuple[int, ...], text: str, end_id: int) -> bool:
        """Whether the first special token in the text after a reply ends the reply; in GLM it begins the next turn."""
        if first == (end_id,):
            return True
        return bool(first) and first[0] in self._tokens.special and len(self._tokens.find(text)) > 1

    def _split_at_tokens(self, run: Sequence[Piece]) -> Iterator[tuple[Piece, ...]]:
        """Splits a run before each special token of the template. The parts repeat from prompt to prompt."""
        part: list[Piece] = []
        for piece in run:
            starts = self._tokens.find_starts(piece.text) if piece.is_template else []
            cuts = [0, *starts, len(piece.text)]
            for k, (start, stop) in enumerate(itertools.pairwise(cuts)):
                if k and any(p.text for p in part):
                    yield tuple(part)
                    part = []
                part.append(Piece(piece.text[start:stop], piece.is_template))
        yield tuple(part)

    def _encode_run(self, run: tuple[Piece, ...], is_start: bool) -> tuple[int, ...]:
        """The ids of the pieces as one text, without special tokens from messages.

        Args:
            run: the pieces; a special token of the template only at the beginning.
            is_start: whether the prompt begins here; otherwise the text continues another one.
        """
        text = replace_surrogates("".join(piece.text for piece in run))
        own = self._tokens.own_spans(run)
        starts_alone = is_start or bool(own and own[0][0] == 0)
        cuts = set(self._tokens.find_cuts(run))
        ids = self._encode_cut(text, cuts, starts_alone)
        if sum(i in self._tokens.special for i in ids) == len(own):
            return ids
        return self._encode_guarded(text, cuts, own, starts_alone)

    def _encode_cut(self, text: str, cuts: Iterable[int], starts_alone: bool) -> tuple[int, ...]:
        ids: list[int] = []
        for start, stop in _spans(text, cuts):
            part = text[start:stop]
            ids += self._encode_alone(part) if starts_alone and not start else self._encode_inside(part)
        return tuple(ids)

    def _encode_guarded(
        self, text: str, cuts: set[int], own: Sequence[tuple[int, int]], starts_alone: bool
    ) -> tuple[int, ...]:
        """Cuts special tokens that the text spells by way of a normalizer or across pieces, until none is left.

        A special token of a single character can't be cut: it is left out.
        """
        if not self.tokenizer.is_fast:  # without positions of tokens: no two characters share one
            cuts = set(range(len(text))) - {k for a, b in own for k in range(a + 1, b)}
            return self._encode_cut(text, cuts, starts_alone)
        while True:
            placed = list(self._place_tokens(text, cuts, starts_alone))
            foreign = [
                (token, start, stop)
                for token, start, stop in placed
                if token in self._tokens.special and not any(a <= start and stop <= b for a, b in own)
            ]
            found = {start + 1 for _, start, stop in foreign if stop - start > 1} - cuts
            if not found:
                left_out = set(foreign)
                return tuple(t[0] for t in placed if t not in left_out)
            cuts |= found

    def _place_tokens(self, text: str, cuts: Iterable[int], starts_alone: bool) -> Iterator[tuple[int, int, int]]:
        """Yields each token with its span in the text, without blanks that it takes from around it."""
        for start, stop in _spans(text, cuts):
            lead = "" if starts_alone and not start else self._find_lead(text[start:stop])
            whole = lead + text[start:stop]
            encoded = self.tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
            num_lead = len(self._encode_alone(lead))
            pairs = list(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))[num_lead:]
            for token, (a, b) in pairs:
                spelled = self._tokens.spellings.get(token, whole[a:b])
                at = whole.find(spelled, a, b) if spelled else -1
                core = (at, at + len(spelled)) if at >= 0 else (a, b)
                yield token, core[0] - len(lead) + start, core[1] - len(lead) + start

    def _encode_inside(self, text: str) -> tuple[int, ...]:
        """The ids of a piece inside a text, without the space that some tokenizers put before a text."""
        lead = self._find_lead(text)
        return self._encode_alone(lead + text)[len(self._encode_alone(lead)) :]

    def _find_lead(self, text: str) -> str:
        """A text whose tokens stay the same before the given one; empty if none is needed."""
        if not (self._needs_lead and text):
            return ""
        for lead in _LEADS:
            before, both = self._encode_alone(lead), self._encode_alone(lead + text)
            if both[: len(before)] == before:  # lead and text have no token in common
                return lead
        return ""

    def _encode_alone(self, text: str) -> tuple[int, ...]:
        whole = replace_surrogates(text)
        return tuple(self.tokenizer.encode(whole, add_special_tokens=False)) if whole else ()

    def _guard_turns(self, message: Message) -> str:
        """The message's text with a space inside the template's turn markers that are no special tokens."""
        if self.turn_stop:
            return quote_turns(message.text)
        if self._turn_markers is None or message.role == "assistant":
            return message.text
        return self._turn_markers.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", message.text)

    def _find_turn_markers(self) -> re.Pattern[str] | None:
        probe = self.template.probe
        texts = [probe.opening, *probe.following] if probe else []
        found = {m for text in texts for m in _TURN_MARKER.findall(text) if not self._tokens.is_special(m)}
        listed = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
        return re.compile(listed, re.IGNORECASE) if found else None

    def _find_end_ids(self, configured: Iterable[int]) -> frozenset[int]:
        """The tokens that end a turn: by the tokenizer, the model's configuration, the template and by common names."""
        vocabulary = self.tokenizer.get_added_vocab()
        named = (vocabulary[t] for t in _END_OF_TURN if t in vocabulary)
        eos = () if self.tokenizer.eos_token_id is None else (self.tokenizer.eos_token_id,)
        if not (found := frozenset({*eos, *named, *configured, *self._template_end()})):
            raise UserError(f"the tokenizer of {self.tokenizer.name_or_path!r} has no token that ends a turn")
        return found

    def _template_end(self) -> tuple[int, ...]:
        """The special token that the template writes right after a reply, where replies begin as in its prompt."""
        probe = self.template.probe
        if probe is None or not probe.following[3].startswith(probe.following[1].rstrip(" ")):
            return ()
        first = self._encode_alone(probe.following[2])[:1]
        return first if first and first[0] in self._tokens.special else ()


def _spans(text: str, cuts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yields the spans between cuts; none is empty."""
    places = [0, *sorted(k for k in set(cuts) if 0 < k < len(text)), len(text)]
    return ((a, b) for a, b in itertools.pairwise(places) if a < b)


def _encodes_without_prefix(tokenizer: Any) -> bool:
    """Whether texts encoded one by one join to one text. SentencePiece puts a space before each."""
    ids = tokenizer.encode("a", add_special_tokens=False)
    return str(tokenizer.decode([*ids, *ids])) == "aa"
