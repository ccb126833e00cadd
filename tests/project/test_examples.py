"""Every example runs, in a process and folder of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.paths import ROOT

from mirrormatch.cli import main

pytestmark = pytest.mark.slow

NEEDS_RUNS = ROOT / "examples" / "summarise_runs.py"
EXAMPLES = sorted(set((ROOT / "examples").glob("*.py")) - {NEEDS_RUNS})
SHORT = (
    "learn.steps=1", "play.episodes=4", "measure.games=[]", "measure.thoughts=2", 'measure.transfer=["arithmetic"]',
    "measure.items=2", "measure.every=1",
)  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(example: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_runs_of_several_seeds_are_summarised(tmp_path: Path) -> None:
    runs = [str(tmp_path / f"seed-{seed}") for seed in (0, 1)]
    for seed, run in enumerate(runs):
        settings = [word for setting in (*SHORT, f"seed={seed}") for word in ("--set", setting)]
        assert main(["train", str(ROOT / "configs" / "kuhn_nano.toml"), "--out", run, *settings]) == 0
    command = [sys.executable, str(NEEDS_RUNS), *runs]
    table = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == ["| 0", "| 1", "| change"]
    assert table[0].count("|") == table[-1].count("|") and "[" in table[-1]


def test_the_example_game_keeps_the_contract() -> None:
    from mirrormatch import games
    from mirrormatch.games.contract.check import check

    path = next(p for p in EXAMPLES if p.stem == "rock_paper_scissors")
    assert check(games.registry.load_file(path), num_games=50) == []
