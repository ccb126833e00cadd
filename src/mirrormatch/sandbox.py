"""Runs a script on untrusted input in a child process that may hang or crash without harm to its parent.

The parent's side of the guard: a clean environment, no module search in the script's folder, a wall-clock limit for
every reply, a kill of the whole process group. It takes no right away from the script, which drops its own first: see
`evals/benchmarks/_gym_worker.py`. Games and benchmarks both execute untrusted code; this module is below them.

The protocol: the script prints one line when it is ready, then answers each line of JSON with one line of JSON.

    with GuardedChild(Path("worker.py"), ["--fast"], limit_s=5.0) as child:
        reply = child.request({"task": "gcd"})  # None: the child hung or died
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from mirrormatch.errors import UserError

ENVIRONMENT: Final = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
START_S: Final = 60.0  # limit for imports, on a busy laptop; an idle one needs two seconds
MAX_REPLY_BYTES: Final = 64_000_000


class GuardedChild:
    """A script in a child process: started at the first request, killed when it is late, restarted at the next request.

    A context manager: the child is killed when the block ends.

    Args:
        script: a Python file that imports nothing from this package.
        arguments: the script's command-line arguments.
        limit_s: wall-clock limit for one reply.
    """

    def __init__(self, script: Path, arguments: Sequence[str], limit_s: float) -> None:
        # -P: no module beside the script can shadow a library (evals/benchmarks has a reasoning_gym.py of its own).
        # -B: imports write no byte code.
        self._command = [sys.executable, "-P", "-B", str(script), *arguments]
        self._limit_s = limit_s
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "GuardedChild":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()

    def request(self, message: object) -> object:
        """Sends one request and returns the reply; None if the child hung or died, and was killed.

        Raises:
            UserError: the script doesn't start.
        """
        child = self._child or self._start()
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(message).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            self._kill()
            return None
        line = _read_line(child, self._limit_s)
        if line is None:
            self._kill()
            return None
        return json.loads(line)

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        if _read_line(self._child, START_S) is None:
            self._kill()
            raise UserError(f"{' '.join(self._command[:4])} does not start; run it by hand to see why")
        return self._child

    def _kill(self) -> None:
        if (child := self._child) is None:
            return
        self._child = None
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)  # the whole group: also children of the child
        child.wait()
        assert child.stdin is not None and child.stdout is not None
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # unread requests in the pipe
            child.stdin.close()


def _read_line(child: subprocess.Popen[bytes], limit_s: float) -> bytes | None:
    """Reads the next line of the child's output; None when the output ends, is too long or comes too late."""
    assert child.stdout is not None
    deadline, line = time.monotonic() + limit_s, bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if len(line) > MAX_REPLY_BYTES or not selector.select(max(0.0, deadline - time.monotonic())):
                return None  # a deadline in the past ends the wait even if there is output left
            chunk = os.read(child.stdout.fileno(), 65_536)
            if not chunk:
                return None
            line += chunk
    return bytes(line)
