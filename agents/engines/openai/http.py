"""An HTTP client that repeats failed requests: which failures, how long it waits, and when it gives up.

A request to a busy, slow or disconnecting server is repeated after a randomized, growing wait; an unreachable server is
waited for. The content of requests and answers is the caller's.
"""

import asyncio
import functools
import json
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar

import httpx

from mirrormatch.errors import UserError

T = TypeVar("T")
Reader: TypeAlias = Callable[[httpx.Response], Awaitable[T]]
Send: TypeAlias = Callable[[], Awaitable[httpx.Response]]

MAX_WAIT_S = 20.0  # between two attempts, unless the server demands more
MAX_OUTAGE_WAIT_S = 2.0  # short, to find a server soon after its restart
MAX_MALFORMED = 4  # give up after this many malformed answers in a row
CONNECT_S = 10.0  # to reach a server, or to find that it can't be reached
KEEPALIVE_S = 4.0  # less than servers keep idle connections, or the next request would go to a closed one
MAX_REASON_CHARS = 300  # of a server's error message
_MAX_DOUBLINGS = 16  # of the wait; more would overflow long before they matter

_BUSY = frozenset({408, 425, 429})  # and all from 500 on
_PERMANENT = b"insufficient_quota"  # a 429 that no wait resolves
_LOCAL = re.compile(r"localhost|127(\.\d+){3}|::1")


class RetryPolicy(NamedTuple):
    """Limits of waiting.

    Attributes:
        timeout_s: longest silence of the server during a request.
        deadline_s: longest time for one answer, retries included.
        outage_s: longest wait for an unreachable server; not counted towards the deadline.
        backoff_s: upper bound of the first wait. Waits are drawn from 0 to a bound that doubles (back-off with full
            jitter).
    """

    timeout_s: float
    deadline_s: float
    outage_s: float
    backoff_s: float


class Refusal(Exception):
    """The server refused the request, and would refuse it again.

    Attributes:
        status: the HTTP status.
        reason: the server's message, in one line, without the key.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class MalformedAnswer(Exception):
    """An answer that can't be parsed; raised by readers."""


class Stalled(Exception):
    """A stream stays open without an event."""


