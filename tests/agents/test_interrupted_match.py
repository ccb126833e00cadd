"""A match's messages: its engines' counts, and one line at Ctrl-C, with every finished episode saved."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirrormatch.agents.episodes import read_episodes
from mirrormatch.cli import main

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0


def test_an_interrupt_keeps_every_finished_episode(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    words = ["match", "tictactoe", "mcts:100", "random", "--episodes", "5000", "--save", str(path)]
    match = subprocess.Popen(
        [sys.executable, "-m", "mirrormatch.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # background jobs have no handler
    )
    deadline = time.monotonic() + PATIENCE_S
    while not (path.exists() and path.read_text().count("\n") >= 3):
        assert time.monotonic() < deadline and match.poll() is None, "no episode was written"
        time.sleep(0.05)
    os.kill(match.pid, signal.SIGINT)
    out, err = match.communicate(timeout=PATIENCE_S)
    assert match.returncode == 130 and out == ""
    assert err.splitlines()[-1].startswith("mirrormatch: interrupted") and "Traceback" not in err
    episodes = list(read_episodes(path))
    assert len(episodes) >= 3 and all(e.game == "tictactoe" and e.returns for e in episodes)


def test_the_counts_of_an_engine_are_printed_with_all_its_specs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", "kuhn_poker", "nano", "nano,temperature=0", "--episodes", "2"]) == 0
    (counts,) = (line for line in capsys.readouterr().err.splitlines() if "requests" in line)
    assert counts.startswith("mirrormatch: nano, nano,temperature=0: ")
