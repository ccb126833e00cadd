"""Start-up times: the help, and the import of the games."""

import resource
import statistics
import subprocess
import sys

import pytest

NUM_ROUNDS = 20
LIMITS_S = {
    "import mirrormatch.games": 0.1,
    "import sys; from mirrormatch.cli import main; sys.exit(main(['--help']))": 0.3,
}


@pytest.mark.parametrize(("code", "limit_s"), LIMITS_S.items())
def test_start_up(code: str, limit_s: float) -> None:
    times = [spent_s([sys.executable, "-c", code]) for _ in range(NUM_ROUNDS)]
    print(f"\nstart-up, the interpreter's own included: {statistics.median(times) * 1e3:.0f} ms ({code})")
    assert statistics.median(times) < limit_s


def spent_s(command: list[str]) -> float:
    """Processor time of a command in seconds, which a busy machine disturbs less."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
