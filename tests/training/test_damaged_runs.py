"""Every way to damage a run's folder ends in one clean line or in a correct resume; docs/reliability.md lists them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.runner import Cli
from tests.paths import ROOT
from tests.training.damages import DAMAGES, REFUSED, SAME, Damage, flip_bit

from mirrormatch.agents.engines import _adapters
from mirrormatch.cli import main

pytestmark = pytest.mark.slow

CONFIG = """
model = "nano"
threads = 1

[lora]
rank = 2
targets = ["q_proj"]

[play]
games = ["kuhn_poker"]
episodes = 4
max_tokens = 48

[learn]
steps = 4
learning_rate = 1e-2
"""
LAST = "adapters/step-000004"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def whole(config: Path) -> Path:
    """A run of four steps."""
    folder = config.with_name("whole")
    assert main(["train", str(config), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def half(config: Path) -> Path:
    """The same run, three steps long."""
    folder = config.with_name("half")
    assert main(["train", str(config), "--out", str(folder), "--set", "learn.steps=3"]) == 0
    return folder


@pytest.fixture
def run(half: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(half, tmp_path / "run"))


def policy(folder: Path) -> bytes:
    return (folder / LAST / _adapters.WEIGHTS).read_bytes()


@pytest.mark.parametrize("damage", [d for d in DAMAGES if d.outcome == SAME], ids=lambda d: d.title)
def test_a_damaged_run_is_resumed_and_what_is_amiss_is_named(
    damage: Damage, run: Path, whole: Path, config: Path, cli: Cli
) -> None:
    damage.do(run)
    printed = cli("train", str(config), "--out", str(run), "--resume")
    assert printed.code == 0, printed.err
    assert policy(run) == policy(whole)
    usual = ("mirrormatch: step ", "mirrormatch: learn.steps = 4 from step ")
    named = [line.replace(str(run), "RUN") for line in printed.err.splitlines() if not line.startswith(usual)]
    assert len(named) == bool(damage.line), named
    assert all(line.startswith(f"mirrormatch: {damage.line}") for line in named), named


@pytest.mark.parametrize("damage", [d for d in DAMAGES if d.outcome == REFUSED], ids=lambda d: d.title)
def test_a_run_damaged_beyond_a_resume_is_refused_in_one_line(
    damage: Damage, run: Path, config: Path, cli: Cli
) -> None:
    damage.do(run)
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file() and p.name != "run.lock"}
    message = cli.refusal("train", str(config), "--out", str(run), "--resume").replace(str(run), "RUN")
    assert message.startswith(f"mirrormatch: error: {damage.line}")
    assert before == {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file() and p.name != "run.lock"}


def test_the_page_has_a_row_for_every_damage() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert [d.title for d in DAMAGES if f"| {d.title} | {d.outcome} |" not in page] == [], "make docs"
    assert len(DAMAGES) >= 16


def test_the_page_has_the_results_of_the_kills() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    kills = json.loads((ROOT / "tests" / "torture" / "results.json").read_text(encoding="utf-8"))["kills"]
    assert sorted({(k["kind"], sum(o["kind"] == k["kind"] for o in kills)) for k in kills}) == [
        ("match", 20),
        ("train", 20),
    ]
    assert [k["moment"] for k in kills if f"| {k['moment']} | {k['signal']} |" not in page] == [], "make torture"
    assert [k for k in kills if not k["survived"]] == []


def test_a_step_of_which_some_games_are_left_is_played_again_to_the_same_bits(
    run: Path, whole: Path, config: Path, cli: Cli
) -> None:
    name = "episodes/step-000003.tokens.gz"
    shutil.copy(whole / name, run / name)
    flip_bit(name)(run)
    assert cli("train", str(config), "--out", str(run), "--resume").code == 0
    assert policy(run) == policy(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few kilobytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this user can't mount a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


@pytest.mark.parametrize("size", ["48k", "140k"], ids=["before the first step", "between two steps"])
def test_a_full_disk_is_named_and_the_run_is_resumed_exactly(
    size: str, small_disk: Path, whole: Path, config: Path, cli: Cli
) -> None:
    words = ("train", str(config), "--out", str(small_disk / "run"))
    resize(small_disk, size)
    printed = cli(*words)
    assert printed.code == 2
    assert printed.err.splitlines()[-1] == (
        f"mirrormatch: error: No space left on device for the run in '{small_disk}/run': "
        "make some room, then --resume goes on with it"
    )
    resize(small_disk, "8m")
    assert cli(*words, "--resume").code == 0
    assert policy(small_disk / "run") == policy(whole)


def test_a_broken_measurement_is_named(half: Path, tmp_path: Path, cli: Cli) -> None:
    run = Path(shutil.copytree(half, tmp_path / "run"))
    (run / "measures").mkdir()
    (run / "measures" / "before.json").write_text("{")
    assert "measures/before.json' is no measurement: " in cli.refusal("report", str(run))