class _AttemptFailed(Exception):
    """One attempt failed; another one may succeed.

    Attributes:
        reason: the failure in one line.
        wait_s: the wait that the server demands.
        is_gone: the server is unreachable.
        is_malformed: the answer couldn't be parsed.
    """

    def __init__(self, reason: str, wait_s: float = 0.0, is_gone: bool = False, is_malformed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s
        self.is_gone = is_gone
        self.is_malformed = is_malformed


class _Attempts:
    """The failed attempts of one request, which decide between a further attempt and giving up. Times in seconds.

    Attributes:
        deadline: the time at which the current attempt is cancelled.

    Args:
        url: the server, for error messages.
        policy: the limits.
        now: the time at which the request begins.
        waits: whether an unreachable server is waited for.
    """

    def __init__(self, url: str, policy: RetryPolicy, now: float, waits: bool) -> None:
        self.deadline = now + policy.deadline_s
        self._url = url
        self._policy = policy
        self._waits = waits
        self._num_failed = 0
        self._num_malformed = 0  # in a row
        self._gone_since: float | None = None
        self._reason = "it doesn't answer"

    def add(self, failure: _AttemptFailed, began: float, now: float, rng: random.Random) -> float:
        """Records a failed attempt and returns the wait before the next one.

        Raises:
            UserError: there is no next one.
        """
        self._num_failed += 1
        self._reason = failure.reason
        self._count_malformed(failure)
        wait_s = failure.wait_s + rng.uniform(0, self._max_wait_s(failure.is_gone))
        if failure.is_gone:
            self._extend_deadline(began, now + wait_s)
        else:
            self._gone_since = None
            if now + wait_s > self.deadline:
                raise self.deadline_error(self._num_failed)
        return wait_s

    def deadline_error(self, num_attempts: int | None = None) -> UserError:
        """The error of a request that reached its deadline, by default during an attempt."""
        num_attempts = self._num_failed + 1 if num_attempts is None else num_attempts
        times = "once" if num_attempts == 1 else f"{num_attempts} times"
        return UserError(
            f"{self._url!r} was asked {times} and gave no reply in deadline_s={self._policy.deadline_s:g} seconds: "
            f"{self._reason}"
        )

    def _count_malformed(self, failure: _AttemptFailed) -> None:
        self._num_malformed = self._num_malformed + 1 if failure.is_malformed else 0
        if self._num_malformed == MAX_MALFORMED:
            raise UserError(
                f"{self._url!r} answers what can't be understood, {self._num_malformed} times in a row: {self._reason}"
            )

    def _max_wait_s(self, is_gone: bool) -> float:
        most_s = MAX_OUTAGE_WAIT_S if is_gone else MAX_WAIT_S
        return min(most_s, self._policy.backoff_s * 2.0 ** min(self._num_failed - 1, _MAX_DOUBLINGS))

    def _extend_deadline(self, began: float, retry_at: float) -> None:
        """Gives the next attempt on an unreachable server the whole deadline again, until the outage is too long."""
        if not self._waits:
            raise UserError(f"no server answers at {self._url!r}: {self._reason}; is it running, and is the URL right?")
        self._gone_since = began if self._gone_since is None else self._gone_since
        outage_s = self._policy.outage_s
        if retry_at - self._gone_since > outage_s:
            raise UserError(
                f"the server at {self._url!r} has been gone for outage_s={outage_s:g} seconds: {self._reason}"
            )
        self.deadline = retry_at + self._policy.deadline_s


class Client:
    """One server, its connections and its key. All methods run on one event loop.

    Args:
        url: the URL that paths are appended to.
        key: sent with every request and never shown; None sends none.
        policy: limits of waiting.
        max_connections: number of requests at once; further ones wait, which the deadline doesn't count.
        on_retry: called before each attempt but the first.
    """

    def __init__(
        self, url: str, key: str | None, policy: RetryPolicy, max_connections: int, on_retry: Callable[[], None]
    ) -> None:
        self.url = url
        self._key = key
        self._policy = policy
        self._slots = asyncio.Semaphore(max_connections)
        self._on_retry = on_retry
        self._random = random.Random()
        self._certificates = httpx.create_ssl_context()
        # Each connection is a client of its own: with one pool, httpx looks at all connections for each request.
        self._clients = tuple(self._connection() for _ in range(max_connections))
        self._free = list(self._clients)

    async def request(
        self, path: str, body: Any, read: Reader[T], *, waits: bool = True, final: Sequence[int] = ()
    ) -> T:
        """Sends a request until the server answers it.

        Args:
            path: appended to the URL.
            body: posted as JSON; None for a GET.
            read: parses an answer; raises `MalformedAnswer` if it can't.
            waits: whether an unreachable server is waited for.
            final: statuses that mean a refusal here, although they are usually retried.

        Raises:
            Refusal: the server refused the request.
            UserError: it didn't answer in time, or its answers can't be parsed.
        """
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
        async with self._slots:
            client = self._free.pop()  # the most recently used one, to keep few connections warm
            try:
                request = client.build_request(method, f"{self.url}/{path}", content=content)
                return await self._retry(functools.partial(client.send, request, stream=True), read, waits, final)
            finally:
                self._free.append(client)

    async def close(self) -> None:
        """Closes all connections."""
        for client in self._clients:
            await client.aclose()

    def _connection(self) -> httpx.AsyncClient:
        timeout_s = self._policy.timeout_s
        key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return httpx.AsyncClient(
            headers={"Content-Type": "application/json", **key},
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s), pool=None),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE_S),
            trust_env=not is_local(self.url),  # no proxy between this machine and itself
            verify=self._certificates,
        )

    async def _retry(self, send: Send, read: Reader[T], waits: bool, final: Sequence[int]) -> T:
        loop = asyncio.get_running_loop()
        attempts = _Attempts(self.url, self._policy, loop.time(), waits)
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout_at(attempts.deadline):
                    return await self._attempt(send, read, final)
            except TimeoutError:
                raise attempts.deadline_error() from None
            except _AttemptFailed as problem:
                failure = problem
            await asyncio.sleep(attempts.add(failure, began, loop.time(), self._random))
            self._on_retry()

    async def _attempt(self, send: Send, read: Reader[T], final: Sequence[int]) -> T:
        try:
            response = await send()
            try:
                if response.status_code != httpx.codes.OK:
                    raise self._failure(response.status_code, await response.aread(), response.headers, final)
                return await read(response)
            finally:
                await response.aclose()  # closes the connection of a response that wasn't read to its end
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise _AttemptFailed(self.sanitize(str(problem)) or "it can't be reached", is_gone=True) from None
        except (httpx.TimeoutException, Stalled):
            raise _AttemptFailed(f"it sent nothing for timeout_s={self._policy.timeout_s:g} seconds") from None
        except httpx.TransportError as problem:
            raise _AttemptFailed(f"the connection was dropped: {self.sanitize(str(problem))}") from None
        except (MalformedAnswer, httpx.DecodingError) as problem:
            raise _AttemptFailed(self.sanitize(str(problem)), is_malformed=True) from None

    def _failure(self, status: int, raw: bytes, headers: httpx.Headers, final: Sequence[int]) -> Exception:
        reason = self.sanitize(extract_reason(raw))
        is_busy = status in _BUSY or status >= 500
        if is_busy and status not in final and _PERMANENT not in raw:
            wait_s = parse_retry_after(headers.get("Retry-After", ""), time.time())
            demand = f", and asks to wait {wait_s:.0f} seconds" if wait_s else ""
            return _AttemptFailed(f"{status}{reason and f': {reason}'}{demand}", wait_s)
        if 300 <= status < 400:
            reason = f"it redirects to {self.sanitize(headers.get('Location', ''))!r}"
        return Refusal(status, reason)

    def sanitize(self, text: str) -> str:
        """A server's text in one short line, without the key."""
        hidden = text.replace(self._key, "***") if self._key else text
        return " ".join(hidden.split())[:MAX_REASON_CHARS]


async def read_events(response: httpx.Response, stall_s: float) -> AsyncIterator[str]:
    """The data of server-sent events (WHATWG HTML, section 9.2), up to the end of the stream.

    Raises:
        Stalled: no event for `stall_s` seconds. Comments, which only keep the connection open, don't count.
    """
    lines = response.aiter_lines()
    while True:
        try:
            async with asyncio.timeout(stall_s):
                data = await _next_event(lines)
        except TimeoutError:
            raise Stalled from None
        if data is None:
            return
        yield data


async def _next_event(lines: AsyncIterator[str]) -> str | None:
    data: list[str] = []
    async for line in lines:
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif not line and data:
            return "\n".join(data)
    return "\n".join(data) if data else None


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine, judged by its name alone."""
    return bool(_LOCAL.fullmatch(httpx.URL(url).host))


def extract_reason(raw: bytes) -> str:
    """The message in the body of an error, in any of the servers' forms, or the whole body."""
    text = raw.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except ValueError:
        return text
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else json.dumps(found)


def parse_retry_after(header: str, now: float) -> float:
    """The seconds in a Retry-After header (RFC 9110, section 10.2.3), which may be a date; 0 without one."""
    if re.fullmatch(r"\d+(\.\d+)?", header.strip()):
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return 0.0
