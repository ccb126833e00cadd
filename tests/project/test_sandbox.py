"""A guarded child obeys its requests, and neither hangs its parent nor sees its environment."""

import os
import time
from pathlib import Path

import pytest

from mirrormatch.errors import UserError
from mirrormatch.sandbox import GuardedChild

OBEDIENT = """
import json, os, sys, time
print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request == "hang":
        time.sleep(600)
    if request == "crash":
        os.abort()
    print(json.dumps(dict(os.environ) if request == "environment" else request), flush=True)
"""


@pytest.fixture
def obedient(tmp_path: Path) -> Path:
    script = tmp_path / "obedient.py"
    script.write_text(OBEDIENT, encoding="utf-8")
    return script


def test_a_child_that_hangs_or_dies_is_replaced(obedient: Path) -> None:
    with GuardedChild(obedient, [], limit_s=1.0) as child:
        began = time.monotonic()
        replies = [child.request(message) for message in ("one", "hang", "two", "crash", "three")]
        assert replies == ["one", None, "two", None, "three"]
        assert time.monotonic() - began < 30


def test_a_child_knows_no_environment_of_its_parent(obedient: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    with GuardedChild(obedient, [], limit_s=10.0) as child:
        environment = child.request("environment")
    assert isinstance(environment, dict)
    assert "SOME_API_KEY" not in environment
    assert "HOME" not in environment


def test_no_child_is_left_behind(obedient: Path) -> None:
    with GuardedChild(obedient, [], limit_s=10.0) as child:
        child.request("one")
        assert child._child is not None
        pid = child._child.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_module_beside_the_script_shadows_no_library(obedient: Path) -> None:
    obedient.with_name("json.py").write_text("raise SystemExit", encoding="utf-8")
    with GuardedChild(obedient, [], limit_s=10.0) as child:
        assert child.request("one") == "one"


def test_a_script_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not start"), GuardedChild(tmp_path / "none.py", [], limit_s=1.0) as child:
        child.request("one")
