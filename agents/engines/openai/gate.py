"""Limits the number of requests at once to what the server works on, found from the times of its replies.

A server on a laptop answers one request at a time and queues the others; a large one answers hundreds together. The
gate begins with a few, admits more while replies don't have to wait, and fewer as soon as they queue: when they take
twice the time that the server works on them, in the order of the requests.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

START = 8  # requests at once before the first replies
SHORT_WAIT_S = 1.0  # a wait for a reply's first part that is never taken for a queue
FEWEST = 2  # the next request is with the server when it ends one
_MIN_REPLIES = 4  # that a change of the limit follows from; half of the limit if that is more
_QUEUED, _SERVED = 2.0, 1.25  # total time over working time: from where on replies queue, and up to where they don't
_FIRST_GROWTH, _GROWTH = 2.0, 1.5  # of the limit, until it is lowered for the first time, and later
_MAX_OVERTAKEN = 0.2  # share of older requests that a reply overtakes: above it the server has no queue


class Visit:
    """A request inside the gate.

    Attributes:
        sent_at: the time of its sending, in seconds of the event loop.
        begun_at: the time of the first part of its reply; None before.
        heard_at: the time of the latest part of its reply; None before the first.
        num_sent: number of requests sent before it.
        overtaken: share of the requests without a reply that were sent before it, at the first part of its own.
    """

    __slots__ = ("begun_at", "heard_at", "num_sent", "overtaken", "sent_at")

    def __init__(self) -> None:
        self.sent_at = 0.0
        self.begun_at: float | None = None
        self.heard_at: float | None = None
        self.num_sent = 0
        self.overtaken: float | None = None


class _Reply(NamedTuple):
    """The times of a reply.

    Attributes:
        wait_s: seconds from the sending to the first part.
        stream_s: seconds from the first part to the last.
        overtaken: see `Visit`.
    """

    wait_s: float
    stream_s: float
    overtaken: float | None


class Gate:
    """Admits requests. All methods run on one event loop.

    The request that came last is admitted first: it continues a game, so games end one after the other, and most are
    finished when a server gives up.

    Attributes:
        limit: number of requests at once.

    Args:
        most: highest limit.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(START, most)
        self._most = most
        self._inside: list[Visit] = []
        self._queue: list[asyncio.Future[None]] = []
        self._replies = list[_Reply]()  # to requests sent since the last change of the limit
        self._first_counted = 0  # the number of the first one
        self._growth = _FIRST_GROWTH
        self._least_wait_s = math.inf
        self._num_sent = 0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Visit]:
        """A context for one request, entered when the limit allows."""
        while len(self._inside) >= self.limit:
            await self._wait_for_turn()
        visit = Visit()
        self._inside.append(visit)
        try:
            yield visit
        finally:
            self._inside.remove(visit)
            self._admit()

    def send(self, visit: Visit, now: float) -> None:
        """Records that the request is sent, for the first time or again."""
        visit.sent_at, visit.begun_at, visit.heard_at, visit.num_sent = now, None, None, self._num_sent
        self._num_sent += 1

    def begin(self, visit: Visit, now: float) -> None:
        """Records the first part of a reply."""
        others = [v for v in self._inside if v.begun_at is None and v is not visit]
        older = sum(v.num_sent < visit.num_sent for v in others)
        visit.overtaken = older / len(others) if others else None
        visit.begun_at = now

    def end(self, visit: Visit, now: float) -> None:
        """Records the last part of a reply, and adapts the limit."""
        if visit.begun_at is None:
            self.begin(visit, now)
        assert visit.begun_at is not None
        reply = _Reply(visit.begun_at - visit.sent_at, now - visit.begun_at, visit.overtaken)
        self._least_wait_s = min(self._least_wait_s, reply.wait_s)
        if visit.num_sent >= self._first_counted:
            self._replies.append(reply)
        if len(self._replies) >= max(_MIN_REPLIES, self.limit // 2):
            self._adapt()

    def _adapt(self) -> None:
        """Raises or lowers the limit by the replies since its last change."""
        unqueued_s = max(self._least_wait_s, SHORT_WAIT_S)
        total_s = sum(r.wait_s + r.stream_s for r in self._replies)
        working_s = sum(min(r.wait_s, unqueued_s) + r.stream_s for r in self._replies)
        if total_s <= _SERVED * working_s or not self._is_in_order():
            if self._queue:
                self.limit = min(self._most, math.ceil(self._growth * self.limit))
        elif total_s > _QUEUED * working_s:
            num_working = len(self._inside) * working_s / total_s
            self.limit = min(self.limit, max(FEWEST, math.ceil(num_working)))
            self._growth = _GROWTH
        self._replies.clear()
        self._first_counted = self._num_sent

    def _is_in_order(self) -> bool:
        """Whether replies begin in the order of the requests, as they do behind a queue."""
        shares = [r.overtaken for r in self._replies if r.overtaken is not None]
        return sum(shares) <= _MAX_OVERTAKEN * len(shares)

    async def _wait_for_turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._queue:
                self._queue.remove(turn)
            self._admit()  # it may have been admitted just before its cancellation
            raise

    def _admit(self) -> None:
        for _ in range(min(self.limit - len(self._inside), len(self._queue))):
            turn = self._queue.pop()
            if not turn.done():
                turn.set_result(None)
