"""Start-up times: the help, and the import of the games."""

import subprocess
import sys
from typing import Any

import pytest

LIMITS_S = {
    "import mirrormatch.games": 0.1,
    "import sys; from mirrormatch.cli import main; sys.exit(main(['--help']))": 0.3,
}


@pytest.mark.parametrize(("code", "limit_s"), LIMITS_S.items())
def test_start_up(benchmark: Any, code: str, limit_s: float) -> None:
    benchmark.group = "start-up, the interpreter's own included"
    command = [sys.executable, "-c", code]
    benchmark.pedantic(subprocess.run, args=(command,), kwargs={"capture_output": True, "check": True}, rounds=20)
    assert benchmark.stats.stats.median < limit_s
