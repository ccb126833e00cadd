"""Chat templates of other models on the transformers engine: ends of turns, opened reasoning, settings, whole games."""

import asyncio
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.agents.engines.template_tokenizers import MISTRAL_1, copy_nano, trl_templates

from mirrormatch import games, prompts
from mirrormatch.agents.engines import _chat_template, hf
from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._token_engine import read_end_ids
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import NANO_PATH
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import model_agent
from mirrormatch.agents.types import Episode, Reply
from mirrormatch.errors import UserError
from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.prompts import Message, PromptSettings
from mirrormatch.training.bundled.tokenizer import CHAT_TEMPLATE, END

pytestmark = pytest.mark.slow

KUHN, TICTACTOE = games.get("kuhn_poker"), games.get("tictactoe")
THINKING = CHAT_TEMPLATE.replace(
    "<|im_start|>assistant\n", "<|im_start|>assistant\n' + ('' if enable_thinking == false else '<think>') + '"
)
OTHER_END = "<|end|>"
DATED = "{{ '<|im_start|>system\\nToday is ' + strftime_now('%d %B %Y') + '<|im_end|>\\n' }}" + CHAT_TEMPLATE


def play_with(engine: TransformersEngine, game: Any = KUHN, seed: int = 1, **settings: object) -> Episode:
    prompt = prompts.get("boxed", PromptSettings.model_validate(settings))
    agent = LLMAgent("m", engine, prompt, Sampling(max_tokens=96), max_retries=1)
    return asyncio.run(play(game, [agent, agent], seed=seed))


def replies_of(episode: Episode) -> list[str]:
    return [turn.reply for turn in episode.turns]


# the end of a turn


def rename_end(name: str, text: str) -> str:
    """Renames the end token, and lets only generation_config.json name it."""
    if name == "generation_config.json":
        return text
    values = text.replace(END, OTHER_END)
    if name == "config.json":
        values = json.dumps(json.loads(values) | {"eos_token_id": 0})
    return values.replace(f'"eos_token": "{OTHER_END}"', '"eos_token": "<|pad|>"')


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model with an end of turn of another name."""
    folder = tmp_path_factory.mktemp("models") / "renamed"
    copy_nano(folder, edit=rename_end)
    (folder / "chat_template.jinja").write_text("{{ messages | length }}", encoding="utf-8")  # it shows no end either
    return folder


def test_an_end_of_turn_that_only_the_generation_config_names_ends_turns(renamed: Path) -> None:
    template = renamed / "chatml.jinja"
    template.write_text(CHAT_TEMPLATE.replace(END, OTHER_END), encoding="utf-8")
    nano = TransformersEngine(str(NANO_PATH))
    other = TransformersEngine(str(renamed), template=TemplateSettings(chat_template=str(template)))
    assert nano.end_ids <= other.end_ids
    for seed in range(3):
        assert replies_of(play_with(other, seed=seed)) == replies_of(play_with(nano, seed=seed))


def test_a_model_that_runs_elsewhere_has_the_same_ends(renamed: Path) -> None:
    assert read_end_ids(str(renamed), local_only=True) == {0, 2}


def test_several_ends_in_a_configuration_count(tmp_path: Path) -> None:
    def edit(name: str, text: str) -> str:
        return text.replace('"eos_token_id": 2', '"eos_token_id": [2, 7, 9]') if "generation" in name else text

    assert TransformersEngine(str(copy_nano(tmp_path / "m", edit=edit))).end_ids == {2, 7, 9}


# templates that open the reasoning


@pytest.fixture(scope="module")
def thinking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model with a template that opens the reasoning."""
    return copy_nano(tmp_path_factory.mktemp("models") / "thinking", THINKING)


def first_reply(engine: Any, **changes: Any) -> tuple[Reply, LLMAgent]:
    agent = LLMAgent("m", engine, prompts.get("boxed"), Sampling(temperature=0, **changes))
    return asyncio.run(agent.ask("2 + 2 =", seed=0)), agent


class BoxedThought(TransformersEngine):
    """A real model whose thought holds a box and is cut off."""

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        ids = self.complete("4 is \\boxed{4}, but 5")
        return Completion(token_ids=ids, logprobs=(0.0,) * len(ids), text=self._encoder.decode(ids),
                          finish="length", adapter=None)  # fmt: skip


def test_a_reply_cut_off_in_opened_reasoning_is_truncated(thinking: Path) -> None:
    reply, _ = first_reply(BoxedThought(str(thinking)))
    assert isinstance(reply.answer, Problem) and reply.answer.kind is ProblemKind.TRUNCATED
    assert reply.thinking == "4 is \\boxed{4}, but 5"
    assert reply.text.startswith("<think>")


def test_a_reply_that_closes_opened_reasoning_is_read(thinking: Path) -> None:
    reply, _ = first_reply(TransformersEngine(str(thinking)))
    assert reply.text.startswith("<think>") and isinstance(reply.answer, str)
    assert reply.completion is not None and not reply.completion.text.startswith("<think>")


