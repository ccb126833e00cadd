"""Ctrl-C ends a match in one line, and what was finished is on the disk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mirrormatch.agents.core.episodes import read

PATIENCE_S = 60.0


def test_an_interrupt_keeps_every_finished_episode(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    words = ["match", "tictactoe", "mcts:100", "random", "--episodes", "5000", "--save", str(path)]
    match = subprocess.Popen(
        [sys.executable, "-m", "mirrormatch.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a job in the background has none
    )
    deadline = time.monotonic() + PATIENCE_S
    while not (path.exists() and path.read_text().count("\n") >= 3):
        assert time.monotonic() < deadline and match.poll() is None, "no episode was written"
        time.sleep(0.05)
    os.kill(match.pid, signal.SIGINT)
    out, err = match.communicate(timeout=PATIENCE_S)
    assert match.returncode == 130 and out == ""
    assert err.splitlines()[-1].startswith("mirrormatch: interrupted") and "Traceback" not in err
    episodes = list(read(path))
    assert len(episodes) >= 3 and all(e.game == "tictactoe" and e.returns for e in episodes)
