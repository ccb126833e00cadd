"""Asks an HTTP server until it answers: what is asked again, how long is waited, and when to give up.

A server that is busy, slow or cut off is asked again after a wait that grows and is drawn at random; one that is gone
is waited for. What is asked, and what an answer means, isn't known here.
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

MAX_WAIT_S = 20.0  # between two attempts, unless the server asks for more
MAX_OUTAGE_WAIT_S = 2.0  # a server that comes back is found soon
MAX_MALFORMED = 4  # answers in a row that make no sense: the next one won't either
CONNECT_S = 10.0  # to reach a server, or to find that it can't be reached
KEEPALIVE_S = 4.0  # less than servers keep idle connections, or the next request would go to a closed one
MAX_REASON_CHARS = 300  # of what a server says about an error

_BUSY = frozenset({408, 425, 429})  # and all from 500 on
_FOR_GOOD = "insufficient_quota"  # a 429 that no waiting helps
_LOCAL = re.compile(r"localhost|127(\.\d+){3}|::1")


class RetryPolicy(NamedTuple):
    """How long to wait for what.

    Attributes:
        timeout_s: without a byte from the server.
        deadline_s: for one answer, retries included.
        outage_s: for a server that is gone. That time isn't counted towards the deadline.
        backoff_s: the longest first wait. Waits are drawn from 0 to a bound that doubles (back-off with full jitter).
    """

    timeout_s: float
    deadline_s: float
    outage_s: float
    backoff_s: float


class Refusal(Exception):
    """The server said no, and would say no again.

    Attributes:
        status: of HTTP.
        said: its reason, in one line, without the key.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class MalformedAnswer(Exception):
    """An answer that can't be understood; raised by readers."""


class Stalled(Exception):
    """A stream that goes on without an event."""