def test_opened_reasoning_has_a_budget(thinking: Path) -> None:
    agent = LLMAgent("m", TransformersEngine(str(thinking)), prompts.get("boxed"), Sampling(), thinking_tokens=3)
    reply = asyncio.run(agent.ask("2 + 2 =", seed=0))
    assert reply.completion is not None and reply.completion.num_forced
    assert len(reply.text.partition("</think>")[0]) < 60


def test_opened_reasoning_closes_before_an_answer_without_any(thinking: Path) -> None:
    agent = LLMAgent("m", TransformersEngine(str(thinking)), prompts.get("plain"), Sampling(), thinking_tokens=0)
    reply = asyncio.run(agent.ask("2 + 2 =", seed=0))
    assert reply.text.startswith("<think></think>")


@pytest.mark.parametrize("name", ["boxed", "plain"])
def test_an_answer_after_opened_reasoning_is_held_to_the_legal_moves(thinking: Path, name: str) -> None:
    class Boxing(TransformersEngine):
        """A real model that boxes an illegal move in its reasoning."""

        async def generate(
            self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
        ) -> Completion:
            if sampling.constraint is not None:
                return await super().generate(prompt_ids, sampling, adapter=adapter, seed=seed)
            ids = self.complete("\\boxed{99}? No.</think>")
            return Completion(token_ids=ids, logprobs=(0.0,) * len(ids), text=self._encoder.decode(ids),
                              finish="stop", adapter=None)  # fmt: skip

    agent = LLMAgent("m", Boxing(str(thinking)), prompts.get(name), Sampling(), constrain=True)
    episode = asyncio.run(play(KUHN, [agent, agent], seed=1))
    assert all(turn.action in ("bet", "check", "call", "fold") for turn in episode.turns)


def test_the_argument_of_a_spec_switches_the_reasoning_off(thinking: Path) -> None:
    agent = model_agent(f"hf:{thinking},template.enable_thinking=false,temperature=0")
    assert agent.whole_text("") == ""
    assert model_agent(f"hf:{thinking}").whole_text("") == "<think>"


def test_the_settings_of_one_template_make_an_engine_of_their_own(thinking: Path) -> None:
    on, off = model_agent(f"hf:{thinking}").engine, model_agent(f"hf:{thinking},template.enable_thinking=false").engine
    assert on is not off
    message = [Message("user", "a")]
    assert on.encode(message)[: len(off.encode(message))] == off.encode(message)


def test_an_unknown_argument_in_a_spec_is_one_line(thinking: Path) -> None:
    with pytest.raises(UserError, match="no argument 'enable_thought', did you mean"):
        model_agent(f"hf:{thinking},template.enable_thought=false")


def test_only_template_has_settings_with_a_dot() -> None:
    with pytest.raises(UserError, match=r"unknown setting of nano 'templat\.enable_thinking'"):
        model_agent("nano,templat.enable_thinking=false")


# templates that refuse roles


@pytest.mark.parametrize("history", ["state", "full"])
@pytest.mark.parametrize("template", [trl_templates()["gemma"], MISTRAL_1, trl_templates()["qwen3_6"]])
def test_games_end_with_every_reply_accounted_for(tmp_path: Path, template: str, history: str) -> None:
    engine = TransformersEngine(str(copy_nano(tmp_path / "m", template)))
    for seed in range(3):
        episode = play_with(engine, TICTACTOE, seed, history=history)
        assert episode.turns
        assert all((turn.action is None) != (turn.problem is None) for turn in episode.turns)


# today's date


def test_a_spec_carries_the_date_of_its_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_chat_template, "today", lambda: datetime.date(2026, 11, 3))
    folder = copy_nano(tmp_path / "dated", DATED)
    first = model_agent(f"hf:{folder}")
    assert first.spec == f"hf:{folder},date=2026-11-03"
    monkeypatch.setattr(_chat_template, "today", lambda: datetime.date(2026, 11, 4))
    hf.engine.cache_clear()
    message = [Message("user", "a")]
    assert model_agent(first.spec).engine.encode(message) == first.engine.encode(message)
    assert model_agent(f"hf:{folder}").engine.encode(message) != first.engine.encode(message)


def test_a_spec_without_a_date_in_its_prompts_stays_as_it_is() -> None:
    assert model_agent("nano").spec == "nano"


# half a character


def test_a_reply_that_ends_in_half_a_character_at_the_budget_is_truncated() -> None:
    class Half(TransformersEngine):
        async def generate(
            self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
        ) -> Completion:
            ids = self.complete("I take 日")[:-1]
            return Completion(token_ids=ids, logprobs=(0.0,) * len(ids), text=self._encoder.decode(ids),
                              finish="length", adapter=None)  # fmt: skip

    reply, _ = first_reply(Half(str(NANO_PATH)))
    assert reply.text.endswith("\ufffd")
    assert isinstance(reply.answer, Problem) and reply.answer.kind is ProblemKind.TRUNCATED
