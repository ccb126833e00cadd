"""Every config that ships trains: two steps on the small bundled model, with all else as the file has it."""

import math
from pathlib import Path

import pytest
from tests.paths import ROOT
from tests.training.test_whole_runs import run, weights

from mirrormatch.config_file import load_settings
from mirrormatch.training import metrics
from mirrormatch.training.checks import check_config
from mirrormatch.training.config import RunConfig

pytestmark = pytest.mark.slow

CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
OVERRIDES = ("model=nano", "threads=1", "learn.steps=2", "play.episodes=12", "play.max_tokens=24", "keep_adapters=1")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_that_ships_trains_its_adapter_in_two_steps(path: Path, tmp_path: Path) -> None:
    config = load_settings(path, RunConfig, OVERRIDES)
    check_config(config)
    folder = run(config, tmp_path / "run")
    steps = metrics.read(folder.metrics_path)
    assert [step["step"] for step in steps] == [1, 2]
    assert all(math.isfinite(value) for step in steps for value in step.values())
    assert weights(folder, 2) != weights(folder, 1)
