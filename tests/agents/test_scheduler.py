"""Jobs run few at a time, and each result is passed on as soon as it is there."""

import asyncio
import functools
import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from mirrormatch.agents.engines._background_loop import BackgroundLoop
from mirrormatch.agents.scheduler import run_all


class Room:
    """Counts the concurrent visits."""

    def __init__(self) -> None:
        self.inside = self.most = 0

    async def visit(self, k: int, ticks: int = 3) -> int:
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(ticks):
            await asyncio.sleep(0)
        self.inside -= 1
        return k


def visits(room: Room, num: int) -> list[Callable[[], Awaitable[int]]]:
    return [functools.partial(room.visit, k, 1 + k % 5) for k in range(num)]


def test_results_come_in_the_order_of_the_jobs() -> None:
    assert asyncio.run(run_all(visits(Room(), 40), limit=7)) == list(range(40))


def test_no_more_than_the_limit_are_in_flight() -> None:
    room = Room()
    asyncio.run(run_all(visits(room, 100), limit=9))
    assert room.most == 9


def test_nothing_waits_for_the_slowest() -> None:
    ended = list[int]()

    async def slow() -> int:
        while len(ended) < 20:
            await asyncio.sleep(0)
        return 0

    room = Room()
    asyncio.run(run_all([slow, *visits(room, 20)], limit=2, on_result=lambda position, _: ended.append(position)))
    assert ended[-1] == 0 and ended[:20] == list(range(1, 21))


def test_jobs_are_made_when_their_place_is_free() -> None:
    room, made = Room(), list[int]()

    def jobs() -> Iterator[Callable[[], Awaitable[int]]]:
        for k in range(50):
            made.append(k)
            assert room.inside < 5
            yield functools.partial(room.visit, k)

    assert asyncio.run(run_all(jobs(), limit=5)) == made == list(range(50))


def test_the_first_failure_is_raised_and_frees_the_others() -> None:
    room, freed = Room(), list[int]()

    async def fails() -> int:
        await asyncio.sleep(0)
        raise LookupError("no such thing")

    async def waits(k: int) -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            freed.append(k)
            raise
        return k

    waiting: list[Callable[[], Awaitable[int]]] = [functools.partial(waits, k) for k in range(3)]
    with pytest.raises(LookupError, match="no such thing"):
        asyncio.run(run_all([*waiting, fails, *visits(room, 5)], limit=4))
    assert sorted(freed) == [0, 1, 2]


def test_what_was_finished_before_an_interrupt_has_been_handed_out() -> None:
    finished = list[int]()

    async def main() -> None:
        async def endless() -> int:
            return await asyncio.sleep(60, 7)

        jobs = [*visits(Room(), 10), endless]
        task = asyncio.ensure_future(run_all(jobs, limit=3, on_result=lambda position, _: finished.append(position)))
        while len(finished) < 10:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert sorted(finished) == list(range(10))


def test_an_interrupt_while_a_result_is_passed_on_leaves_no_task_behind(caplog: pytest.LogCaptureFixture) -> None:
    def interrupt(position: int, result: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(run_all(visits(Room(), 10), limit=3, on_result=interrupt))
    gc.collect()
    assert not caplog.records  # asyncio logs an exception that was never retrieved


def test_a_background_loop_serves_one_loop_after_the_other() -> None:
    background = BackgroundLoop("test")

    async def home() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def ask() -> asyncio.AbstractEventLoop:
        return await background.run(home())

    assert asyncio.run(ask()) is asyncio.run(ask()) is background.call(home())


def test_cancelling_the_wait_cancels_the_work_in_the_background() -> None:
    background, ended = BackgroundLoop("test"), list[str]()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(background.run(long()), timeout=0.05)
        while not ended:
            await asyncio.sleep(0.001)

    asyncio.run(give_up())
    assert ended == ["cancelled"]
