"""SmolLM2-135M-Instruct, a real model that this project didn't make, plays, trains and is evaluated.

`make smollm` installs it; `make test-real` runs these tests.
"""

import asyncio
import io
import json
from pathlib import Path

import pytest
from tests.paths import ROOT

from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import find_model
from mirrormatch.agents.spec import model_agent
from mirrormatch.cli import main
from mirrormatch.prompts import Message

pytestmark = pytest.mark.real_model

MODEL = "smollm,dtype=bfloat16"  # one engine for the whole file
PLAIN = f"{MODEL},prompt=plain,thinking=no,max_tokens=16"
CONVERSATION = (
    Message("system", "You play tic-tac-toe."),
    Message("user", "Line 1\nline 2: it's 12.5 %\n\n  indented. Your move?"),
    Message("assistant", "I take 5."),
    Message("user", "Yours again: 1, 2 or 3?"),
)


@pytest.fixture(scope="module")
def agent() -> LLMAgent:
    return model_agent(MODEL)


def test_a_conversation_encodes_as_its_own_template_does(agent: LLMAgent) -> None:
    from transformers import AutoTokenizer

    files = find_model_files(str(find_model("smollm")))
    tokenizer = AutoTokenizer.from_pretrained(files.path, **files.tokenizer_arguments)
    chat = [{"role": m.role, "content": m.text} for m in CONVERSATION]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert list(agent.engine.encode(CONVERSATION)) == tokenizer.encode(text, add_special_tokens=False)


def test_it_continues_a_sentence_sensibly(agent: LLMAgent) -> None:
    """Weights, tokenizer and template are the model's own: a wrong one of them gives noise."""
    messages = [Message("user", "What is the capital of France? Answer with one word.")]
    greedy = agent.sampling.__class__(max_tokens=8, temperature=0.0)
    reply = asyncio.run(agent.engine.generate(agent.engine.encode(messages), greedy))
    assert "Paris" in reply.text


@pytest.mark.parametrize("game", ["kuhn_poker", "tictactoe"])
def test_every_reply_of_a_match_is_accounted_for(game: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", game, PLAIN, "random", "--episodes", "4", "--json"]) == 0
    (result,) = (a for a in json.loads(capsys.readouterr().out)["agents"] if a["spec"] == PLAIN)
    assert sum(result[name]["value"] for name in ("win", "draw", "loss")) == pytest.approx(1.0)
    assert 0 <= result["illegal"]["value"] <= 1 and 0 <= result["truncated"]["value"] <= 1


@pytest.mark.parametrize("game", ["kuhn_poker", "tictactoe"])
@pytest.mark.parametrize("settings", ["prompt=boxed,max_tokens=16", "prompt=plain,thinking=no"])
def test_constrained_answers_are_legal_moves(settings: str, game: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The format `boxed` asks for reasoning and a box, which the model never writes by itself."""
    spec = f"{MODEL},{settings},constrain=yes,patience=0"
    assert main(["match", game, spec, "random", "--episodes", "4", "--json"]) == 0
    (result,) = (a for a in json.loads(capsys.readouterr().out)["agents"] if a["spec"] == spec)
    assert (result["illegal"]["value"], result["truncated"]["value"]) == (0, 0)


def test_it_is_evaluated_outside_the_games(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eval", "transfer", PLAIN, "--benchmarks", "arithmetic", "--items", "2", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["spec"] == PLAIN


def test_a_person_plays_against_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("check\nfold\n" * 4))
    assert main(["play", "kuhn_poker", "--opponent", f"{PLAIN},constrain=yes", "--plain", "--seed", "1"]) == 0
    assert "wins" in capsys.readouterr().out or "win" in capsys.readouterr().out


def test_it_trains_two_steps(tmp_path: Path) -> None:
    settings = ("learn.steps=2", "play.episodes=4", "measure.games=[]")
    words = [word for setting in settings for word in ("--set", setting)]
    assert main(["train", str(ROOT / "configs" / "kuhn_smollm.toml"), "--out", str(tmp_path / "run"), *words]) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert lines[0]["ratio"] == pytest.approx(1.0, abs=0.1), "sampler and learner agree as far as bf16 does"
