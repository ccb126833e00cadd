"""Many coroutines, few at a time: what arenas, training and evals run their episodes through.

Nothing waits for the slowest: whenever one job ends, the next begins. Results are handed out as they come, so that an
interrupt loses nothing that was finished.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

NUM_IN_FLIGHT = 256  # fills an engine's batches, and holds few enough prompts in memory


async def run_all(
    jobs: Iterable[Callable[[], Awaitable[T]]],
    limit: int = NUM_IN_FLIGHT,
    on_result: Callable[[int, T], None] | None = None,
) -> list[T]:
    """Runs every job and gives their results in the order of the jobs.

    The first job that raises ends all: those in flight are cancelled, which frees their requests, and its exception is
    raised. So does a cancellation from outside, an interrupt for instance.

    Args:
        jobs: called one after the other as places become free; they may be made lazily.
        limit: how many are in flight at once.
        on_result: called with the position and the result of each job as it ends.
    """
    waiting = _Queue(jobs)
    results: dict[int, T] = {}
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(_run_jobs(waiting, results, on_result))
    except BaseExceptionGroup as problems:
        first = problems.exceptions[0]
        raise (KeyboardInterrupt() if isinstance(first, _Interrupted) else first) from None
    return [results[k] for k in sorted(results)]


class _Queue(Generic[T]):
    """The jobs that nobody has taken yet, with their positions; none any more once something went wrong."""

    def __init__(self, jobs: Iterable[Callable[[], Awaitable[T]]]) -> None:
        self._jobs = enumerate(jobs)
        self.closed = False

    def __iter__(self) -> Iterator[tuple[int, Callable[[], Awaitable[T]]]]:
        while not self.closed and (taken := next(self._jobs, None)) is not None:
            yield taken


async def _run_jobs(waiting: _Queue[T], results: dict[int, T], done: Callable[[int, T], None] | None) -> None:
    """Takes jobs until there are none left."""
    for position, job in waiting:
        try:
            results[position] = result = await job()
        except BaseException as problem:
            waiting.closed = True  # jobs that never wait would all be run before anybody could stop them
            if isinstance(problem, KeyboardInterrupt):  # out of a task it would tear the event loop down
                raise _Interrupted from None
            raise
        if done is not None:
            done(position, result)
        await asyncio.sleep(0)


class _Interrupted(Exception):
    """Ctrl-C while a job was at work."""
