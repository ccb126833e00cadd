"""An HTTP client that repeats failed requests: which failures, how long it waits, and when it gives up.

A request to a busy, silent or disconnecting server is repeated after a randomized, growing wait; an unreachable server
is waited for. A server that replies is never silent: neither a long streamed reply nor a queue of requests counts
towards a limit. The content of requests and answers is the caller's.
"""

import asyncio
import functools
import json
import math
import random
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeAlias, TypeVar

import httpx

from mirrormatch.agents.engines.openai.bodies import ENCODING, MAX_ERROR_BYTES, Beat, MalformedAnswer, read_body
from mirrormatch.agents.engines.openai.gate import Gate, Visit
from mirrormatch.errors import UserError

T = TypeVar("T")
Reader: TypeAlias = Callable[[httpx.Response, Beat], Awaitable[T]]
Send: TypeAlias = Callable[[], Awaitable[httpx.Response]]

MAX_WAIT_S = 20.0  # between two attempts, unless the server demands more
MAX_OUTAGE_WAIT_S = 2.0  # short, to find a server soon after its restart
MAX_DEMAND_S = 86_400.0  # that a server demands; more is beyond every deadline
MAX_MALFORMED = 4  # give up after this many malformed answers in a row
CONNECT_S = 10.0  # to reach a server, or to find that it can't be reached
KEEPALIVE_S = 4.0  # less than servers keep idle connections, or the next request would go to a closed one
MAX_REASON_CHARS = 300  # of a server's error message
_MAX_DOUBLINGS = 16  # of the wait; more would overflow long before they matter

_BUSY = frozenset({408, 425, 429})  # and all from 500 on
# A 429 for an empty account, and a 500 for messages that the model's chat template refuses: no wait resolves them.
_PERMANENT = re.compile(rb"insufficient_quota|jinja|chat.?template|system.role|roles must alternate", re.IGNORECASE)
_LOCAL = re.compile(r"localhost|127(\.\d+){3}|::1")


class RetryPolicy(NamedTuple):
    """Limits of waiting.

    Attributes:
        timeout_s: longest silence of the server during a request: no part of the reply and, before its first one, no
            part of any other reply.
        deadline_s: longest time that one request may lose to failures, silence and waits between attempts.
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


class ErrorAnswer(Exception):
    """An error inside an answer with status 200; raised by readers.

    Attributes:
        status: the status that the error names; None if it names none.
        raw: the body, or the event.
    """

    def __init__(self, status: int | None, raw: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.raw = raw


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

    Args:
        url: the server, for error messages.
        policy: the limits.
        waits: whether an unreachable server is waited for.
    """

    def __init__(self, url: str, policy: RetryPolicy, waits: bool) -> None:
        self._url = url
        self._policy = policy
        self._waits = waits
        self._lost_s = 0.0
        self._num_failed = 0
        self._num_malformed = 0  # in a row
        self._gone_since: float | None = None
        self._reason = "it doesn't answer"

    @property
    def max_silence_s(self) -> float:
        """Longest silence in the next attempt."""
        return min(self._policy.timeout_s, self._policy.deadline_s - self._lost_s)

    def add(self, failure: _AttemptFailed, silent_since: float, now: float, rng: random.Random) -> float:
        """Records a failed attempt and returns the wait before the next one.

        Args:
            failure: its failure.
            silent_since: the time of its last part of a reply, or of its beginning.
            now: the time of its end.
            rng: draws the wait.

        Raises:
            UserError: there is no next one.
        """
        self._num_failed += 1
        self._reason = failure.reason or self._reason
        self._count_malformed(failure)
        wait_s = failure.wait_s + rng.uniform(0, self._max_wait_s(failure.is_gone))
        if failure.is_gone:
            self._check_outage(silent_since, now + wait_s)
            return wait_s
        self._gone_since = None
        self._lost_s += now + wait_s - silent_since
        if self._lost_s >= self._policy.deadline_s:
            raise self._deadline_error()
        return wait_s

    def _deadline_error(self) -> UserError:
        times = "once" if self._num_failed == 1 else f"{self._num_failed} times"
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

    def _check_outage(self, began: float, retry_at: float) -> None:
        """Refuses a further attempt on a server that has been unreachable for too long."""
        if not self._waits:
            raise UserError(f"no server answers at {self._url!r}: {self._reason}; is it running, and is the URL right?")
        self._gone_since = began if self._gone_since is None else self._gone_since
        outage_s = self._policy.outage_s
        if retry_at - self._gone_since > outage_s:
            raise UserError(
                f"the server at {self._url!r} has been gone for outage_s={outage_s:g} seconds: {self._reason}"
            )


