"""Writes files atomically: a reader finds the old content or the new, also after a kill."""

import json
import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Writes the text to a temporary file and renames it to `path`. Makes missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def write_json(path: Path, value: object) -> None:
    """Writes the value as JSON, atomically as in `write_text`."""
    write_text(path, json.dumps(value, indent=1) + "\n")
