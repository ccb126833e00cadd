"""A child process that may hang, crash or be fed anything, and is asked one line at a time.

It inherits no environment variables. What it computes is not known here: it is a script that prints one line when it
is ready and then answers each line of JSON with one line of JSON. What it forbids itself is its own affair.
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
START_S: Final = 60.0  # imports on a busy laptop; two seconds on an idle one
MAX_REPLY_BYTES: Final = 64_000_000


class GuardedChild:
    """Starts the script when first asked, kills it when it takes too long, and starts it anew when asked again.

    Use it as a context manager: the child is gone when the block ends.

    Args:
        script: a Python file that imports nothing from this package.
        arguments: of the script.
        limit_s: wall-clock time for one reply.
    """

    def __init__(self, script: Path, arguments: Sequence[str], limit_s: float) -> None:
        # -P: the script's folder is not searched for modules. -B: nothing is written.
        self._command = [sys.executable, "-P", "-B", str(script), *arguments]
        self._limit_s = limit_s
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "GuardedChild":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()

    def ask(self, request: object) -> object:
        """The reply to one request, or None: the child hung or died over it and has been killed.

        Raises:
            UserError: the script doesn't start at all.
        """
        child = self._child or self._start()
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            self._kill()
            return None
        line = _line_of(child, self._limit_s)
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
        if _line_of(self._child, START_S) is None:
            self._kill()
            raise UserError(f"{' '.join(self._command[:4])} does not start; run it by hand to see why")
        return self._child

    def _kill(self) -> None:
        if (child := self._child) is None:
            return
        self._child = None
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)  # its own group: children it may have, too
        child.wait()
        assert child.stdin is not None and child.stdout is not None
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):  # what it never read
            child.stdin.close()


def _line_of(child: subprocess.Popen[bytes], limit_s: float) -> bytes | None:
    """The next line of its output; None when it ends, says too much or takes too long."""
    assert child.stdout is not None
    deadline, line = time.monotonic() + limit_s, bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if len(line) > MAX_REPLY_BYTES or not selector.select(max(0.0, deadline - time.monotonic())):
                return None  # also when the deadline is past and there is something to read
            read = os.read(child.stdout.fileno(), 65_536)
            if not read:
                return None
            line += read
    return bytes(line)
