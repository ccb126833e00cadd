"""A run starts from an adapter: its weights are the first of the trained one, and what doesn't fit is refused."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tests.agents.engines.tiny_model import save_adapter
from tests.cli.runner import Cli
from tests.paths import ROOT

from mirrormatch.agents.engines import _adapters

pytestmark = pytest.mark.slow

OLD = ROOT / "tests" / "training" / "old_run"  # of rank 1 on the bundled model
CONFIG = """
model = "nano+{adapter}"
threads = 1

[lora]
rank = 1
targets = ["q_proj"]

[play]
games = ["kuhn_poker"]
episodes = 4
max_tokens = 48

[learn]
steps = 2
learning_rate = 1e-2
kl_to = "magnet"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "warm.toml"
    path.write_text(CONFIG.format(adapter=OLD))
    return path


def weights(run: Path, step: int) -> bytes:
    return (run / "adapters" / f"step-{step:06d}" / _adapters.WEIGHTS).read_bytes()


def test_the_adapter_is_where_the_training_starts(config: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "out"
    assert cli("train", str(config), "--out", str(out), "--set", "keep_adapters=1").code == 0
    first, given = (load_file(p / "adapters" / f"step-{k:06d}" / _adapters.WEIGHTS) for p, k in ((out, 0), (OLD, 2)))
    assert first.keys() == given.keys() and all((first[name] == given[name]).all() for name in given)
    assert weights(out, 2) != weights(out, 0)
    card = json.loads((out / "adapters" / "step-000002" / _adapters.CARD).read_text())
    assert card["base"] == "nano"


def test_a_run_is_resumed_though_the_adapter_that_it_started_from_has_changed(
    config: Path, tmp_path: Path, cli: Cli
) -> None:
    start = Path(shutil.copytree(OLD, tmp_path / "start"))
    config.write_text(CONFIG.format(adapter=start))
    words = ("train", str(config), "--out")
    assert cli(*words, str(tmp_path / "whole")).code == 0
    assert cli(*words, str(tmp_path / "half"), "--set", "learn.steps=1").code == 0
    changed = start / "adapters" / "step-000002" / _adapters.WEIGHTS
    changed.write_bytes((OLD / "adapters" / "step-000002" / _adapters.WEIGHTS).read_bytes()[:-4] + b"\0\0\0\0")
    assert cli(*words, str(tmp_path / "half"), "--resume").code == 0
    assert weights(tmp_path / "half", 2) == weights(tmp_path / "whole", 2)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("lora.rank=8", "has rank 1, and the run trains 8: set lora.rank = 1 to start from it"),
        ("lora.alpha=8", "has alpha 32, and the run trains 8: set lora.alpha = 32 to start from it"),
        ('lora.targets=["v_proj"]', "lora.targets names other modules, or it is for another base model"),
    ],
)
def test_an_adapter_of_another_shape_is_refused(
    setting: str, reason: str, config: Path, tmp_path: Path, cli: Cli
) -> None:
    assert reason in cli.refusal("train", str(config), "--out", str(tmp_path / "out"), "--set", setting)
    assert not (tmp_path / "out").exists()


def test_an_adapter_of_another_base_model_is_refused(tiny: Path, config: Path, tmp_path: Path, cli: Cli) -> None:
    config.write_text(config.read_text().replace("nano+", f"hf:{tiny}+"))
    message = cli.refusal("train", str(config), "--out", str(tmp_path / "out"))
    assert "was made for 'nano'" in message and str(tiny) in message


def test_an_adapter_without_a_card_of_another_base_model_is_refused(config: Path, tmp_path: Path, cli: Cli) -> None:
    other = save_adapter(tmp_path / "other", seed=1)
    (other / _adapters.CARD).unlink(missing_ok=True)
    settings = json.loads((other / _adapters.CONFIG).read_text())
    config.write_text(CONFIG.format(adapter=other))
    words = ("--set", f"lora.rank={settings['r']}", "--set", f"lora.alpha={settings['lora_alpha']}")
    message = cli.refusal("train", str(config), "--out", str(tmp_path / "out"), *words)
    assert "lora.targets names other modules, or it is for another base model" in message
