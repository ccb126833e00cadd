"""The checkpoints of a run: folders `checkpoint-STEP`, each whole or named as damaged.

A checkpoint is whole once it holds `complete.json`, which lists the size and the hash of every other file and is
written after those have reached the disk. What the files contain is not known here.
"""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from mirrormatch.files import read_object, write_json

COMPLETE = "complete.json"
SCHEMA = 2
NUM_KEPT = 2  # should the newest be damaged, the one before it is used
Files: TypeAlias = dict[str, dict[str, Any]]
_NAME = re.compile(r"checkpoint-(\d+)")


class Checkpoint(NamedTuple):
    """A whole checkpoint.

    Attributes:
        path: the checkpoint's folder.
        step: number of finished steps.
        state: our own state, beside the trainer's.
        adapter: sizes and hashes of the files of the policy's adapter, by name.
    """

    path: Path
    step: int
    state: dict[str, Any]
    adapter: Files


class DamagedCheckpoint(Exception):
    """A checkpoint that was whole once and can't be used. The message is the reason."""


class OldCheckpoint(Exception):
    """A checkpoint of version 0.1.0, whose optimizer is in files of another kind."""


def find_checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """The steps and paths of all checkpoints in the folder, whole or not, the newest first."""
    found = [(int(m[1]), p) for p in folder.glob("checkpoint-*") if p.is_dir() and (m := _NAME.fullmatch(p.name))]
    return sorted(found, reverse=True)


def is_torn(path: Path) -> bool:
    """Whether the checkpoint was never completed, as a kill leaves it."""
    return not (path / COMPLETE).exists()


def seal_checkpoint(path: Path, step: int, state: dict[str, Any], adapter: Path) -> None:
    """Completes a checkpoint whose files are written, and removes the oldest beside it.

    Args:
        path: the checkpoint's folder.
        step: number of finished steps.
        state: our own state, beside the trainer's.
        adapter: the folder of the policy's adapter.
    """
    flush_folder(path)
    mark = {"schema": SCHEMA, "step": step, "files": describe_files(path), "adapter": describe_files(adapter)}
    write_json(path / COMPLETE, {**mark, "state": state})
    flush_folder(path)
    for _, old in find_checkpoints(path.parent)[NUM_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a completed checkpoint after comparing every file with its size and hash.

    Raises:
        DamagedCheckpoint: a file is missing or has changed.
        OldCheckpoint: version 0.1.0 wrote it.
    """
    mark = _read_mark(path / COMPLETE)
    if "schema" not in mark:
        raise OldCheckpoint
    try:
        found = Checkpoint(path, int(mark["step"]), dict(mark["state"]), dict(mark["adapter"]))
        files = dict(mark["files"])
    except (KeyError, TypeError, ValueError):
        raise DamagedCheckpoint(f"{COMPLETE} is broken") from None
    present = describe_files(path)
    for name, expected in files.items():
        if name not in present:
            raise DamagedCheckpoint(f"{name} is missing")
        if present[name] != expected:
            raise DamagedCheckpoint(f"{name} is not as it was written")
    return found


def describe_files(folder: Path) -> Files:
    """The size and the hash of every file below the folder, by name; nothing where there is no folder."""
    return {name: _describe_file(folder / name) for name in _list_files(folder)}


def flush_folder(path: Path) -> None:
    """Waits until the disk holds the folder and the files in it."""
    for name in _list_files(path):
        flush(path / name)
    flush(path)


def flush(path: Path) -> None:
    """Waits until the disk holds a file's content, or a folder's list of files."""
    if sys.platform == "win32" and path.is_dir():
        return  # which can't be opened there
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read_mark(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except FileNotFoundError:
        raise DamagedCheckpoint(f"{path.name} is missing") from None
    except (OSError, ValueError):
        raise DamagedCheckpoint(f"{path.name} is broken") from None


def _list_files(path: Path) -> Iterator[str]:
    """The files below the folder, without the mark and what a kill has left of one."""
    found = (p.relative_to(path).as_posix() for p in sorted(path.rglob("*")) if p.is_file())
    return (name for name in found if COMPLETE not in name)


def _describe_file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}
