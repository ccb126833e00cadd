"""The adapters that vLLM holds, and which of them a request may count on.

vLLM would load and drop adapters by itself, from their folders and by their numbers; then nobody could say which one
answered. Here an adapter is given to vLLM once, by the hash of its content, under a number that is never used again,
and it stays for as long as anybody is being answered with it.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mirrormatch.agents.engines import _adapters as adapters
from mirrormatch.errors import UserError

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM's kernels are made for
_REASON_CHARS = 300


class Residents:
    """The adapters of one vLLM engine. All of it runs on that engine's event loop.

    Args:
        llm: vLLM's asynchronous engine.
        most: how many adapters are held at once; the one unused for longest makes room.
        request: makes vLLM's name for an adapter, from its hash, its number and its folder.
    """

    def __init__(self, llm: Any, most: int, request: Callable[[str, int, str], Any]) -> None:
        self._llm = llm
        self._most = most
        self._request = request
        self._numbers = itertools.count(1)
        self._held: dict[str, Any] = {}  # vLLM's names by content hash, the most recently used last
        self._folders: dict[str, Path] = {}  # where each was loaded from, to come back after it made room
        self._in_use: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    def names(self) -> list[str]:
        """The hashes of the adapters that are held, the most recently used last."""
        return list(self._held)

    async def add(self, name: str, folder: Path) -> None:
        """Takes an adapter in, whose content hash is `name`.

        Raises:
            UserError: vLLM can't use it.
        """
        async with self._changed:
            await self._hold(name, folder)
            self._folders[name] = folder

    @asynccontextmanager
    async def use(self, name: str | None) -> AsyncIterator[Any]:
        """Keeps the adapter for as long as the context lasts and gives vLLM's name for it; None for the base model."""
        if name is None:
            yield None
            return
        async with self._changed:
            assert name in self._folders, f"adapter {name} was never loaded"
            if name not in self._held:
                self._check_unchanged(name)
            await self._hold(name, self._folders[name])
            self._in_use[name] += 1
        try:
            yield self._held[name]
        finally:
            self._in_use[name] -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _hold(self, name: str, folder: Path) -> None:
        """Makes sure that it is held, and counts it as used."""
        while name not in self._held and len(self._held) >= self._most:
            idle = next((n for n in self._held if not self._in_use[n]), None)
            if idle is None:
                await self._changed.wait()
            else:
                await self._llm.remove_lora(self._held.pop(idle).lora_int_id)
        if name not in self._held:
            self._held[name] = await self._given(name, folder)
        self._held[name] = self._held.pop(name)

    async def _given(self, name: str, folder: Path) -> Any:
        request = self._request(name, next(self._numbers), str(folder.absolute()))
        try:
            taken = await self._llm.add_lora(request)
        except Exception as problem:  # vLLM passes on whatever its worker raised, as an exception without a type
            await self._llm.remove_lora(request.lora_int_id)  # half of it may be there
            reason = " ".join(str(problem).split())[:_REASON_CHARS]
            raise UserError(f"vLLM can't use the adapter at {str(folder)!r}: {reason}") from None
        assert taken, f"vLLM held adapter {request.lora_int_id} already"
        return request

    def _check_unchanged(self, name: str) -> None:
        folder = self._folders[name]
        if (found := adapters.content_hash(adapters.find_adapter(folder))) != name:
            raise UserError(
                f"the adapter at {str(folder)!r} has changed: {name} was loaded from there, now it is {found}"
            )


def check_settings(folder: Path, most_rank: int) -> None:
    """Refuses what vLLM would refuse in its own words, or take for something else.

    Raises:
        UserError: the rank is too high, or there are several.
    """
    settings = json.loads((folder / adapters.CONFIG).read_text(encoding="utf-8"))
    rank = int(settings.get("r") or 0)
    if rank > most_rank:
        raise UserError(
            f"the adapter at {str(folder)!r} has rank {rank}, but vLLM was started for ranks up to {most_rank}: "
            f"add ',max_lora_rank={rank}' to the model's spec"
        )
    if patterns := [p for p in ("rank_pattern", "alpha_pattern") if settings.get(p)]:
        raise UserError(
            f"the adapter at {str(folder)!r} sets {patterns[0]}, and vLLM knows one rank and one scale per adapter: "
            "use the transformers engine, hf:PATH"
        )
