"""A match on a full disk: the reason is named, the file ends with a whole line, and the scores are printed."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mirrormatch.agents.episodes import read_episodes

pytestmark = pytest.mark.slow

MATCH = ("match", "kuhn_poker", "random", "optimal", "--episodes", "20", "--json", "--save")
LIMIT = 8_000  # bytes per file: a few episodes


def run_match(path: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit_files() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    words = [sys.executable, "-m", "mirrormatch", *MATCH, path]
    return subprocess.run(words, capture_output=True, text=True, preexec_fn=limit_files)


def check_reports(run: subprocess.CompletedProcess[str], reason: str, num_saved: int) -> None:
    assert json.loads(run.stdout)["episodes"] == 20
    *_, last = run.stderr.splitlines()
    assert last.startswith("mirrormatch: error: can't write episodes to") and reason in last
    assert last.endswith(f"; it holds {num_saved} of the 20 episodes")
    assert run.returncode == 2 and "Traceback" not in run.stderr


def test_a_file_that_may_not_grow_keeps_its_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    run = run_match(str(path), LIMIT)
    num_saved = len(list(read_episodes(path)))
    assert 0 < num_saved < 20
    check_reports(run, "File too large", num_saved)


def test_a_device_without_space_costs_the_episodes_and_not_the_scores() -> None:
    check_reports(run_match("/dev/full"), "No space left on device", 0)


def can_mount() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="mounting a small disk needs root")
def test_a_full_disk_keeps_whole_lines(tmp_path: Path) -> None:
    """In a mount namespace of its own: nothing stays mounted."""
    match = " ".join([sys.executable, "-m", "mirrormatch", *MATCH, f"{tmp_path}/episodes.jsonl"])
    after = f"code=$?; cat {tmp_path}/episodes.jsonl >&3; exit $code"
    script = f"mount -t tmpfs -o size=16k tmpfs {tmp_path} && {{ {match}; {after}; }}"
    copy = tmp_path.with_name("copy.jsonl")
    with copy.open("wb") as file:
        run = subprocess.run(
            ["unshare", "--mount", "bash", "-c", f"exec 3>&{file.fileno()}; {script}"],
            capture_output=True,
            text=True,
            pass_fds=[file.fileno()],
        )
    num_saved = len(list(read_episodes(copy)))
    assert num_saved > 0
    check_reports(run, "No space left on device", num_saved)


def test_standard_output_on_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "mirrormatch", *MATCH[:-1]]
        run = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == "mirrormatch: error: No space left on device"
