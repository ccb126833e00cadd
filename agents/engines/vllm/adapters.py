"""Loads adapters into vLLM in this process and evicts them.

vLLM can load and evict adapters on its own, by folder and number, but then the adapter behind a reply isn't certain.
Here each adapter gets a number of its own, which is never used again, and stays loaded while a request uses it.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mirrormatch.agents.engines import _adapters
from mirrormatch.errors import UserError

_REASON_CHARS = 300


class Residents:
    """The adapters loaded into one vLLM engine. All methods run on that engine's event loop.

    Args:
        llm: vLLM's asynchronous engine.
        capacity: number of adapters loaded at once; the least recently used one is evicted.
        make_request: makes vLLM's handle of an adapter, from its hash, its number and its folder.
    """

    def __init__(self, llm: Any, capacity: int, make_request: Callable[[str, int, str], Any]) -> None:
        self._llm = llm
        self._make_request = make_request
        self._numbers = itertools.count(1)
        self._loaded = _adapters.LoadedAdapters[Any](capacity)  # handles: vLLM's LoRA requests
        self._in_use: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    def names(self) -> list[str]:
        """The hashes of the loaded adapters, the least recently used first."""
        return self._loaded.names()

    async def add(self, name: str, folder: Path) -> None:
        """Loads the adapter whose content hash is `name`.

        Raises:
            UserError: vLLM can't use it.
        """
        async with self._changed:
            await self._hold(name, folder)
            self._loaded.record_folder(name, folder)

    @asynccontextmanager
    async def use(self, name: str | None) -> AsyncIterator[Any]:
        """A context in which the adapter stays loaded; yields vLLM's handle of it, None for the base model."""
        if name is None:
            yield None
            return
        async with self._changed:
            is_loaded = name in self._loaded
            folder = self._loaded.folder(name) if is_loaded else self._loaded.unchanged_folder(name)
            handle = await self._hold(name, folder)
            self._in_use[name] += 1
        try:
            yield handle
        finally:
            self._in_use[name] -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _hold(self, name: str, folder: Path) -> Any:
        """Loads the adapter if it isn't loaded, once there is room, and marks it as used."""
        while name not in self._loaded and self._loaded.is_full:
            idle = next((n for n in self._loaded.names() if not self._in_use[n]), None)
            if idle is None:
                await self._changed.wait()
            else:
                await self._llm.remove_lora(self._loaded.remove(idle).lora_int_id)
        if name not in self._loaded:
            self._loaded.put(name, await self._load(name, folder))
        return self._loaded.use(name)

    async def _load(self, name: str, folder: Path) -> Any:
        request = self._make_request(name, next(self._numbers), str(folder.absolute()))
        try:
            is_new = await self._llm.add_lora(request)
        except Exception as problem:  # vLLM passes its worker's errors on without their type
            await self._llm.remove_lora(request.lora_int_id)  # it may be half loaded
            reason = " ".join(str(problem).split())[:_REASON_CHARS]
            raise UserError(f"vLLM can't use the adapter at {str(folder)!r}: {reason}") from None
        assert is_new, f"vLLM held adapter {request.lora_int_id} already"
        return request
