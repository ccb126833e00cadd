"""Writes files atomically: a reader finds the old content or the new, also after a kill.

Checks where a command will write, before anything slow.
"""

import json
import os
import tempfile
from pathlib import Path

from mirrormatch.errors import UserError


def write_text(path: Path, text: str) -> None:
    """Writes the text to a temporary file and renames it to `path`. Makes missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def write_json(path: Path, value: object) -> None:
    """Writes the value as JSON, atomically as in `write_text`."""
    write_text(path, json.dumps(value, indent=1) + "\n")


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
