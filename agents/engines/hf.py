"""transformers in this process: the engine that needs nothing else, on a laptop's CPU or a GPU.

Base model and adapters stay in memory together (PEFT); requests that wait at the same time are generated as one batch
per adapter. Generation blocks the event loop: it is the work that everybody waits for.
"""

import functools
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from mirrormatch.agents.core import adapters, decoding
from mirrormatch.agents.core.batching import Batcher
from mirrormatch.agents.core.encoding import ChatEncoder
from mirrormatch.agents.core.records import Completion, Sampling
from mirrormatch.errors import UserError
from mirrormatch.prompts.core.prompt import Message

MAX_BATCH = 256  # requests generated together
MAX_SCORED = 128  # sequences scored together: their logits are held at once
MAX_ADAPTERS = 8  # resident beside the base model; the one unused for longest makes room


class TransformersEngine:
    """Generates with one base model and any number of LoRA adapters on it.

    Args:
        path: a folder in Hugging Face format, or an id that transformers can load.
        max_batch: how many requests are generated together.
    """

    def __init__(self, path: str, max_batch: int = MAX_BATCH) -> None:
        self.base = path
        self.model, tokenizer = load_base(path)
        self._encoder = ChatEncoder(tokenizer)
        self._pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self._encoder.end_ids)
        self._context = int(self.model.config.max_position_embeddings)
        self._peft: Any = None  # a PeftModel once an adapter is there
        self._resident: dict[str, None] = {}  # adapter hashes, the most recently used last
        self._generation: Batcher[decoding.Request, Completion] = Batcher(self._generate, max_batch)
        self._scoring: Batcher[tuple[tuple[int, ...], tuple[int, ...]], tuple[float, ...]]
        self._scoring = Batcher(self._score, MAX_SCORED)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Names the base model; see `adapters.fingerprint`. Empty where the files can't be found."""
        folder = Path(self.model.config._name_or_path)
        return adapters.fingerprint(folder) if folder.is_dir() else ""

    @property
    def end_ids(self) -> frozenset[int]:
        return self._encoder.end_ids

    @property
    def pad_id(self) -> int:
        """A token to fill up rows with."""
        return self._pad_id

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return self._encoder.encode(messages)

    def complete(self, text: str) -> tuple[int, ...]:
        return self._encoder.complete(text)

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        room = self._context - len(prompt_ids)
        if room < 1:  # a prompt that fills the context leaves nothing to say: a truncated reply, not an error
            return Completion(token_ids=(), logprobs=(), text="", finish="length", adapter=adapter)
        if sampling.max_tokens > room:
            sampling = _with_budget(sampling, room)
        return await self._generation.submit(adapter, decoding.Request(tuple(prompt_ids), sampling, seed))

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        return await self._scoring.submit(adapter, (tuple(prompt_ids), tuple(continuation_ids)))

    def load(self, adapter_path: Path) -> str:
        folder = adapters.find_adapter(adapter_path)
        name = adapters.content_hash(folder)
        if name in self._resident:
            return name
        adapters.check_base(folder, self.base, self.fingerprint)
        while len(self._resident) >= MAX_ADAPTERS:
            self._unload(next(iter(self._resident)))
        self._attach(folder, name)
        self._resident[name] = None
        return name

    def _attach(self, folder: Path, name: str) -> None:
        try:
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
            else:
                self._peft.load_adapter(str(folder), adapter_name=name)
        except (RuntimeError, ValueError, KeyError) as problem:
            reason = str(problem).splitlines()[0]
            raise UserError(f"the adapter at {str(folder)!r} does not fit {self.base!r}: {reason}") from None
        self._peft.eval()

    def _unload(self, name: str) -> None:
        assert self._peft is not None
        if len(self._resident) > 1:
            self._peft.delete_adapter(name)
        del self._resident[name]

    def _generate(self, adapter: Hashable, requests: Sequence[decoding.Request]) -> list[Completion]:
        with self._as(cast("str | None", adapter)):
            written = decoding.generate(
                self.model, requests, end_ids=self.end_ids, pad_id=self._pad_id, has_stop=self._has_stop
            )
        return [
            Completion(
                token_ids=tuple(w.ids),
                logprobs=tuple(w.logprobs),
                text=self._encoder.decode(w.ids),
                finish=cast(Literal["stop", "length"], w.finish),
                adapter=cast("str | None", adapter),
            )
            for w in written
        ]

    def _score(
        self, adapter: Hashable, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
    ) -> list[tuple[float, ...]]:
        with self._as(cast("str | None", adapter)):
            return decoding.continuation_logprobs(self.model, pairs, pad_id=self._pad_id)

    def _as(self, adapter: str | None) -> Any:
        """A context in which the model answers with the adapter, or as the base model."""
        if adapter is None:
            return self._peft.disable_adapter() if self._peft is not None else torch.inference_mode()
        assert adapter in self._resident and self._peft is not None, f"adapter {adapter} is not loaded"
        self._resident[adapter] = self._resident.pop(adapter)
        self._peft.base_model.set_adapter(adapter, inference_mode=True)
        return torch.inference_mode()

    def _has_stop(self, ids: list[int], stop: tuple[str, ...]) -> bool:
        tail = self._encoder.decode(ids[-max(map(len, stop)) - 1 :])
        return any(s in tail for s in stop)


def load_base(path: str) -> tuple[Any, Any]:
    """A causal language model in eval mode, fp32 on a CPU and bf16 on a GPU, and its tokenizer.

    Raises:
        UserError: nothing loadable there.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # what a user can act on is said by our own errors
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
    except (OSError, ValueError, KeyError) as problem:
        reason = str(problem).strip().splitlines()[0]
        raise UserError(f"no model can be loaded from {path!r}: {reason}") from None
    return model.to(device).eval(), tokenizer  # type: ignore[arg-type]  # PyTorch's signature is lost on the way


def _with_budget(sampling: Sampling, max_tokens: int) -> Sampling:
    return Sampling(
        max_tokens=max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        stop=sampling.stop,
    )


@functools.cache
def engine(path: str) -> TransformersEngine:
    """The engine of a base model: one per process, so that all its agents share batches."""
    return TransformersEngine(path)


ENGINE = engine
