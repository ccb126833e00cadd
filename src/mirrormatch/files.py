"""Writes files atomically: a reader finds the old content or the new, also after a kill.

Checks where a command will write, before anything slow.
"""

import contextlib
import glob
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mirrormatch.errors import UserError

MAX_BYTES = 16 << 20  # of settings, a card or a measurement; usual are kilobytes
PART = ".part"  # ends the names of temporary files and folders: .NAME.PROCESS.part


def write_text(path: Path, text: str) -> None:
    """Writes the text to a temporary file and renames it to `path`. Makes missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, path.name)
    beside = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except BaseException:  # a full disk, for example
        beside.unlink(missing_ok=True)
        raise


def append_line(path: Path, line: bytes) -> None:
    """Appends a line to a file, whole or not at all: after an error the file ends as before.

    Raises:
        OSError: the line can't be written.
    """
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[file.write(rest) :]  # a part of the line where the disk is almost full
        except BaseException:
            with contextlib.suppress(OSError):  # a device such as /dev/full has no length
                file.truncate(end)
            raise


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Removes the temporary files and folders that killed processes have left in a folder.

    Args:
        folder: the folder.
        name: the name of the file or folder that was to be written; all of them by default.
    """
    for left in folder.glob(f".{name if name == '*' else glob.escape(name)}.*{PART}"):
        process = left.name.removesuffix(PART).rpartition(".")[2]
        if process.isdecimal() and not _is_running(int(process)):
            remove(left)


def remove(path: Path) -> None:
    """Removes a file or a folder, which may have been removed meanwhile."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def write_json(path: Path, value: object) -> None:
    """Writes the value as JSON, atomically as in `write_text`."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object from a file of unknown content.

    Raises:
        OSError: the file can't be read.
        ValueError: it is too long, or holds no JSON object.
    """
    return parse_object(read_bounded(path))


def read_bounded(path: Path) -> bytes:
    """Reads a file of settings or the like: a device, or a sparse file of many gigabytes, could fill the memory.

    Raises:
        OSError: the file can't be read.
        ValueError: it is too long.
    """
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES:,} bytes")
    return raw


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parses a JSON object.

    Raises:
        ValueError: the text is something else.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def check_file(path: Path, what: str) -> None:
    """Checks that a file can be written; leaves no file behind.

    Args:
        path: the file, existing or not. Its folder must exist: a misspelt one isn't made.
        what: the content in a word or two, for the message.

    Raises:
        UserError: it can't be written; the message has the reason.
    """
    if not path.parent.is_dir():
        raise UserError(f"can't write {what} to {str(path)!r}: there is no folder {str(path.parent)!r}")
    is_new = not path.exists()
    try:
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as problem:
        raise UserError(f"can't write {what} to {str(path)!r}: {problem.strerror}") from None


def check_folder(path: Path, what: str) -> None:
    """Checks that a folder can be written or made; leaves nothing behind.

    Raises:
        UserError: it can't; the message has the reason.
    """
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise UserError(f"can't write {what} to {str(path)!r}: {str(existing)!r} is a file, and no folder")
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=".check-"):
            pass
    except OSError as problem:
        raise UserError(f"can't write {what} to {str(path)!r}: {problem.strerror}") from None