class _AttemptFailed(Exception):
    """This attempt failed, and another may not."""

    def __init__(self, reason: str, wait_s: float = 0.0, gone: bool = False, broken: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s  # what the server asks for
        self.gone = gone
        self.broken = broken


class Client:
    """One server, its connections and the key to it. All of it runs on one event loop.

    Args:
        url: what paths are added to.
        key: sent with every request and shown nowhere; None sends none.
        policy: how long to wait.
        max_connections: how many requests are under way at once; the others wait, and that isn't counted.
        on_retry: called before each attempt but the first.
    """

    def __init__(
        self, url: str, key: str | None, policy: RetryPolicy, max_connections: int, on_retry: Callable[[], None]
    ) -> None:
        self.url = url
        self._key = key
        self._policy = policy
        self._slots = asyncio.Semaphore(max_connections)
        self._retried = on_retry
        self._random = random.Random()
        self._certificates = httpx.create_ssl_context()
        # Each connection is a client of its own: with one pool, httpx looks at all connections for each request.
        self._clients = tuple(self._connection() for _ in range(max_connections))
        self._free = list(self._clients)

    async def request(
        self, path: str, body: Any, read: Reader[T], *, waits: bool = True, final: Sequence[int] = ()
    ) -> T:
        """The server's answer.

        Args:
            path: below the URL.
            body: posted as JSON; None for a GET.
            read: makes something of an answer; raises `Broken` where it can't.
            waits: whether a server that is gone is waited for.
            final: statuses that would be asked again elsewhere, and mean a refusal here.

        Raises:
            Refusal: the server said no.
            UserError: it didn't answer in time, or what it answered makes no sense.
        """
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
        async with self._slots:
            client = self._free.pop()  # the one used last, so that few connections are kept warm
            try:
                request = client.build_request(method, f"{self.url}/{path}", content=content)
                return await self._retry(functools.partial(client.send, request, stream=True), read, waits, final)
            finally:
                self._free.append(client)

    async def close(self) -> None:
        """Ends all connections."""
        for client in self._clients:
            await client.aclose()

    def _connection(self) -> httpx.AsyncClient:
        timeout_s = self._policy.timeout_s
        key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return httpx.AsyncClient(
            headers={"Content-Type": "application/json", **key},
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s), pool=None),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE_S),
            trust_env=not is_local(self.url),  # a proxy leads nowhere from here to here
            verify=self._certificates,
        )

    async def _retry(self, send: Send, read: Reader[T], waits: bool, final: Sequence[int]) -> T:
        loop, policy = asyncio.get_running_loop(), self._policy
        deadline = loop.time() + policy.deadline_s
        gone_since, num_attempts, num_broken = None, 0, 0
        reason = "it doesn't answer"
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._attempt(send, read, final)
            except TimeoutError:
                raise self._deadline_error(num_attempts + 1, reason) from None
            except _AttemptFailed as problem:
                failed, reason = problem, problem.reason
            num_attempts += 1
            num_broken = num_broken + 1 if failed.broken else 0
            if num_broken == MAX_MALFORMED:
                raise UserError(f"{self.url!r} answers what can't be understood, {num_broken} times in a row: {reason}")
            wait_s = failed.wait_s + self._random.uniform(0, self._max_wait_s(num_attempts, failed.gone))
            if failed.gone:
                gone_since = began if gone_since is None else gone_since
                self._check_outage(loop.time() + wait_s - gone_since, reason, waits)
                deadline = loop.time() + wait_s + policy.deadline_s  # whoever comes back begins anew
            else:
                gone_since = None
                if loop.time() + wait_s > deadline:
                    raise self._deadline_error(num_attempts, reason)
            await asyncio.sleep(wait_s)
            self._retried()

    def _max_wait_s(self, num_attempts: int, gone: bool) -> float:
        most_s = MAX_OUTAGE_WAIT_S if gone else MAX_WAIT_S
        return min(most_s, self._policy.backoff_s * 2.0 ** min(num_attempts - 1, 16))

    def _check_outage(self, lasts_s: float, reason: str, waits: bool) -> None:
        if not waits:
            raise UserError(f"no server answers at {self.url!r}: {reason}; is it running, and is the URL right?")
        if lasts_s > self._policy.outage_s:
            raise UserError(
                f"the server at {self.url!r} has been gone for outage_s={self._policy.outage_s:g} seconds: {reason}"
            )

    def _deadline_error(self, num_attempts: int, reason: str) -> UserError:
        times = "once" if num_attempts == 1 else f"{num_attempts} times"
        return UserError(
            f"{self.url!r} was asked {times} and gave no reply in deadline_s={self._policy.deadline_s:g} seconds: "
            f"{reason}"
        )

    async def _attempt(self, send: Send, read: Reader[T], final: Sequence[int]) -> T:
        try:
            response = await send()
            try:
                if response.status_code != httpx.codes.OK:
                    raise self._failure(response.status_code, await response.aread(), response.headers, final)
                return await read(response)
            finally:
                await response.aclose()  # one that wasn't read to its end closes the connection
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise _AttemptFailed(self.sanitize(str(problem)) or "it can't be reached", gone=True) from None
        except (httpx.TimeoutException, Stalled):
            raise _AttemptFailed(f"it sent nothing for timeout_s={self._policy.timeout_s:g} seconds") from None
        except httpx.TransportError as problem:
            raise _AttemptFailed(f"the connection was dropped: {self.sanitize(str(problem))}") from None
        except (MalformedAnswer, httpx.DecodingError) as problem:
            raise _AttemptFailed(self.sanitize(str(problem)), broken=True) from None

    def _failure(self, status: int, raw: bytes, headers: httpx.Headers, final: Sequence[int]) -> Exception:
        said = self.sanitize(extract_reason(raw))
        busy = status in _BUSY or status >= 500
        if busy and status not in final and _FOR_GOOD.encode() not in raw:
            asked_s = parse_retry_after(headers.get("Retry-After", ""), time.time())
            asks = f", and asks to wait {asked_s:.0f} seconds" if asked_s else ""
            return _AttemptFailed(f"{status}{said and f': {said}'}{asks}", asked_s)
        if 300 <= status < 400:
            said = f"it redirects to {self.sanitize(headers.get('Location', ''))!r}"
        return Refusal(status, said)

    def sanitize(self, text: str) -> str:
        """A text of the server's as it may be shown: one line, not too long, without the key."""
        hidden = text.replace(self._key, "***") if self._key else text
        return " ".join(hidden.split())[:MAX_REASON_CHARS]


async def read_events(response: httpx.Response, stall_s: float) -> AsyncIterator[str]:
    """The data of server-sent events (WHATWG HTML, section 9.2), up to the end of the stream.

    Raises:
        Stalled: no event for `stall_s` seconds, comments not counted, with which servers keep a connection open.
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
    """Whether the URL's host is this machine, by its name alone."""
    return bool(_LOCAL.fullmatch(httpx.URL(url).host))


def extract_reason(raw: bytes) -> str:
    """The reason in the body of an error, wherever servers put it; the whole body where it is none of theirs."""
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
