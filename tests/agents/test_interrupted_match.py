"""What a match says on its way: what its engines did, and at Ctrl-C one line, with what was finished on the disk."""

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
    episodes = list(read_episodes(path))
    assert len(episodes) >= 3 and all(e.game == "tictactoe" and e.returns for e in episodes)


def test_what_an_engine_did_is_told_with_all_who_used_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", "kuhn_poker", "nano", "nano,temperature=0", "--episodes", "2"]) == 0
    (told,) = (line for line in capsys.readouterr().err.splitlines() if "requests" in line)
    assert told.startswith("mirrormatch: nano, nano,temperature=0: ")
