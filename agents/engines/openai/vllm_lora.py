"""Loads adapters into a vLLM server, and keeps base rows and adapter rows out of one batch.

The name of an adapter on the server contains its content hash, and is never used for other content. The server may read
an adapter again from its folder at any time: the folder must not change.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines.openai.answers import read_text
from mirrormatch.agents.engines.openai.http import Client, Refusal
from mirrormatch.errors import UserError

MAX_ADAPTERS = 8  # loaded under our names; the least recently used one is unloaded
PREFIX = "mirrormatch-"

_RANK = re.compile(r"rank (\d+) is greater")
_LOAD, _UNLOAD = "load_lora_adapter", "unload_lora_adapter"


class ServedAdapters:
    """The adapters loaded into one server. All methods run on the client's event loop.

    Args:
        client: the server.
        capacity: number of adapters loaded at once.
    """

    def __init__(self, client: Client, capacity: int = MAX_ADAPTERS) -> None:
        self._client = client
        self._loaded = _adapters.LoadedAdapters[None](capacity)
        self._lock = asyncio.Lock()

    async def add(self, name: str, folder: Path) -> None:
        """Loads the adapter whose content hash is `name`.

        Raises:
            UserError: the server can't use it.
        """
        async with self._lock:
            self._loaded.record_folder(name, folder)
            await self._hold(name)

    async def ensure_loaded(self, name: str) -> str:
        """Loads the adapter if it isn't loaded. Returns its name on the server."""
        async with self._lock:
            if name not in self._loaded:
                self._loaded.unchanged_folder(name)
            await self._hold(name)
        return PREFIX + name

    def forget(self, name: str) -> None:
        """Records that the server has lost the adapter, by a restart or another client's request."""
        if name in self._loaded:
            self._loaded.remove(name)

    async def _hold(self, name: str) -> None:
        """Loads the adapter if it isn't loaded, evicting the least recently used one, and marks it as used."""
        while name not in self._loaded and self._loaded.is_full:
            await self._unload(self._loaded.names()[0])
        if name not in self._loaded:
            await self._load(name)
            self._loaded.put(name, None)
        self._loaded.use(name)

    async def _load(self, name: str) -> None:
        folder = self._loaded.folder(name)
        body = {"lora_name": PREFIX + name, "lora_path": str(folder.absolute())}
        try:
            await self._client.request(_LOAD, body, read_text, final=(500,))
        except Refusal as refusal:
            if "already been loaded" not in refusal.reason:  # the name contains the hash: it is the same adapter
                raise UserError(self._failure_message(folder, refusal)) from None

    async def _unload(self, name: str) -> None:
        self.forget(name)
        try:
            await self._client.request(_UNLOAD, {"lora_name": PREFIX + name}, read_text, final=(500,))
        except Refusal as refusal:
            if refusal.status != 404:  # it was unloaded already
                raise UserError(self._failure_message(self._loaded.folder(name), refusal)) from None

    def _failure_message(self, folder: Path, refusal: Refusal) -> str:
        url = self._client.url
        if refusal.status == 404 and "adapter" not in refusal.reason:
            return (
                f"the server at {url!r} takes no adapters: start it with --enable-lora and with "
                "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment"
            )
        rank = _RANK.search(refusal.reason)
        hint = f"; start it with --max-lora-rank {rank[1]} or more" if rank else ""
        return f"the server at {url!r} can't use the adapter at {str(folder)!r}: {refusal.reason.rstrip('.')}{hint}"


class BatchGate:
    """Admits requests for the base model and requests with adapters in turn, never both at once.

    vLLM's builds for CPUs (seen in 0.31 and 0.32) compute the base rows of a mixed batch with an adapter's weights, and
    a server doesn't expose its device.

    Args:
        mixed: admit all requests at once.
    """

    def __init__(self, mixed: bool) -> None:
        self._mixed = mixed
        self._inside = 0
        self._with_adapter = False  # the kind of the requests inside
        self._queue: list[tuple[bool, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def enter(self, with_adapter: bool) -> AsyncIterator[None]:
        """A context in which only rows of the same kind are generated."""
        if not self._mixed and self._inside and (self._queue or self._with_adapter != with_adapter):
            await self._wait_for_turn(with_adapter)
        else:
            self._inside += 1
            self._with_adapter = with_adapter
        try:
            yield
        finally:
            self._leave()

    async def _wait_for_turn(self, with_adapter: bool) -> None:
        """Waits until the last request inside leaves and admits this one. None is admitted past a waiting one."""
        admitted = asyncio.get_running_loop().create_future()
        self._queue.append((with_adapter, admitted))
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.cancelled():
                self._queue = [entry for entry in self._queue if entry[1] is not admitted]
            else:
                self._leave()  # it was admitted just before its cancellation
            raise

    def _leave(self) -> None:
        self._inside -= 1
        self._queue = [entry for entry in self._queue if not entry[1].done()]
        if self._inside or not self._queue:
            return
        self._with_adapter = self._queue[0][0]
        for _, admitted in (entry for entry in self._queue if entry[0] == self._with_adapter):
            admitted.set_result(None)
            self._inside += 1
        self._queue = [entry for entry in self._queue if entry[0] != self._with_adapter]
