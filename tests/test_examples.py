"""Every example runs as a stranger would run it."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(example: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_example_game_keeps_the_contract() -> None:
    from mirrormatch import games
    from mirrormatch.games.core.contract import check

    path = next(p for p in EXAMPLES if p.stem == "rock_paper_scissors")
    assert check(games.registry.load_file(path), num_games=50) == []
