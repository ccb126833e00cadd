"""Runs a program on a terminal of a given size."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import NamedTuple

ESCAPES = re.compile(r"\x1b[\[(][0-?]*[ -/]*[@-~]")
CTRL_C = b"\x03"


class Shown(NamedTuple):
    """What a program wrote on a terminal, and its exit code."""

    text: str
    code: int

    @property
    def lines(self) -> list[str]:
        """The lines without their escapes."""
        return re.split(r"[\r\n]+", ESCAPES.sub("", self.text))


def show_on_a_terminal(*words: str, columns: int, rows: int = 50, stop_at: str = "") -> Shown:
    """Runs Python with these arguments.

    Args:
        words: the arguments.
        columns: the terminal's width.
        rows: the terminal's height.
        stop_at: the text on whose appearance Ctrl-C is typed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    inherited = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    environment = {**inherited, "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *words],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    written, is_stopped = b"", False
    while chunk := _read(ours):
        written += chunk
        if stop_at and not is_stopped and stop_at in written.decode(errors="ignore"):
            os.write(ours, CTRL_C)
            is_stopped = True
    os.close(ours)
    return Shown(written.decode(), child.wait())


_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""  # Ctrl-C reaches the processes of the session whose terminal it is


def _read(file: int) -> bytes:
    """The next bytes; none once the other side is closed, which Linux reports as an error."""
    try:
        return os.read(file, 65_536)
    except OSError:
        return b""
