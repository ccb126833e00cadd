"""Dynamic batching: requests that wait while the engine is busy are served together.

The batches depend on the order of the requests alone, never on time: a run repeated with the same seeds makes the same
batches, and with them the same rounding.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")

_QUIET_TICKS = 3  # turns of the event loop without a new request before a batch is closed


class _Waiting(NamedTuple, Generic[Request, Result]):
    key: Hashable
    request: Request
    future: "asyncio.Future[Result]"


class Batcher(Generic[Request, Result]):
    """Collects requests and serves them in batches of one key.

    Args:
        serve: computes one result per request. It blocks, on the event loop's thread.
        max_batch: number of requests served at once.
    """

    def __init__(self, serve: Callable[[Hashable, Sequence[Request]], Sequence[Result]], max_batch: int) -> None:
        self._serve = serve
        self._max_batch = max_batch
        self._waiting: list[_Waiting[Request, Result]] = []
        self._pump: asyncio.Task[None] | None = None

    async def submit(self, key: Hashable, request: Request) -> Result:
        """Awaits the request's result. Requests with different keys never share a batch."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Waiting(key, request, future))
        if self._pump is None or self._pump.done():
            self._pump = loop.create_task(self._run())
            self._pump.add_done_callback(_retrieve_exception)
        return await future

    async def _run(self) -> None:
        while await self._wait_until_quiet():
            batch = self._next_batch()
            try:
                results = self._serve(batch[0].key, [w.request for w in batch])
            except BaseException as problem:  # waiting callers must get it, or they would wait for ever
                for waiting in batch:
                    if not waiting.future.done():
                        waiting.future.set_exception(problem if isinstance(problem, Exception) else _Interrupted())
                if not isinstance(problem, Exception):
                    raise
                continue
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)

    async def _wait_until_quiet(self) -> bool:
        """Lets every coroutine that can run submit its request. Returns whether any request waits."""
        quiet, seen = 0, -1
        while quiet < _QUIET_TICKS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == seen else 0
            seen = len(self._waiting)
        self._waiting = [w for w in self._waiting if not w.future.done()]  # cancelled ones
        return bool(self._waiting)

    def _next_batch(self) -> list[_Waiting[Request, Result]]:
        key = self._waiting[0].key
        batch = [w for w in self._waiting if w.key == key][: self._max_batch]
        taken = {id(w) for w in batch}
        self._waiting = [w for w in self._waiting if id(w) not in taken]
        return batch


def _retrieve_exception(pump: "asyncio.Task[None]") -> None:
    """Retrieves the task's exception, for which asyncio would log a warning: an interrupt, raised elsewhere already."""
    if not pump.cancelled():
        pump.exception()


class _Interrupted(Exception):
    """The engine was stopped while requests waited."""
