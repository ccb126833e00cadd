"""Runs many coroutines, few at a time: the episodes of arenas, training and evals.

The next job begins when any one ends. Each result is passed on as it comes: an interrupt loses no finished one.
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
    """Runs every job and returns their results in the order of the jobs.

    The first exception of a job cancels all others, which frees their requests, and is raised. A cancellation from
    outside, such as an interrupt, does the same.

    Args:
        jobs: called in order as slots become free; may be an iterator that makes them lazily.
        limit: number of jobs in flight at once.
        on_result: called with the position and the result of each job as it ends.
    """
    queue = _Queue(jobs)
    results: dict[int, T] = {}
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(_run_jobs(queue, results, on_result))
    except BaseExceptionGroup as problems:
        first = problems.exceptions[0]
        raise (KeyboardInterrupt() if isinstance(first, _Interrupted) else first) from None
    return [results[k] for k in sorted(results)]


class _Queue(Generic[T]):
    """Queue of unstarted jobs with their positions; closed at the first failure."""

    def __init__(self, jobs: Iterable[Callable[[], Awaitable[T]]]) -> None:
        self._jobs = enumerate(jobs)
        self.closed = False

    def __iter__(self) -> Iterator[tuple[int, Callable[[], Awaitable[T]]]]:
        while not self.closed and (job := next(self._jobs, None)) is not None:
            yield job


async def _run_jobs(queue: _Queue[T], results: dict[int, T], on_result: Callable[[int, T], None] | None) -> None:
    """Runs jobs from the queue until it is empty or closed."""
    try:
        for position, job in queue:
            results[position] = result = await job()
            if on_result is not None:
                on_result(position, result)
            await asyncio.sleep(0)
    except BaseException as problem:
        queue.closed = True  # jobs that never wait would all run before the cancellation reaches them
        if isinstance(problem, KeyboardInterrupt):  # out of a task it would tear the event loop down
            raise _Interrupted from None
        raise


class _Interrupted(Exception):
    """Ctrl-C while a job was running."""
