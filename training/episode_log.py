"""The games of one step as they end, with their tokens, in one compressed frame each: a kill loses at most the last.

A frame is a member of a gzip file with one line of JSON (`zcat` prints them all): `{"number": 3, "record": {...}}` for
a game, and at the end of the step `{"advantages": [...]}`, one entry for each trained seat.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mirrormatch.agents.episodes import parse_episode, to_json
from mirrormatch.agents.types import Episode
from mirrormatch.training.types import Credit, Trajectory

_GZIP = 16 + zlib.MAX_WBITS  # zlib's name for gzip's header
_LEVEL = 4  # half the time of the default for a tenth more bytes


class EpisodeLog:
    """The file of one step.

    Args:
        path: the file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_finished(self) -> dict[int, Episode]:
        """The games in the file by their numbers within the step; what follows the last whole one is cut off."""
        if not self.path.exists():
            return {}
        found, end = dict[int, Episode](), 0
        for line, position in _read_frames(self.path.read_bytes()):
            frame: dict[str, Any] = json.loads(line)
            if "record" in frame:
                record = json.dumps(frame["record"]).encode() + b"\n"
                found[frame["number"]] = parse_episode(record, f"{str(self.path)!r}, game {frame['number']}")
                end = position
        with self.path.open("r+b") as file:
            file.truncate(end)
        return found

    def clear(self) -> None:
        """Removes the file."""
        self.path.unlink(missing_ok=True)

    def append(self, number: int, episode: Episode) -> None:
        """Writes a finished game."""
        self._write(f'{{"number": {number}, "record": {to_json(episode, tokens=True)}}}\n')

    def append_advantages(self, batch: Sequence[Trajectory], credit: Credit) -> None:
        """Writes the advantages of a step's replies, which end the file."""
        pairs = zip(batch, credit, strict=True)
        entries = [{"number": t.episode, "role": t.role, "part": t.part, "values": values} for t, values in pairs]
        self._write(json.dumps({"advantages": entries}) + "\n")

    def _write(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(gzip.compress(line.encode(), _LEVEL, mtime=0))


def _read_frames(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yields each whole frame with the position of its end."""
    start = 0
    while start < len(data):
        frame = zlib.decompressobj(_GZIP)
        try:
            line = frame.decompress(data[start:])
        except zlib.error:
            return
        if not frame.eof:
            return
        start = len(data) - len(frame.unused_data)
        yield line, start
