"""Reads the bodies of answers within a limit of bytes, which counts what a compressed body expands to.

A server may send without end, and a few kilobytes of gzip may expand to gigabytes. Nothing here depends on the content.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias

import httpx

Beat: TypeAlias = Callable[[], None]  # called at each part of a reply

ENCODING = "gzip"  # the one that is requested
MAX_ANSWER_BYTES = 8 << 20  # of a whole answer; a reply of 10,000 tokens with log-probs is a megabyte
MAX_ERROR_BYTES = 64 << 10
MAX_TOKEN_BYTES = 4 << 10  # of a stream, per token of the budget; usual are 200 to 600
MAX_TOKEN_EVENTS, MAX_SPARE_EVENTS = 16, 1_000  # of a stream: per token of the budget, and besides
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK_BYTES = 64 << 10


class MalformedAnswer(Exception):
    """An answer that can't be parsed; raised by readers."""


async def read_body(response: httpx.Response, limit: int = MAX_ANSWER_BYTES, cut: bool = False) -> bytes:
    """Reads a whole body.

    Args:
        response: the response.
        limit: maximum number of bytes, after decompression.
        cut: return the first `limit` bytes of a longer body.

    Raises:
        MalformedAnswer: the body is longer and isn't cut, or its encoding can't be read.
    """
    parts, num = list[bytes](), 0
    async for part in _decompressed(response):
        parts.append(part[: limit - num])
        num += len(part)
        if num > limit and cut:
            break
        if num > limit:
            raise MalformedAnswer(f"it is longer than {limit:,} bytes")
    return b"".join(parts)


async def read_events(response: httpx.Response, beat: Beat, num_tokens: int) -> AsyncIterator[str]:
    """The data of server-sent events (WHATWG HTML, section 9.2), up to the end of the stream.

    Args:
        response: the response.
        beat: called at each event. Comments, which only keep the connection open, don't count.
        num_tokens: the token budget of the reply, from which the limits on the stream follow.

    Raises:
        MalformedAnswer: the stream is longer, or its encoding can't be read.
    """
    events = _Events(MAX_ANSWER_BYTES + MAX_TOKEN_BYTES * num_tokens, MAX_SPARE_EVENTS + MAX_TOKEN_EVENTS * num_tokens)
    async for part in _decompressed(response):
        for data in events.add(part):
            beat()
            yield data
    for data in events.add(b"\n\n"):
        beat()
        yield data


class _Events:
    """Splits a stream into events. Lines end at line feeds alone: JSON may contain Unicode's other line separators.

    Args:
        max_bytes: maximum length of the stream.
        max_events: maximum number of events.
    """

    def __init__(self, max_bytes: int, max_events: int) -> None:
        self._max_bytes, self._max_events = max_bytes, max_events
        self._num_bytes, self._num_events = 0, 0
        self._line = list[bytes]()  # parts of a line without its end
        self._data = list[bytes]()  # of an event without its end

    def add(self, part: bytes) -> Iterator[str]:
        """Takes the next part of the stream and yields the events that it completes."""
        self._num_bytes += len(part)
        if self._num_bytes > self._max_bytes:
            raise MalformedAnswer(f"the stream is longer than {self._max_bytes:,} bytes")
        whole, found, rest = part.rpartition(b"\n")
        if not found:
            self._line.append(rest)
            return
        lines = b"".join([*self._line, whole]).split(b"\n")
        self._line = [rest]
        for line in lines:
            if (data := self._end_line(line.removesuffix(b"\r"))) is not None:
                yield data

    def _end_line(self, line: bytes) -> str | None:
        """The event that an empty line completes; None otherwise."""
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        if line or not self._data:
            return None
        self._num_events += 1
        if self._num_events > self._max_events:
            raise MalformedAnswer(f"the stream has more than {self._max_events:,} events")
        data, self._data = b"\n".join(self._data), []
        return data.decode("utf-8", "replace")


async def _decompressed(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body in parts of bounded length."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        async for raw in response.aiter_raw():
            yield raw
        return
    if encoding not in (ENCODING, f"x-{ENCODING}"):
        raise MalformedAnswer(f"its encoding is {encoding!r}, and {ENCODING!r} was requested")
    gzip = zlib.decompressobj(_GZIP)
    async for raw in response.aiter_raw():
        while raw and not gzip.eof:
            try:
                part = gzip.decompress(raw, _CHUNK_BYTES)
            except zlib.error as problem:
                raise MalformedAnswer(f"its gzip can't be read: {problem}") from None
            raw = gzip.unconsumed_tail
            yield part
