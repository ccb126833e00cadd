"""The process that scores with reasoning-gym: what code inside of it can't do, even if a model's text became code."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.paths import ROOT

pytestmark = pytest.mark.slow

WORKER = ROOT / "evals" / "benchmarks" / "_gym_worker.py"
# Modules are loaded before, as by the libraries that the scorers use.
CONFINED = f"""
import ctypes, gc, importlib.util, mmap, os, pathlib, socket, sqlite3, subprocess, sys, threading
spec = importlib.util.spec_from_file_location("worker", {str(WORKER)!r})
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
attack = compile(sys.argv[1], "attack", "exec")
path = sys.argv[2]
how = sys.argv[3] if len(sys.argv) > 3 else ""
if how in sys.modules:
    del sys.modules[how]
if how == "without hook":
    sys.addaudithook = lambda hook: None
if how != "unconfined":
    refusal = worker.confine()
    refusal.is_scoring = True
try:
    exec(attack)
except BaseException as problem:
    print(type(problem).__name__)
else:
    print("succeeded")
"""

# The arguments of subprocess in Python 3.11 for `touch path`.
FORK_EXEC = (
    "[b'/usr/bin/touch', path.encode()], [b'/usr/bin/touch'], True, (), None, None, -1, -1, -1, -1, -1, -1, "
    "*os.pipe(), True, False, 0, None, None, None, -1, None, True"
)
ATTACKS = {
    "write a file": "open(path, 'w')",
    "write by a path": "pathlib.Path(path).touch()",
    "write without Python's open": "os.open(path, os.O_CREAT | os.O_WRONLY)",
    "start a process": "subprocess.run(['touch', path])",
    "start one in C": f"sys.modules['_posixsubprocess'].fork_exec({FORK_EXEC})",
    "start one by its other name": f"subprocess._fork_exec({FORK_EXEC})",
    "fork": "os.fork()",
    "signal the parent": "os.kill(os.getppid(), 0)",
    "a database": "sqlite3.connect(path)",
    "map memory": "mmap.mmap(-1, 4096)",
    "look for the hook": "gc.get_objects()",
    "look for its users": "gc.get_referrers(refusal)",
    "call C": "ctypes.CDLL(None)",
    "connect": "socket.socket().connect(('127.0.0.1', 9))",
    "compile": "eval('1 + 1')",
    "raise the limits": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
}
MODULES = {
    "_posixsubprocess": "import _posixsubprocess",
    "sqlite3": "import sqlite3",
    "mmap": "import mmap",
    "gc": "import gc",
    "ctypes": "import ctypes",
}


@pytest.fixture
def path() -> Iterator[Path]:
    """A file that doesn't exist, in a folder in which everybody may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder, "seen")


def attack(code: str, *words: str) -> str:
    run = subprocess.run([sys.executable, "-P", "-B", "-c", CONFINED, code, *words], capture_output=True, text=True)
    return (run.stdout + run.stderr).strip()


@pytest.mark.parametrize("code", ATTACKS.values(), ids=ATTACKS)
def test_code_in_the_process_is_refused(code: str, path: Path) -> None:
    assert attack(code, str(path)) in ("PermissionError", "TypeError", "AttributeError", "BlockingIOError")
    assert not path.exists()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_goes_around_the_hook_is_not_imported(module: str, path: Path) -> None:
    assert attack(MODULES[module], str(path), module) == "PermissionError"


def test_files_are_few(path: Path) -> None:
    assert attack("kept = [open('/dev/null') for _ in range(100)]", str(path)) == "OSError"


@pytest.mark.skipif(os.geteuid() != 0, reason="there are no rights to drop")
@pytest.mark.parametrize("code", ["open('/etc/shadow').read()", "os.setuid(0)", "os.setgid(0)"])
def test_root_s_rights_are_dropped_for_good(code: str, path: Path) -> None:
    assert attack(code, str(path)) == "PermissionError"
    assert (
        attack("assert os.getresuid() == os.getresgid() == (65534,) * 3 and os.getgroups() == []", str(path))
        == "succeeded"
    )


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("os.fork()", "BlockingIOError"),
        ("threading.Thread(target=print).start()", "RuntimeError"),
        ("with open(path, 'w') as file: file.write('x')", "OSError"),
    ],
)
def test_without_the_hook_the_system_keeps_processes_and_bytes_away(code: str, error: str, path: Path) -> None:
    assert attack(code, str(path), "without hook") == error
    assert not path.exists() or not path.read_bytes()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the arguments in C are those of Python 3.11")
@pytest.mark.parametrize("name", ["write a file", "start a process", "start one in C", "start one by its other name"])
def test_the_attacks_work_in_an_open_process(name: str, path: Path) -> None:
    assert attack(f"{ATTACKS[name]}\nimport time; time.sleep(0.2)", str(path), "unconfined") == "succeeded"
    assert path.exists()


def test_harmless_code_runs(path: Path) -> None:
    assert attack("sum(range(10)); open('/dev/null').read()", str(path)) == "succeeded"
