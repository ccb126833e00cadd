"""Training with other models' chat templates: today's date in prompts, opened reasoning, rows of a trajectory."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.agents.engines.template_tokenizers import copy_nano, trl_templates
from tests.agents.engines.tiny_model import save_model

from mirrormatch.agents.engines import _chat_template, hf
from mirrormatch.agents.episodes import read_episodes
from mirrormatch.training import metrics
from mirrormatch.training.bundled.tokenizer import CHAT_TEMPLATE
from mirrormatch.training.config import RunConfig
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.run import train
from mirrormatch.training.run_folder import RunFolder

pytestmark = pytest.mark.slow

FIRST, NEXT = datetime.date(2026, 11, 3), datetime.date(2026, 11, 4)
DATED = "{{ 'Today is ' + strftime_now('%d %B %Y') + '.\\n' }}" + CHAT_TEMPLATE
NUM_STEPS = 2


class Killed(Exception):
    """The end of a process."""


class Watcher:
    """Ends the run after a step."""

    def __init__(self, last: int | None = None) -> None:
        self._last = last

    def step(self, step: int, measured: Metrics, alarms: list[str]) -> None:
        if step == self._last:
            raise Killed


def save_with_template(folder: Path, template: str) -> Path:
    save_model(folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def make_config(model: Path, history: str = "full", max_tokens: int = 8, patience: int = 0) -> RunConfig:
    values: dict[str, Any] = {
        "model": f"hf:{model}",
        "threads": 1,
        "prompt": {"history": history},
        "lora": {"rank": 4},
        "play": {"games": ["tictactoe"], "episodes": 2, "max_tokens": max_tokens, "patience": patience},
        "learn": {"steps": NUM_STEPS, "learning_rate": 1e-2},
    }
    return RunConfig.model_validate(values)


def run(config: RunConfig, folder: RunFolder, last: int | None = None, resume: bool = False) -> bytes:
    """Trains in what counts as a process of its own. Returns the last adapter's weights."""
    hf.engine.cache_clear()
    ended = train(config, folder, folder.open(config, resume), Watcher(last))
    return (ended.adapter / "adapter_model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield save_with_template(tmp_path_factory.mktemp("models") / "dated", DATED)
    hf.engine.cache_clear()


def set_today(monkeypatch: pytest.MonkeyPatch, date: datetime.date) -> None:
    monkeypatch.setattr(_chat_template, "today", lambda: date)


def test_a_run_that_is_resumed_the_next_day_ends_with_the_same_bits(
    dated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_today(monkeypatch, FIRST)
    config = make_config(dated)
    undisturbed = run(config, RunFolder(tmp_path / "undisturbed"))
    killed = RunFolder(tmp_path / "killed")
    with pytest.raises(Killed):
        run(config, killed, last=2)
    set_today(monkeypatch, NEXT)
    assert run(config, killed, resume=True) == undisturbed
    assert run(config, RunFolder(tmp_path / "other")) != undisturbed, "the date matters"
    seats = {line for path in killed.path.glob("episodes/*.jsonl") for line in path.read_text().splitlines()}
    assert all("date=2026-11-03" in line for line in seats)


def test_a_template_without_a_date_keeps_none(tiny: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run(make_config(tiny), folder)
    assert not folder.template_path.exists()


@pytest.mark.parametrize("name", ["qwen3", "qwen3_6", "nemotron_3_nano"])
def test_turns_after_opened_reasoning_are_trained_as_one_row(name: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run(make_config(copy_nano(tmp_path / "nano", trl_templates()[name]), max_tokens=64), folder)
    assert [step["rows_per_trajectory"] for step in metrics.read(folder.metrics_path)] == [1.0] * NUM_STEPS
    played = [e for k in range(NUM_STEPS) for e in read_episodes(folder.episodes_path(k))]
    assert any(sum(t.role == 0 for t in e.turns) > 1 for e in played), "several turns of a role"


@pytest.mark.parametrize("name", ["gemma", "deepseekv3", "idefics3", "llama3_2"])
def test_templates_of_other_kinds_train(name: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run(make_config(save_with_template(tmp_path / "model", trl_templates()[name])), folder)
    assert len(metrics.read(folder.metrics_path)) == NUM_STEPS


def test_without_history_every_reply_is_a_row(tiny: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run(make_config(tiny, history="state", patience=1), folder)
    assert all(step["rows_per_trajectory"] == 2.0 for step in metrics.read(folder.metrics_path))
