"""The lock of a run's folder: one process at a time trains there.

The operating system drops the lock when its process ends, also by a kill. Reading a run needs no lock.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mirrormatch.errors import UserError

if sys.platform != "win32":  # which has no such lock: a run there is as it was before there was one
    import fcntl

LOCK_FILE = "run.lock"
_TAKEN = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Holds the folder's lock during the block. Makes the folder.

    The lock file contains the number of the process and is left behind: removing it could free a name that another
    process has just locked.

    Raises:
        UserError: another process holds the lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{str(folder)!r} is a file: a run needs a folder, --out DIR names one") from None
    path = folder / LOCK_FILE
    with path.open("a+", encoding="utf-8") as file:
        if not _take_lock(file):
            raise UserError(_refusal(folder, path))
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _take_lock(file: IO[str]) -> bool:
    """Takes the lock and returns True, or False where another process has it."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno not in _TAKEN  # any other reason: some network file systems have no locks
    return True


def _refusal(folder: Path, path: Path) -> str:
    number = path.read_text(encoding="utf-8").strip()
    who = f"another process ({number})" if number.isdigit() else "another process"
    return f"{who} is at work in {str(folder)!r}: wait for its end, or --out DIR starts another run"
