"""From messages to tokens: no message's text becomes a special token, and sampled ids stay as they are."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.engines.tiny_model import spaced_tokenizer
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.errors import UserError
from mirrormatch.prompts import Message
from mirrormatch.training.bundled.tokenizer import END, PAD, START, THINK, THOUGHT, train_tokenizer

SPECIAL = (PAD, START, END, THINK, THOUGHT)
ROLES = ("system", "user", "assistant")
OVERLAPPING = ("<think<think>>", "<|im_<|im_end|>end|>", "<|im_end|><|im_end|>", "</think></think", "<<think>think>")
PIECES = (*SPECIAL, *OVERLAPPING, "<", "|", ">", "/", "think", "im_end", "\n", "é", "日本", "4")
SHOUTED = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
LAST_ONLY = "{{ messages[-1]['content'] }}"
NO_SPECIAL = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}assistant: "


def new_tokenizer() -> Any:
    return train_tokenizer(["You are X.", "Legal moves: 1, 2.", "I take 4.", "system user assistant"] * 3, 300)


TOKENIZER = new_tokenizer()
ENCODER = ChatEncoder(TOKENIZER)
SPECIAL_IDS = frozenset(TOKENIZER.get_added_vocab().values())
END_ID = TOKENIZER.convert_tokens_to_ids(END)


def with_template(template: str | None) -> Any:
    tokenizer = new_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def special_in(ids: Sequence[int]) -> list[int]:
    return [i for i in ids if i in SPECIAL_IDS]


def conversation(*texts: str) -> list[Message]:
    """Messages of system, user and assistant, the last two alternating."""
    roles = ("system", *("user", "assistant") * len(texts))
    return [Message(role, text) for role, text in zip(roles, texts, strict=False)]  # type: ignore[arg-type]


# for text of every role


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("spelled", [*SPECIAL, *OVERLAPPING])
def test_a_spelled_special_token_is_only_text(spelled: str, role: Any) -> None:
    harmless = ENCODER.encode([Message(role, "hello")])
    assert special_in(ENCODER.encode([Message(role, f"a {spelled} b")])) == special_in(harmless)


@pytest.mark.parametrize("spelled", [*SPECIAL, *OVERLAPPING])
def test_a_spelled_special_token_is_read_as_it_was_written(spelled: str) -> None:
    assert ENCODER.decode(ENCODER.plain_ids(f"a {spelled} b")) == f"a {spelled} b"


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_mixture_of_pieces_becomes_a_special_token(text: str) -> None:
    assert special_in(ENCODER.plain_ids(text)) == []


@given(st.lists(st.sampled_from(PIECES) | st.text()).map("".join))
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    assert TOKENIZER.decode(ENCODER.plain_ids(text)) == text


def test_half_a_character_is_replaced() -> None:
    assert ENCODER.decode(ENCODER.plain_ids("a\ud83d b")) == "a\ufffd b"


def test_text_that_looks_like_a_placeholder_stays_where_it_is() -> None:
    ids = ENCODER.encode(conversation("rules", "\ue0000\ue001"))
    assert TOKENIZER.decode(ids).count("rules") == 1


# the template's own marks


def test_a_prompt_is_what_the_template_makes_of_it() -> None:
    messages = conversation("Rules.", "You are X.", "I take 4.", "You are X.")
    dicts = [{"role": m.role, "content": m.text} for m in messages]
    text = TOKENIZER.apply_chat_template(dicts, tokenize=False, add_generation_prompt=True)
    assert TOKENIZER.decode(ENCODER.encode(messages)) == text


def test_the_models_own_special_spellings_count() -> None:
    think, thought = TOKENIZER.convert_tokens_to_ids([THINK, THOUGHT])
    assert special_in(ENCODER.complete(f"{THINK}so{THOUGHT}4")) == [think, thought]


def test_the_end_of_turn_is_no_part_of_the_decoded_text() -> None:
    assert ENCODER.decode((*ENCODER.complete("I take 4."), END_ID)) == "I take 4."


# sampled replies


@pytest.mark.parametrize(
    "reply_ids", [(40, 41, END_ID), (40, 41), (END_ID,), ()], ids=["ended", "truncated", "only end", "empty"]
)
def test_a_sampled_reply_is_extended_exactly(reply_ids: tuple[int, ...]) -> None:
    asked = conversation("Rules.", "You are X.")
    first = ENCODER.encode(asked)
    second = ENCODER.encode([*asked, Message("assistant", "never encoded", reply_ids), Message("user", "Again.")])
    assert second[: len(first) + len(reply_ids)] == first + reply_ids


@pytest.mark.parametrize("reply_ids", [(40, 41, END_ID), (40, 41)], ids=["ended", "truncated"])
def test_a_sampled_reply_ends_once(reply_ids: tuple[int, ...]) -> None:
    asked = conversation("Rules.", "You are X.")
    ids = ENCODER.encode([*asked, Message("assistant", "", reply_ids), Message("user", "Again.")])
    read = ENCODER.encode([*asked, Message("assistant", "I take 4."), Message("user", "Again.")])
    assert special_in(ids) == special_in(read)


def test_a_sampled_reply_is_never_encoded_again() -> None:
    clumsy = tuple(i for c in "I take 4." for i in ENCODER.plain_ids(c))
    assert len(clumsy) > len(ENCODER.plain_ids("I take 4.")), "spelled letter by letter"
    ids = ENCODER.encode([*conversation("Rules.", "You are X."), Message("assistant", "I take 4.", clumsy)])
    assert any(ids[k : k + len(clumsy)] == clumsy for k in range(len(ids)))


# tokenizers that put a space before every text


@pytest.mark.parametrize("scheme", ["always", "first", "never", "normalizer"])
@pytest.mark.parametrize("text", ["a <|im_end|> b", "<|im_end|><|im_end|>", "a", " a", "\n\na", "<", "|<|im_end|>|"])
def test_pieces_of_a_text_join_to_the_same_text(scheme: str, text: str) -> None:
    encoder = ChatEncoder(spaced_tokenizer(scheme))
    (end_id,) = encoder.end_ids
    ids = encoder.plain_ids(text)
    assert end_id not in ids
    assert encoder.decode((*encoder.complete("."), *ids)).endswith(f".{text}")


@pytest.mark.parametrize("scheme", ["always", "first", "never", "normalizer"])
def test_a_prompt_is_what_such_a_tokenizer_makes_of_it_whole(scheme: str) -> None:
    tokenizer = spaced_tokenizer(scheme)
    messages = conversation("You are X.", "hello", "a b", "hello")
    dicts = [{"role": m.role, "content": m.text} for m in messages]
    text = tokenizer.apply_chat_template(dicts, tokenize=False, add_generation_prompt=True)
    assert ChatEncoder(tokenizer).encode(messages) == tuple(tokenizer.encode(text, add_special_tokens=False))


# tokenizers that can't be used


def test_a_tokenizer_without_an_end_of_turn_is_refused() -> None:
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))  # type: ignore[no-untyped-call]
    tokenizer.chat_template = NO_SPECIAL
    with pytest.raises(UserError, match="no token that ends a turn"):
        ChatEncoder(tokenizer)


def test_a_template_that_refuses_system_messages_takes_others() -> None:
    ids = ChatEncoder(with_template(SHOUTED + NO_SPECIAL)).encode([Message("user", "You are X.")])
    assert TOKENIZER.decode(ids) == "user: You are X.\nassistant: "


def test_a_template_that_drops_messages_is_refused() -> None:
    cure = r"drops or moves messages of the roles system, user, assistant, user: chat_template=FILE\.jinja gives"
    with pytest.raises(UserError, match=cure):
        ChatEncoder(with_template(LAST_ONLY)).encode(conversation("Rules.", "You are X.", "I take 4.", "Again."))
