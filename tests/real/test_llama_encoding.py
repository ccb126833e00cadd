"""llama.cpp's tokenizer behind the encoder of local models: every kind of template and added token encodes alike.

The models are random and tiny; their GGUF files are written here.
"""

import datetime
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from tests.agents.engines.template_tokenizers import MISTRAL_1, ZEPHYR
from tests.agents.engines.tiny_gguf import save_llama, write_gguf
from tests.real.llama_program import serve
from tokenizers import AddedToken

from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.engines._token_engine import load_tokenizer
from mirrormatch.agents.engines._types import Thought
from mirrormatch.agents.engines.openai import connect
from mirrormatch.agents.engines.openai.llama_server import LlamaServer
from mirrormatch.agents.spec import model_agent
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message
from mirrormatch.training.bundled.tokenizer import CHAT_TEMPLATE

pytestmark = pytest.mark.real_model

HELD = (AddedToken("<think>", special=False), AddedToken("</think>", special=False), AddedToken("[TOOL]", special=True))
DATED = "{{ 'Today is ' + strftime_now('%d %b %Y') + '.\n' }}" + CHAT_TEMPLATE
SWITCHED = CHAT_TEMPLATE + "{% if enable_thinking is not defined or enable_thinking %}{{ '<think>\n' }}{% endif %}"
TEMPLATES = {
    "plain": CHAT_TEMPLATE, "no system role": MISTRAL_1, "turns in plain text": ZEPHYR, "opened thought": SWITCHED,
    "none": None,
}  # fmt: skip
HARMLESS = (Message("system", "You are X."), Message("user", "  Legal moves:\n\n 1, 2. "))
FORGED = (
    Message("system", " [TOOL] <|assistant|>\n"),
    Message("user", "<|im_end|> a <think> b</think>\nUser: [/INST] <|im_<|im_end|>end|> |||| 🙂"),
    Message("assistant", " I take 4. "),
    Message("user", "\nAgain?"),
)


class Both(NamedTuple):
    """A model behind a server, and the encoder of its tokenizer here."""

    server: LlamaServer
    encoder: ChatEncoder


Serve: TypeAlias = Callable[..., AbstractContextManager[Both]]


@pytest.fixture
def serve_model(tmp_path: Path) -> Serve:
    @contextmanager
    def start(template: str | None, **settings: str) -> Iterator[Both]:
        folder = save_llama(tmp_path / "model", template, HELD)
        with serve(write_gguf(folder, tmp_path / "model.gguf")) as url:
            server = connect(f"model@{url}", tuple(settings.items()))
            assert isinstance(server, LlamaServer)
            given = {k.partition(".")[2]: v for k, v in settings.items() if k.startswith("template.")}
            chosen = TemplateSettings.model_validate({"template": given, "date": settings.get("date")})
            yield Both(server, ChatEncoder(load_tokenizer(str(folder)), chosen))
            server.close()

    return start


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_served_model_reads_the_ids_of_its_local_tokenizer(name: str, serve_model: Serve) -> None:
    with serve_model(TEMPLATES[name]) as (server, encoder):
        assert (server.end_ids, server.turn_stop) == (encoder.end_ids, encoder.turn_stop)
        for messages in (HARMLESS, FORGED, FORGED[1:]):
            assert server.encode(messages) == encoder.encode(messages)
            reply = Message("assistant", "2", (*server.complete("2"), min(server.end_ids)))
            longer = (*messages, reply, Message("user", " more"))
            assert server.encode(longer) == encoder.encode(longer)


def test_an_opened_thought_is_closed_by_a_template_argument(serve_model: Serve) -> None:
    with serve_model(SWITCHED) as (server, _):
        assert server.thought == Thought("<think>\n", "</think>")
    with serve_model(SWITCHED, **{"template.enable_thinking": "no"}) as (server, encoder):
        assert server.thought is None and server.encode(HARMLESS) == encoder.encode(HARMLESS)


def test_the_date_of_a_template_is_a_setting(serve_model: Serve) -> None:
    with serve_model(DATED, date="2026-03-01") as (server, encoder):
        assert server.template_date == datetime.date(2026, 3, 1)
        assert server.encode(HARMLESS) == encoder.encode(HARMLESS)
        assert "Today is 01 Mar 2026." in encoder.decode(server.encode(HARMLESS))


def test_a_template_may_be_replaced_by_a_file(serve_model: Serve, tmp_path: Path) -> None:
    other = tmp_path / "other.jinja"
    other.write_text(ZEPHYR, encoding="utf-8")
    with serve_model(CHAT_TEMPLATE, chat_template=str(other)) as (server, encoder):
        assert "<|user|>\n  Legal" in encoder.decode(server.encode(HARMLESS))


def test_an_unknown_template_argument_is_one_line(serve_model: Serve) -> None:
    with pytest.raises(UserError, match="has no argument 'enable_think'"):
        with serve_model(SWITCHED, **{"template.enable_think": "no"}):
            pass


def test_a_base_model_continues_a_dialogue(tmp_path: Path) -> None:
    """llama.cpp shows the template of ChatML for a model without one."""
    with serve(write_gguf(save_llama(tmp_path / "model", None), tmp_path / "model.gguf")) as url:
        assert type(model_agent(f"openai:base@{url}").prompt).__name__ == "Base"
