"""Files appear whole or not at all, on a full disk too, and what a killed process has left is removed."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.paths import ROOT

from mirrormatch.agents.episodes import read_episodes
from mirrormatch.config_file import load_settings
from mirrormatch.errors import UserError
from mirrormatch.files import append_line, parse_object, read_bounded, write_text
from mirrormatch.training.config import RunConfig

LIMIT = 1_000  # bytes per file
DEAD = 2**22 + 1  # no process has a number above 2^22


def run_limited(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process that can't write beyond `LIMIT` bytes of any file."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys\nfrom pathlib import Path\n{code}", *words],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )


APPEND = "from mirrormatch.files import append_line\nappend_line(Path(sys.argv[1]), b'x' * 300 + b'\\n')"
WRITE = "from mirrormatch.files import write_text\nwrite_text(Path(sys.argv[1]), 'x' * 2_000)"


def test_a_line_that_does_not_fit_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    ended = [run_limited(APPEND, str(path)) for _ in range(5)]
    assert [run.returncode for run in ended] == [0, 0, 0, 1, 1]
    assert "File too large" in ended[-1].stderr
    assert path.read_bytes() == (b"x" * 300 + b"\n") * 3


def test_a_text_that_does_not_fit_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "text"
    write_text(path, "old")
    assert run_limited(WRITE, str(path)).returncode == 1
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_device_without_space_is_an_error_and_nothing_more() -> None:
    with pytest.raises(OSError, match="No space left on device"):
        append_line(Path("/dev/full"), b"x\n")


def make_file(path: Path) -> None:
    path.write_text("half")


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "half").write_text("half")


@pytest.mark.parametrize("make", [make_file, make_folder])
def test_leftovers_of_processes_that_are_gone_are_removed(make: Callable[[Path], None], tmp_path: Path) -> None:
    gone, running, other = (
        tmp_path / f".{name}.part" for name in (f"a[1].{DEAD}", f"a[1].{os.getppid()}", f"b.{DEAD}")
    )
    for path in (gone, running, other):
        make(path)
    write_text(tmp_path / "a[1]", "whole")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a[1]", running, other])


DEEP = "[" * 100_000


def test_a_file_that_never_ends_is_read_up_to_a_limit() -> None:
    with pytest.raises(ValueError, match="longer than 16,777,216 bytes"):
        read_bounded(Path("/dev/zero"))


@pytest.mark.parametrize("text", [DEEP, f'{{"a": {DEEP}', "[]", "1", "", b"\xff", '{"a": ' + "1" * 5_000 + "}"])
def test_what_is_no_json_object_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_object(text)


def test_nested_toml_is_refused_in_a_file_and_a_text_in_an_assignment(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(f"x = {DEEP}")
    with pytest.raises(UserError, match="is not TOML"):
        load_settings(path, RunConfig)
    assert load_settings(ROOT / "configs" / "kuhn_nano.toml", RunConfig, [f"model={DEEP}"]).model == DEEP


def test_an_episode_file_that_never_ends_is_refused() -> None:
    with pytest.raises(UserError, match="line 1: longer than 268,435,456 bytes"):
        list(read_episodes(Path("/dev/zero")))
