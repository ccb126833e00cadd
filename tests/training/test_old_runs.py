"""A run that version 0.1.0 has written can be read and played; to resume it is refused in one line."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.runner import Cli
from tests.paths import ROOT

CONFIG = """
model = "nano"
threads = 1
[lora]
rank = 1
targets = ["q_proj"]
[play]
games = ["kuhn_poker"]
episodes = 2
max_tokens = 48
[learn]
steps = 2
learning_rate = 1e-2
"""


@pytest.fixture(params=["as it was", "before the prompt was one section"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a run of two steps."""
    made = Path(shutil.copytree(ROOT / "tests" / "training" / "old_run", tmp_path / "old"))
    if request.param != "as it was":
        values = json.loads((made / "config.json").read_text())
        prompts = values.pop("prompt")
        (made / "config.json").write_text(json.dumps(values | {"prompt": prompts.pop("format"), "prompts": prompts}))
    return made


def test_its_report_is_written(run: Path, cli: Cli) -> None:
    assert cli("report", str(run)).code == 0
    assert "2 of 2 steps" in (run / "report.html").read_text()


def test_its_episodes_are_shown(run: Path, cli: Cli) -> None:
    printed = cli("watch", str(run / "episodes" / "step-000001.jsonl"), "--episode", "1")
    assert printed.code == 0 and "kuhn_poker" in printed.out


@pytest.mark.slow
def test_its_adapter_plays(run: Path, cli: Cli) -> None:
    found = cli.json("match", "kuhn_poker", f"nano+{run}", "random", "--episodes", "2")
    assert found["agents"][0]["illegal"]["value"] == 0


@pytest.mark.slow
def test_it_is_not_resumed(run: Path, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "old.toml").write_text(CONFIG)
    message = cli.refusal("train", str(tmp_path / "old.toml"), "--out", str(run), "--resume", "--set", "learn.steps=3")
    assert message == (
        f"mirrormatch: error: the run in '{run}' is of version 0.1.0, whose checkpoints can't be resumed; report, "
        f"watch and its adapters can be used: a new run with model = 'MODEL+{run}' starts from its newest adapter\n"
    )
