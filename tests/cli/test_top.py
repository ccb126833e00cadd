"""`mirrormatch top` shows a run from its folder."""

import json
from pathlib import Path

import pytest
from tests.cli.runner import Cli
from tests.cli.terminal import show_on_a_terminal
from tests.training.records import make_player, play_tictactoe

from mirrormatch.config_file import parse_settings
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import RunFolder

LINE = {
    "reply_tokens": 20.0, "illegal": 0.0, "truncated": 0.0, "part_return/tictactoe/X": 0.5, "tokens_per_s": 900.0,
    "time/play_s": 4.0, "time/learn_s": 6.0,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run of 20 steps after 5 of them."""
    values = {"model": "nano", "play": {"games": ["tictactoe"], "episodes": 2}, "learn": {"steps": 20}}
    found = RunFolder(tmp_path / "my-run")
    with found.lock():
        found.open(parse_settings(values, RunConfig, "test"), False)
    lines = [json.dumps({"step": step, **LINE}) for step in range(1, 6)]
    found.metrics_path.write_text("\n".join(lines) + "\n")
    found.episodes_path(4).parent.mkdir()
    found.write_episodes(4, [play_tictactoe(make_player("1", "2", "3"), make_player("5", "9"))])
    return found


def test_one_frame_of_a_run_is_printed(cli: Cli, folder: RunFolder) -> None:
    printed = cli("top", str(folder.path), "--once")
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.startswith("step 5/20 0:02:30 left ")
    for part in ("reply tokens", "return X", "A game of tictactoe: X +1, O -1", "O: 5"):
        assert part in printed.out


def test_off_a_terminal_one_frame_is_enough_and_has_no_escape(cli: Cli, folder: RunFolder) -> None:
    assert cli("top", str(folder.path)).out == cli("top", str(folder.path), "--once").out
    assert "\x1b" not in cli("top", str(folder.path)).out


def test_a_plain_frame_has_no_blocks(cli: Cli, folder: RunFolder) -> None:
    assert cli("top", str(folder.path), "--plain").out.isascii()


def test_a_run_without_a_step_and_a_finished_one_are_shown(cli: Cli, folder: RunFolder) -> None:
    folder.metrics_path.write_text(json.dumps({"step": 20, **LINE}) + "\n")
    assert cli("top", str(folder.path)).out.startswith("step 20/20 finished ")
    folder.metrics_path.unlink()
    assert cli("top", str(folder.path)).out.startswith("step 0/20 -:--:-- left ")


def test_a_folder_without_a_run_is_refused(cli: Cli, tmp_path: Path) -> None:
    assert "no run at" in cli.refusal("top", str(tmp_path))


def test_a_broken_metric_is_refused_by_its_line(cli: Cli, folder: RunFolder) -> None:
    folder.metrics_path.write_text('{"step": 1}\n{"step": "x"}\n')
    assert "line 2 of" in cli.refusal("top", str(folder.path))


def test_ctrl_c_ends_the_frames_cleanly(folder: RunFolder) -> None:
    words = ("-m", "mirrormatch", "top", str(folder.path), "--every", "60")
    shown = show_on_a_terminal(*words, columns=60, rows=20, stop_at="A game of")
    assert shown.code == 0
    assert "Traceback" not in shown.text and shown.text.endswith("\x1b[?1049l"), "the first screen is back"
    lines = [part for line in shown.lines for part in line.split("^C")]  # the terminal's echo, between two frames
    assert max(map(len, lines)) <= 60
