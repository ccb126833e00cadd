"""Many coroutines, few at a time: what arenas, training and evals run their episodes through.

Nothing waits for the slowest: whenever one job ends, the next begins. Results are handed out as they come, so that an
interrupt loses nothing that was finished.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

NUM_IN_FLIGHT = 256  # fills an engine's batches, and holds few enough prompts in memory


async def run_all(
    jobs: Iterable[Callable[[], Awaitable[T]]],
    limit: int = NUM_IN_FLIGHT,
    done: Callable[[int, T], None] | None = None,
) -> list[T]:
    """Runs every job and gives their results in the order of the jobs.

    The first job that raises ends all: those in flight are cancelled, which frees their requests, and its exception is
    raised. So does a cancellation from outside, an interrupt for instance.

    Args:
        jobs: called one after the other as places become free; they may be made lazily.
        limit: how many are in flight at once.
        done: told of each result, with its job's position, as soon as it is there.
    """
    waiting = enumerate(jobs)
    results: dict[int, T] = {}
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(_work(waiting, results, done))
    except BaseExceptionGroup as problems:
        raise problems.exceptions[0] from None
    return [results[k] for k in sorted(results)]


async def _work(
    waiting: Iterator[tuple[int, Callable[[], Awaitable[T]]]],
    results: dict[int, T],
    done: Callable[[int, T], None] | None,
) -> None:
    """Takes jobs until there are none left."""
    for position, job in waiting:
        results[position] = result = await job()
        if done is not None:
            done(position, result)
