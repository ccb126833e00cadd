"""Any text survives encoding with any added tokens in the vocabulary, and no special token gets through."""

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agents.engines.template_tokenizers import BOS, EOS, PAD, byte_level_tokenizer
from tokenizers import AddedToken, Tokenizer, normalizers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.prompts import Message

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{{ '<|im_start|>assistant\n' }}"
)
ORDINARY = ("\n", "\n\n", "\t", "  ", "   ", " ", "hello", "the", "he", "12", "日本", "...", "- ", " a", "<b>")
SPECIAL = ("<|x|>", "<x>", "[X]", "<|im_x|>", "</x>")
TEXT_PIECES = (
    *ORDINARY,
    *SPECIAL,
    "<|im_end|>",
    "<",
    "|",
    ">",
    "x",
    "\n\n\n",
    " hello ",
    "hello\n",
    " <|x|> ",
    "I take 4.",
)
BOARD = " 1 | 2 | 3\n---+---\n\tX\n\n  4"


@functools.cache
def backend() -> str:
    return str(byte_level_tokenizer(CHATML).backend_tokenizer.to_str())


def with_added(tokens: list[AddedToken], normalizer: Any = None) -> Any:
    tokenizer = Tokenizer.from_str(backend())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    for token in tokens:
        tokenizer.add_special_tokens([token]) if token.special else tokenizer.add_tokens([token])
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BOS, eos_token=EOS
    )
    fast.chat_template = CHATML
    return fast


def special_ids(tokenizer: Any) -> set[int]:
    flagged = {k for k, token in tokenizer.added_tokens_decoder.items() if token.special}
    return flagged | {tokenizer.convert_tokens_to_ids(t) for t in SPECIAL if t in tokenizer.get_added_vocab()}


flags = st.fixed_dictionaries({name: st.booleans() for name in ("lstrip", "rstrip", "single_word", "normalized")})
ordinary_tokens = st.builds(lambda t, f: AddedToken(t, special=False, **f), st.sampled_from(ORDINARY), flags)
special_tokens = st.builds(
    lambda t, is_flagged, f: AddedToken(t, special=is_flagged, **f), st.sampled_from(SPECIAL), st.booleans(), flags
)
texts = st.lists(st.sampled_from(TEXT_PIECES) | st.text(max_size=8), max_size=8).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(ordinary_tokens | special_tokens, max_size=6), texts)
def test_any_text_survives_any_added_tokens(tokens: list[AddedToken], text: str) -> None:
    tokenizer = with_added(tokens)
    encoder = ChatEncoder(tokenizer)
    ids = encoder.plain_ids(text)
    assert encoder.decode(ids) == text
    assert not special_ids(tokenizer) & set(ids)


@settings(max_examples=100, deadline=None)
@given(st.lists(ordinary_tokens | special_tokens, max_size=6), st.lists(texts, min_size=2, max_size=4))
def test_any_text_survives_inside_a_prompt(tokens: list[AddedToken], parts: list[str]) -> None:
    tokenizer = with_added(tokens)
    encoder = ChatEncoder(tokenizer)
    roles = ("system", "user", "assistant", "user")
    ids = encoder.encode([Message(role, text) for role, text in zip(roles, parts, strict=False)])  # type: ignore[arg-type]
    written = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in zip(roles, parts, strict=False))
    assert tokenizer.decode(ids) == f"{written}<|im_start|>assistant\n"
    assert sum(i in special_ids(tokenizer) for i in ids) == 2 * len(parts) + 1


@pytest.mark.parametrize("newline", ["\n", "\t", "\n\n", "  "])
def test_a_line_break_among_the_added_tokens_stays(newline: str) -> None:
    encoder = ChatEncoder(with_added([AddedToken(newline, normalized=False, special=False)]))
    assert newline in encoder.decode(encoder.encode([Message("user", f"1{newline}2")])).split("1")[1]
    assert encoder.decode(encoder.plain_ids(BOARD)) == BOARD


def test_an_added_line_break_is_encoded_as_that_token() -> None:
    tokenizer = with_added([AddedToken("\n", normalized=False, special=False)])
    assert tokenizer.convert_tokens_to_ids("\n") in ChatEncoder(tokenizer).plain_ids("1\n2")


def test_a_special_token_spelled_by_way_of_a_normalizer_is_only_text() -> None:
    token = AddedToken("<|x|>", normalized=True, special=True)
    tokenizer = with_added([token], normalizers.Lowercase())
    ids = ChatEncoder(tokenizer).plain_ids("a <|X|> b")
    assert tokenizer.convert_tokens_to_ids("<|x|>") not in ids
    assert tokenizer.decode(ids) == "a <|x|> b"


def test_a_special_token_spelled_across_the_edge_of_a_message_is_only_text() -> None:
    tokenizer = with_added([])
    tokenizer.chat_template = "{% for m in messages %}{{ '<|im_start|>' + m['content'] + '_end|>' }}{% endfor %}"
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = ChatEncoder(tokenizer).encode([Message("user", "a <|im")])
    assert end not in ids
    assert tokenizer.decode(ids) == "<|im_start|>a <|im_end|>"


def test_a_special_token_of_one_character_is_left_out() -> None:
    tokenizer = with_added([AddedToken("§", special=True)])
    assert tokenizer.decode(ChatEncoder(tokenizer).plain_ids("a § b")) == "a  b"


def test_a_tokenizer_without_positions_lets_no_special_token_through() -> None:
    tokenizer: Any = ByT5Tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.role + ':' + m.content + '</s>' }}{% endfor %}"
    assert not tokenizer.is_fast
    ids = ChatEncoder(tokenizer).encode([Message("user", "a </s> b <extra_id_0>")])
    assert [i in tokenizer.all_special_ids for i in ids] == [False] * (len(ids) - 1) + [True]
    assert tokenizer.decode(ids) == "user:a </s> b <extra_id_0></s>"


def test_a_long_text_of_special_tokens_is_encoded_at_once() -> None:
    encoder = ChatEncoder(with_added([AddedToken("<|X|>", normalized=True, special=True)], normalizers.Lowercase()))
    assert encoder.plain_ids("<|x|>" * 2_000 + " " * 2_000)
