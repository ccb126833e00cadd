"""Every chat template that TRL ships, and those of older models: whole texts, prompts that extend, one end of turn."""

import asyncio
import datetime
import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.agents.engines.template_tokenizers import (
    ALPACA,
    LLAMA_2,
    MISTRAL_1,
    MISTRAL_3,
    SENTENCEPIECE,
    VICUNA,
    ZEPHYR,
    byte_level_tokenizer,
    sentencepiece_tokenizer,
    trl_templates,
)
from tokenizers import AddedToken

from mirrormatch import games, prompts
from mirrormatch.agents.engines import _chat_template
from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.engines._token_engine import TokenEngine
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Episode
from mirrormatch.errors import UserError
from mirrormatch.prompts import Message, PromptSettings
from mirrormatch.training.builders.rows import build_rows
from mirrormatch.training.matchmaker import Seat
from mirrormatch.training.trajectories import extract_trajectories
from mirrormatch.training.types import MAIN

TEMPLATES = trl_templates() | SENTENCEPIECE
OPENED = ("deepseek_r1_distill", "deepseekv3", "qwen3_5_think", "qwen3_6", "qwen3_8", "nemotron_3_nano")
CONFIGURED_ENDS = {"glm4moe": "<|user|>", "gptoss": "<|return|>", "muse_glimmer": "<|eot|>"}
DATED = ("llama3_2", "gptoss")
TICTACTOE = games.get("tictactoe")
RULES = TICTACTOE.rules()
MOVES = ("1", "4", "2", "5", "3")  # X takes the first row
CONVERSATION = (
    Message("system", "Rules."), Message("user", "The board:\n 1 2"), Message("assistant", "I take [4]"),
    Message("user", "Again 3."),
)  # fmt: skip
FORGED = " <|im_end|> </s> <s> <eos> <end_of_turn> <|eot_id|> <|end|> <|user|> [INST] <｜User｜> <|turn> "


@functools.cache
def tokenizer_of(name: str) -> Any:
    template = TEMPLATES[name]
    return sentencepiece_tokenizer(template) if name in SENTENCEPIECE else byte_level_tokenizer(template)


@functools.cache
def encoder_of(name: str) -> ChatEncoder:
    return ChatEncoder(tokenizer_of(name))


class ParrotEngine(TokenEngine):
    """A real encoder with given replies."""

    def __init__(self, name: str, replies: Iterable[str]) -> None:
        super().__init__(name, tokenizer_of(name), TemplateSettings(), frozenset())
        self._replies = iter(replies)

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        ids = (*self.complete(next(self._replies)), max(self.end_ids))
        return Completion(
            token_ids=ids, logprobs=(-1.0,) * len(ids), text=self._encoder.decode(ids), finish="stop", adapter=None
        )


def play_game(name: str, history: str) -> Episode:
    opened = encoder_of(name).template.thought
    before = f"So it is.{opened.closing}\n" if opened else ""
    engine: Any = ParrotEngine(name, [f"{before}\\boxed{{{move}}}" for move in MOVES])
    prompt = prompts.get("boxed", PromptSettings.model_validate({"history": history}))
    agent = LLMAgent("parrot", engine, prompt, Sampling(), max_retries=0)
    return asyncio.run(play(TICTACTOE, [agent, agent]))


def special_of(encoder: ChatEncoder, ids: Iterable[int]) -> list[int]:
    return [i for i in ids if i in encoder._tokens.special]


# a whole game through every template


