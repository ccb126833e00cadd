"""An engine with scripted replies: for tests, examples and measurements without a model.

Tokens are characters, which makes every id readable.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from mirrormatch.agents.engines._engine import NoSettings, SpecSettings, read_settings
from mirrormatch.agents.engines._types import Completion, Sampling, Usage
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message

END = 0  # the id that ends a turn; no character has it


class ScriptedEngine:
    """Answers every prompt with a function of its text.

    Args:
        reply: maps the prompt's text and the request's seed to the reply's text.
    """

    def __init__(self, reply: Callable[[str, int], str]) -> None:
        self._reply = reply
        self.base: str | None = None
        self.usage = Usage()
        self.fingerprint = "scripted"
        self.end_ids = frozenset({END})

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        ids: list[int] = []
        for message in messages:
            own = message.token_ids
            ids += self.complete(f"[{message.role}]")
            ids += self.complete(message.text) if own is None else own
        return (*ids, *self.complete("[assistant]"))

    def complete(self, text: str) -> tuple[int, ...]:
        return tuple(map(ord, text))

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        text = self._reply("".join(chr(i) for i in prompt_ids if i != END), seed)
        ids = (*self.complete(text), END)
        kept = ids[: sampling.max_tokens]
        used = Usage(requests=1, prompt_tokens=len(prompt_ids), completion_tokens=len(kept))
        self.usage = self.usage.plus(used)
        return Completion(
            token_ids=kept,
            logprobs=(0.0,) * len(kept),
            text=text[: len(kept)],
            finish="stop" if kept == ids else "length",
            adapter=adapter,
        )

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        """0 for the ids of the scripted reply, minus infinity from the first id that differs."""
        text = self._reply("".join(chr(i) for i in prompt_ids if i != END), 0)
        ids = (*self.complete(text), END)
        same = 0
        while same < len(continuation_ids) and ids[same : same + 1] == tuple(continuation_ids[same : same + 1]):
            same += 1
        return (0.0,) * same + (float("-inf"),) * (len(continuation_ids) - same)

    def load(self, adapter_path: Path) -> str:
        raise UserError("a scripted engine has no adapters")


def engine(text: str, settings: SpecSettings = ()) -> ScriptedEngine:
    """`scripted:TEXT` always replies TEXT."""
    read_settings("scripted", NoSettings, settings)
    return ScriptedEngine(lambda prompt, seed: text)


ENGINE = engine
