"""Whatever the files of a run hold, `report`, `top` and `watch` show them or refuse them in one line."""

import asyncio
import contextlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.strategies import damaged_json
from tests.fuzz.test_files import EPISODES
from tests.paths import ROOT

from mirrormatch import agents
from mirrormatch.cli import main
from mirrormatch.config_file import load_settings
from mirrormatch.evals.measurement import Plan, measure_agent
from mirrormatch.training.config import RunConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]


def make_files() -> dict[str, Any]:
    """The files of a run that a report reads, as values."""
    config = load_settings(ROOT / "configs" / "kuhn_nano.toml", RunConfig)
    measured = asyncio.run(measure_agent(agents.get("random"), Plan(games=("kuhn_poker",), episodes=2), 0))
    return {
        "config.json": config.model_dump(mode="json"),
        "metrics.jsonl": {"step": 1, "loss": 0.5, "return/kuhn_poker/0": 1.0, "time/play_s": 2.0, "illegal": 0.0},
        "measures/before.json": json.loads(measured.model_dump_json(by_alias=True)),
        "episodes/step-000000.jsonl": EPISODES[0],
    }


FILES = make_files()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def run(*words: str) -> None:
    """Runs a command that succeeds or reports one line."""
    shown, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(errors):
        code = main(words)
    assert code in (0, 2)
    assert code == 0 or errors.getvalue().count("mirrormatch: error: ") == errors.getvalue().count("\n") == 1


@pytest.mark.parametrize("damaged", FILES)
@given(data=st.data())
def test_a_report_and_a_frame_of_any_files_are_shown_or_refused(
    folder: Path, damaged: str, data: st.DataObject
) -> None:
    for name, value in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        raw = data.draw(damaged_json([value])) if name == damaged else json.dumps(value).encode()
        path.write_bytes(raw + b"\n")
    run("report", str(folder))
    run("top", str(folder), "--once")


@given(damaged_json(EPISODES))
def test_any_episode_is_shown_or_refused(folder: Path, line: bytes) -> None:
    path = folder / "episodes.jsonl"
    path.write_bytes(line + b"\n")
    run("watch", str(path), "--plain", "--turn-delay", "0")