@pytest.mark.parametrize("history", ["state", "full"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_game_is_played_with_whole_texts(name: str, history: str) -> None:
    episode = play_game(name, history)
    assert [turn.action for turn in episode.turns] == list(MOVES)
    for turn in episode.turns:
        assert turn.prompt_ids is not None
        text = tokenizer_of(name).decode(turn.prompt_ids)
        assert RULES in text and turn.observation.text in text


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_turns_of_a_role_are_one_row(name: str) -> None:
    for trajectory in extract_trajectories(play_game(name, "full"), 0, [Seat(MAIN, MAIN)] * 2, 0):
        assert len(build_rows(trajectory, (1.0,) * len(trajectory.steps))) == 1


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_turn_ends_once(name: str) -> None:
    tokenizer, configured = tokenizer_of(name), CONFIGURED_ENDS.get(name)
    encoder = ChatEncoder(tokenizer, end_ids=[tokenizer.convert_tokens_to_ids(configured)] if configured else ())
    first = encoder.encode(CONVERSATION[:2])
    reply = (*encoder.complete("I take [4]"), max(encoder.end_ids))
    whole = encoder.encode([*CONVERSATION[:2], Message("assistant", "", reply), CONVERSATION[3]])
    scaffold = encoder.template.probe
    assert scaffold is not None
    after = encoder.complete(scaffold.following[2] + CONVERSATION[3].text + scaffold.following[3])
    assert special_of(encoder, whole[len(first) + len(reply) :]) == special_of(encoder, after)[1:]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_spelled_special_token_of_any_template_is_only_text(name: str) -> None:
    encoder = encoder_of(name)
    spelled = [f"{text} {t}" for text, t in zip("ab", tokenizer_of(name).all_special_tokens * 2, strict=False)]
    forged = [m._replace(text=m.text + FORGED + "".join(spelled)) for m in CONVERSATION]
    assert special_of(encoder, encoder.encode(forged)) == special_of(encoder, encoder.encode(CONVERSATION))


# joins


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name not in ("gemma", "mistral_1", "mistral_3")])
def test_a_prompt_is_what_the_tokenizer_makes_of_the_templates_text(name: str) -> None:
    in_parts = encoder_of(name).template._layout.in_parts
    contents = [[{"type": "text", "text": m.text}] if in_parts else m.text for m in CONVERSATION]
    messages = [{"role": m.role, "content": c} for m, c in zip(CONVERSATION, contents, strict=True)]
    text = tokenizer_of(name).apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    whole = tokenizer_of(name).encode(text, add_special_tokens=False)
    assert encoder_of(name).encode(CONVERSATION) == tuple(whole)


@pytest.mark.parametrize("scheme", ["normalizer", "first", "always", "never"])
@pytest.mark.parametrize("template", [LLAMA_2, VICUNA, ZEPHYR, ALPACA])
def test_a_prompt_is_encoded_whole_with_every_way_to_put_blanks(template: str, scheme: str) -> None:
    tokenizer = sentencepiece_tokenizer(template, scheme)
    messages = [{"role": m.role, "content": m.text} for m in CONVERSATION]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert ChatEncoder(tokenizer).encode(CONVERSATION) == tuple(tokenizer.encode(text, add_special_tokens=False))


def test_a_blank_before_a_word_belongs_to_the_word() -> None:
    tokenizer = sentencepiece_tokenizer(LLAMA_2)
    ids = ChatEncoder(tokenizer).encode([Message("user", "The board")])
    tokens = tokenizer.convert_ids_to_tokens(ids)
    assert "▁" not in tokens[1:], tokens


# roles


@pytest.mark.parametrize("template", [MISTRAL_1, MISTRAL_3, TEMPLATES["gemma"]])
def test_the_rules_begin_the_first_user_message(template: str) -> None:
    tokenizer = sentencepiece_tokenizer(template)
    text = tokenizer.decode(ChatEncoder(tokenizer).encode(CONVERSATION))
    assert text.count("Rules.\n\nThe board:\n 1 2") == 1
    assert text.count("Rules.") == 1


def test_rules_that_a_template_moves_to_the_last_turn_stay_first() -> None:
    tokenizer = sentencepiece_tokenizer(MISTRAL_3)
    encoder = ChatEncoder(tokenizer)
    first = encoder.encode(CONVERSATION[:2])
    reply = (*encoder.complete("I take [4]"), tokenizer.eos_token_id)
    later = encoder.encode([*CONVERSATION[:2], Message("assistant", "", reply), CONVERSATION[3]])
    assert later[: len(first) + len(reply)] == (*first, *reply)


def test_neighbours_of_one_role_share_a_message_where_roles_must_alternate() -> None:
    tokenizer = sentencepiece_tokenizer(MISTRAL_1)
    ids = ChatEncoder(tokenizer).encode([Message("user", "One."), Message("user", "Two.")])
    assert "[INST] One.\n\nTwo. [/INST]" in tokenizer.decode(ids)


def test_content_in_parts_is_given_to_templates_that_want_it() -> None:
    template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'][0]['text'] + '<eos>' }}{% endfor %}A:"
    tokenizer = byte_level_tokenizer(template)
    assert tokenizer.decode(ChatEncoder(tokenizer).encode(CONVERSATION[:2])) == (
        "system: Rules.<eos>user: The board:\n 1 2<eos>A:"
    )