class Client:
    """One server, its connections and its key. All methods run on one event loop.

    Args:
        url: the URL that paths are appended to.
        key: sent with every request and never shown; None sends none.
        policy: limits of waiting.
        max_connections: highest number of requests at once; the gate allows fewer while the server queues them.
        on_retry: called before each attempt but the first.
    """

    def __init__(
        self, url: str, key: str | None, policy: RetryPolicy, max_connections: int, on_retry: Callable[[], None]
    ) -> None:
        self.url = url
        self._key = key
        self._policy = policy
        self._gate = Gate(max_connections)
        self._heard_at = -math.inf  # time of the last part of any reply
        self._on_retry = on_retry
        self._random = random.Random()
        self._certificates = httpx.create_ssl_context()
        # Each connection is a client of its own: with one pool, httpx looks at all connections for each request.
        self._clients = list[httpx.AsyncClient]()
        self._free = list[httpx.AsyncClient]()

    async def request(
        self, path: str, body: Any, read: Reader[T], *, waits: bool = True, final: Sequence[int] = ()
    ) -> T:
        """Sends a request until the server answers it.

        Args:
            path: appended to the URL; one that begins with a slash is the server's own, without `/v1`.
            body: posted as JSON; None for a GET.
            read: parses an answer; raises `MalformedAnswer` if it can't.
            waits: whether an unreachable server is waited for.
            final: statuses that mean a refusal here, although they are usually retried.

        Raises:
            Refusal: the server refused the request.
            UserError: it didn't answer in time, or its answers can't be parsed.
        """
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
        base = self.url.removesuffix("/v1") if path.startswith("/") else f"{self.url}/"
        async with self._gate.enter() as visit:
            client = self._free.pop() if self._free else self._connection()  # the last used one: few stay connected
            try:
                request = client.build_request(method, f"{base}{path}", content=content)
                send = functools.partial(client.send, request, stream=True)
                return await self._retry(send, read, visit, waits, final)
            finally:
                self._free.append(client)

    async def close(self) -> None:
        """Closes all connections."""
        for client in self._clients:
            await client.aclose()

    def _connection(self) -> httpx.AsyncClient:
        timeout_s = self._policy.timeout_s
        key = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        client = httpx.AsyncClient(
            headers={"Content-Type": "application/json", "Accept-Encoding": ENCODING, **key},
            timeout=httpx.Timeout(None, connect=min(CONNECT_S, timeout_s)),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE_S),
            trust_env=not is_local(self.url),  # no proxy between this machine and itself
            verify=self._certificates,
        )
        self._clients.append(client)
        return client

    async def _retry(self, send: Send, read: Reader[T], visit: Visit, waits: bool, final: Sequence[int]) -> T:
        loop = asyncio.get_running_loop()
        attempts = _Attempts(self.url, self._policy, waits)
        while True:
            self._gate.send(visit, loop.time())
            try:
                answer = await self._watch(self._attempt(send, read, visit, final), visit, attempts.max_silence_s)
                self._heard_at = loop.time()
                self._gate.end(visit, self._heard_at)
                return answer
            except _AttemptFailed as problem:
                failure = problem
            await asyncio.sleep(attempts.add(failure, self._silent_since(visit), loop.time(), self._random))
            self._on_retry()

    async def _watch(self, attempt: Coroutine[Any, Any, T], visit: Visit, max_silence_s: float) -> T:
        """The attempt's answer; cancels the attempt when the server is silent for too long."""
        task = asyncio.ensure_future(attempt)
        try:
            while (left_s := self._silent_since(visit) + max_silence_s - asyncio.get_running_loop().time()) > 0:
                await asyncio.wait((task,), timeout=left_s)
                if task.done():
                    return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        timeout_s = self._policy.timeout_s
        raise _AttemptFailed(
            "" if max_silence_s < timeout_s else f"it sent nothing for timeout_s={timeout_s:g} seconds"
        )

    def _silent_since(self, visit: Visit) -> float:
        """The time since when the server is silent: before the reply's first part, other replies count."""
        return max(visit.sent_at, self._heard_at) if visit.heard_at is None else visit.heard_at

    def _hear(self, visit: Visit) -> None:
        """Records a part of a reply."""
        self._heard_at = visit.heard_at = asyncio.get_running_loop().time()
        if visit.begun_at is None:
            self._gate.begin(visit, self._heard_at)

    async def _attempt(self, send: Send, read: Reader[T], visit: Visit, final: Sequence[int]) -> T:
        try:
            response = await send()
            try:
                if response.status_code != httpx.codes.OK:
                    body = await read_body(response, MAX_ERROR_BYTES, cut=True)
                    raise self._failure(response.status_code, body, response.headers, final)
                return await read(response, functools.partial(self._hear, visit))
            except ErrorAnswer as problem:
                if problem.status is None:
                    raise _AttemptFailed(self.sanitize(extract_reason(problem.raw)), is_malformed=True) from None
                raise self._failure(problem.status, problem.raw, response.headers, final) from None
            finally:
                await response.aclose()  # closes the connection of a response that wasn't read to its end
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise _AttemptFailed(self.sanitize(str(problem)) or "it can't be reached", is_gone=True) from None
        except httpx.TransportError as problem:
            raise _AttemptFailed(f"the connection was dropped: {self.sanitize(str(problem))}") from None
        except (MalformedAnswer, RecursionError, OverflowError) as problem:  # deep JSON, and numbers of 400 digits
            raise _AttemptFailed(self.sanitize(str(problem)), is_malformed=True) from None

    def _failure(self, status: int, raw: bytes, headers: httpx.Headers, final: Sequence[int]) -> Exception:
        reason = self.sanitize(extract_reason(raw))
        is_busy = status in _BUSY or status >= 500
        if is_busy and status not in final and not _PERMANENT.search(raw):
            wait_s = parse_retry_after(headers.get("Retry-After", ""), time.time())
            demand = f", and asks to wait {wait_s:.0f} seconds" if wait_s else ""
            return _AttemptFailed(f"{status}{reason and f': {reason}'}{demand}", wait_s)
        if 300 <= status < 400:
            reason = f"it redirects to {self.sanitize(headers.get('Location', ''))!r}"
        return Refusal(status, reason)

    def sanitize(self, text: str) -> str:
        """A server's text in one short line, without the key."""
        return " ".join(self.hide_key(text).split())[:MAX_REASON_CHARS]

    def hide_key(self, text: str) -> str:
        """A server's text without the key, which it may repeat."""
        return text.replace(self._key, "***") if self._key else text


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine, judged by its name alone."""
    return bool(_LOCAL.fullmatch(httpx.URL(url).host))


def extract_reason(raw: bytes) -> str:
    """The message in the body of an error, in any of the servers' forms, or the whole body.

    A router's message is followed by the one of the provider behind it, which is in `metadata.raw`.
    """
    text = raw.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    upstream = ""
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            upstream = upstream or _extract_upstream(found)
            found = found[name]
    reason = found if isinstance(found, str) else json.dumps(found)
    return f"{reason}: {upstream}" if upstream else reason


def _extract_upstream(error: dict[str, Any]) -> str:
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return extract_reason((raw if isinstance(raw, str) else json.dumps(raw)).encode("utf-8", "replace")) if raw else ""


def parse_retry_after(header: str, now: float) -> float:
    """The seconds in a Retry-After header (RFC 9110, section 10.2.3), which may be a date; 0 without one."""
    if re.fullmatch(r"\d+(\.\d+)?", header.strip()):
        return min(float(header), MAX_DEMAND_S)
    try:
        return min(max(0.0, parsedate_to_datetime(header).timestamp() - now), MAX_DEMAND_S)
    except (ValueError, OverflowError):
        return 0.0