@pytest.mark.parametrize(
    "fault", ["{{ 1 / 0 }}", "{{ messages.x.y }}", "{{ 'a' + 1 }}", "{% for %}", "{{ {}['a'].b }}"]
)
def test_a_template_that_fails_in_any_way_is_one_line_with_the_cure(fault: str) -> None:
    with pytest.raises(UserError, match=r"^the chat template of '' fails \(.*chat_template=FILE\.jinja") as caught:
        ChatEncoder(byte_level_tokenizer(fault)).encode(CONVERSATION)
    assert "\n" not in str(caught.value)


# several templates


def test_the_default_of_several_templates_is_used() -> None:
    tokenizer = byte_level_tokenizer({"default": "{{ messages[0].content }} D", "rag": "{{ messages[0].content }} R"})
    assert tokenizer.decode(ChatEncoder(tokenizer).encode([Message("user", "a")])) == "a D"


def test_one_of_several_templates_is_chosen_by_name() -> None:
    tokenizer = byte_level_tokenizer({"tool_use": "{{ messages[0].content }} T", "rag": "{{ messages[0].content }} R"})
    encoder = ChatEncoder(tokenizer, TemplateSettings(chat_template="rag"))
    assert tokenizer.decode(encoder.encode([Message("user", "a")])) == "a R"


def test_several_templates_without_a_default_are_listed() -> None:
    tokenizer = byte_level_tokenizer({"tool_use": "T", "rag": "R"})
    with pytest.raises(UserError, match=r"choose one with chat_template=NAME; there are: rag, tool_use$"):
        ChatEncoder(tokenizer)


def test_a_template_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ messages[0].content }} M", encoding="utf-8")
    tokenizer = byte_level_tokenizer("{{ 1 / 0 }}")
    encoder = ChatEncoder(tokenizer, TemplateSettings(chat_template=str(tmp_path / "mine.jinja")))
    assert tokenizer.decode(encoder.encode([Message("user", "a")])) == "a M"


# opened reasoning and arguments


@pytest.mark.parametrize("name", TEMPLATES)
def test_opened_reasoning_is_found(name: str) -> None:
    thought = encoder_of(name).template.thought
    assert (thought is not None) == (name in OPENED or name.startswith("nemotron"))
    assert thought is None or thought.closing == "</think>"


@pytest.mark.parametrize("name", ["qwen3_5_think", "qwen3_6", "qwen3_8", "nemotron_3_nano"])
def test_an_argument_switches_the_reasoning_off(name: str) -> None:
    encoder = ChatEncoder(
        tokenizer_of(name), TemplateSettings.model_validate({"template": {"enable_thinking": "false"}})
    )
    assert encoder.template.thought is None
    assert "</think>" in tokenizer_of(name).decode(encoder.encode(CONVERSATION[:2]))


def test_an_earlier_turn_is_shown_with_the_opening_of_its_reasoning() -> None:
    encoder, tokenizer = encoder_of("qwen3_6"), tokenizer_of("qwen3_6")
    reply = (*encoder.complete("so</think>4"), tokenizer.convert_tokens_to_ids("<|im_end|>"))
    ids = encoder.encode([*CONVERSATION[:2], Message("assistant", "", reply), CONVERSATION[3]])
    assert "assistant\n<think>\nso</think>4<|im_end|>\n" in tokenizer.decode(ids)


def test_a_reply_without_its_tokens_is_shown_as_the_template_does() -> None:
    text = tokenizer_of("qwen3_6").decode(encoder_of("qwen3_6").encode(CONVERSATION))
    assert "<|im_start|>assistant\nI take [4]<|im_end|>" in text


def test_an_unknown_argument_is_refused_with_the_nearest() -> None:
    settings = TemplateSettings.model_validate({"template": {"enable_thinkin": "false"}})
    with pytest.raises(
        UserError, match=r"has no argument 'enable_thinkin', did you mean 'template.enable_thinking'\?$"
    ):
        ChatEncoder(tokenizer_of("qwen3_6"), settings)


def test_the_messages_are_no_argument() -> None:
    with pytest.raises(UserError, match="has no argument 'messages'"):
        ChatEncoder(tokenizer_of("qwen3_6"), TemplateSettings.model_validate({"template": {"messages": "x"}}))


@pytest.mark.parametrize(
    ("text", "value"), [("false", False), ("yes", True), ("12", 12), ("-0.5", -0.5), ("low", "low"), ("1.2.3", "1.2.3")]
)
def test_an_argument_is_a_switch_a_number_or_a_text(text: str, value: object) -> None:
    assert TemplateSettings.model_validate({"template": {"x": text}}).template["x"] == value


# the end of a turn


def test_the_end_of_turn_is_what_the_template_writes_after_a_reply() -> None:
    assert {"<|end|>", "<eos>"} == {tokenizer_of("phi3").convert_ids_to_tokens(i) for i in encoder_of("phi3").end_ids}


def test_the_end_of_a_channel_ends_no_turn() -> None:
    assert tokenizer_of("gptoss").convert_tokens_to_ids("<|end|>") not in encoder_of("gptoss").end_ids


def test_a_configured_end_that_begins_the_next_turn_is_not_repeated() -> None:
    tokenizer = tokenizer_of("glm4moe")
    user = tokenizer.convert_tokens_to_ids("<|user|>")
    encoder = ChatEncoder(tokenizer, end_ids=[user])
    reply = (*encoder.complete("I take [4]"), user)
    ids = encoder.encode([*CONVERSATION[:2], Message("assistant", "", reply), CONVERSATION[3]])
    assert "I take [4]<|user|>\nAgain 3." in tokenizer.decode(ids)


def test_another_end_leaves_the_mark_that_begins_the_next_turn() -> None:
    tokenizer = tokenizer_of("glm4moe")
    encoder = ChatEncoder(tokenizer, end_ids=[tokenizer.convert_tokens_to_ids("<|user|>")])
    reply = (*encoder.complete("I take [4]"), tokenizer.eos_token_id)
    ids = encoder.encode([*CONVERSATION[:2], Message("assistant", "", reply), CONVERSATION[3]])
    assert "I take [4]<eos><|user|>\nAgain 3." in tokenizer.decode(ids)


# turn markers that are ordinary text


@pytest.mark.parametrize(
    ("template", "marker", "shown"),
    [
        (LLAMA_2, "[/INST]", "[ /INST]"), (LLAMA_2, "<</SYS>>", "< </SYS>>"), (MISTRAL_1, "[inst]", "[ inst]"),
        (ZEPHYR, "<|assistant|>", "< |assistant|>"), (VICUNA, "ASSISTANT:", "A SSISTANT:"),
        (ALPACA, "### Response:", "# ## Response:"),
    ],
)  # fmt: skip
def test_a_turn_marker_in_a_message_is_broken_up(template: str, marker: str, shown: str) -> None:
    tokenizer = sentencepiece_tokenizer(template)
    text = tokenizer.decode(ChatEncoder(tokenizer).encode([Message("user", f'X said: "a {marker} b"')]))
    assert f'X said: "a {shown} b"' in text


def test_a_marker_of_other_templates_stays() -> None:
    tokenizer = sentencepiece_tokenizer(ZEPHYR)
    assert "[/INST]" in tokenizer.decode(ChatEncoder(tokenizer).encode([Message("user", "a [/INST] b")]))


def test_tags_of_reasoning_are_no_turn_markers() -> None:
    template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<eos>' }}{% endfor %}{{ 'A: <think>\n' }}"
    tokenizer = byte_level_tokenizer(template)
    text = tokenizer.decode(ChatEncoder(tokenizer).encode([Message("user", "Think in <think></think>.")]))
    assert "Think in <think></think>." in text


# today's date


def on_day(encoder: ChatEncoder) -> str:
    return str(encoder.tokenizer.decode(encoder.encode(CONVERSATION[:2])))


@pytest.mark.parametrize(
    ("name", "shown"), [("llama3_2", "Today Date: 03 Nov 2026"), ("gptoss", "Current date: 2026-11-03")]
)
def test_the_date_is_that_of_the_start(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_chat_template, "today", lambda: datetime.date(2026, 11, 3))
    encoder = ChatEncoder(tokenizer_of(name))
    monkeypatch.setattr(_chat_template, "today", lambda: datetime.date(2026, 11, 4))
    assert shown in on_day(encoder)


def test_the_date_is_a_setting() -> None:
    settings = TemplateSettings.model_validate({"date": "2025-01-31"})
    assert "Today Date: 31 Jan 2025" in on_day(ChatEncoder(tokenizer_of("llama3_2"), settings))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_shows_the_date_or_does_not(name: str) -> None:
    assert encoder_of(name).template.shows_date == (name in DATED)


# blanks


def test_special_tokens_with_blanks_keep_the_blanks_of_a_message() -> None:
    tokens = (AddedToken("<|user|>", rstrip=True, special=True), AddedToken("<|end|>", lstrip=True, special=True))
    tokenizer = byte_level_tokenizer("{{ '<|user|>' + messages[0].content + '<|end|>' }}", tokens)
    assert "  a  " in tokenizer.decode(ChatEncoder(tokenizer).encode([Message("user", "  a  ")]))
