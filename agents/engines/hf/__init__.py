"""transformers in this process: the engine that needs nothing else, on a laptop's CPU or a GPU.

Base model and adapters stay in memory together (PEFT); requests that wait at the same time are generated as one batch
per adapter. Generation blocks the event loop, on purpose: every coroutine waits for its result.
"""

import contextlib
import dataclasses
import functools
import io
import math
import warnings
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import torch
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._adapter_settings import LoraSettings, read_lora_settings
from mirrormatch.agents.engines._adapter_weights import check_finite, check_weights
from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._engine import SpecSettings, read_settings
from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.agents.engines._settings import MAX_BATCH, PREFIX_MB, Dtype, HfSettings
from mirrormatch.agents.engines._token_engine import (
    LOADING_ERRORS,
    TokenEngine,
    find_end_ids,
    load_tokenizer,
    loading_error,
)
from mirrormatch.agents.engines._types import Completion, Sampling, Usage
from mirrormatch.agents.engines.hf import cpu_speed, decoding
from mirrormatch.agents.engines.hf.batching import Batcher
from mirrormatch.agents.engines.hf.constraints import TokenMasks
from mirrormatch.agents.engines.hf.cpu_speed import Choice, NumberType
from mirrormatch.agents.engines.hf.prefix_cache import PrefixCache
from mirrormatch.errors import UserError

MAX_SCORED = 128  # sequences scored together: their logits are held at once
MAX_ADAPTERS = 8  # loaded beside the base model; the least recently used one is evicted
UNLIMITED = 1 << 20  # tokens: the context of a model that states none
_CONTEXT_NAMES = ("max_position_embeddings", "max_seq_len", "seq_length", "n_positions", "context_length")
_REASON_CHARS = 300  # of PEFT's message about an adapter that doesn't fit: it lists every tensor


class TransformersEngine(TokenEngine):
    """Generates with one base model and any number of LoRA adapters on it.

    Args:
        path: a folder in Hugging Face format, an id that transformers can load, or a GGUF file.
        max_batch: number of requests generated together.
        prefix_mb: memory for keys and values of earlier prompts, in MiB; 0 reuses none.
        dtype: the type of the weights and of the computation; auto: measured on a CPU (cpu_speed.py).
        threads: number of torch threads on a CPU; None: measured.
        template: the chat template's options.
    """

    def __init__(
        self,
        path: str,
        max_batch: int = MAX_BATCH,
        prefix_mb: int = PREFIX_MB,
        dtype: Dtype = "auto",
        threads: int | None = None,
        template: TemplateSettings | None = None,
    ) -> None:
        pinned = _pinned.get(path, Pin())
        given = pinned.dtype if dtype == "auto" else dtype
        self.model, tokenizer = load_base(path, given or "auto")
        ends = find_end_ids(self.model.config.get_text_config(decoder=True), self.model.generation_config)
        super().__init__(path, tokenizer, template or TemplateSettings(), ends)
        self.choice = _choose(self.model, given, threads or pinned.threads)
        self.dtype: Dtype = self.choice.dtype
        self.usage = Usage()
        self._prefixes = PrefixCache(prefix_mb << 20)
        self._pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self._encoder.end_ids)
        self._config = self.model.config.get_text_config(decoder=True)  # the text part of a multimodal model
        self._context = find_context(self._config, tokenizer)
        self._shapes = {name: tuple(weight.shape) for name, weight in self.model.named_parameters()}
        self._peft: Any = None  # a PeftModel while an adapter is loaded
        self._loaded = _adapters.LoadedAdapters[None](MAX_ADAPTERS)
        self._generation: Batcher[decoding.Request, Completion] = Batcher(self._generate, max_batch)
        self._scoring: Batcher[tuple[tuple[int, ...], tuple[int, ...]], tuple[float, ...]]
        self._scoring = Batcher(self._score, MAX_SCORED)

    @property
    def _vocabulary(self) -> decoding.Vocabulary:
        return decoding.Vocabulary(
            end_ids=self.end_ids,
            pad_id=self._pad_id,
            has_stop=self._has_stop,
            allow=lambda ids, pattern: self._masks.allow(ids, pattern),
        )

    @functools.cached_property
    def _masks(self) -> TokenMasks:
        return TokenMasks(self._encoder.tokenizer, self._config.vocab_size, self.end_ids)

    @property
    def computation(self) -> str:
        """The number type and the threads, in words."""
        return str(self.choice)

    @property
    def timings(self) -> tuple[str, ...]:
        return tuple(map(str, self.choice.timings))

    @property
    def pad_id(self) -> int:
        """The token that pads rows."""
        return self._pad_id

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        room = self._context - len(prompt_ids)
        if room < 1:
            return Completion.empty(adapter)
        if sampling.max_tokens > room:
            sampling = dataclasses.replace(sampling, max_tokens=room)
        return await self._generation.submit(adapter, decoding.Request(tuple(prompt_ids), sampling, seed))

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        return await self._scoring.submit(adapter, (tuple(prompt_ids), tuple(continuation_ids)))

    def load(self, adapter_path: Path) -> str:
        folder = _adapters.find_adapter(adapter_path)
        settings = read_lora_settings(folder)  # of a loaded one too: some that aren't in the hash change the effect
        check_weights(folder, settings, self._shapes)
        name = _adapters.content_hash(folder)
        self._prefixes.forget(name)  # a process that starts here then computes the same, to the last bit
        if name not in self._loaded:
            _adapters.check_base(folder, self.base, self.fingerprint)
            check_finite(folder)
            while self._loaded.is_full:
                self._detach(oldest := self._loaded.names()[0])
                self._loaded.remove(oldest)
            self._attach(folder, settings, name)
            self._loaded.put(name, None)
            self._loaded.record_folder(name, folder)
        self._loaded.use(name)
        return name

    def _attach(self, folder: Path, settings: LoraSettings, name: str) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PEFT's, about keys that don't match: they are counted here
                misfit = self._load_and_compare(folder, settings, name)
        except (RuntimeError, ValueError, KeyError, SafetensorError) as problem:
            misfit = " ".join(str(problem).split())[:_REASON_CHARS]
        if misfit:
            self._detach(name)
            raise UserError(f"the adapter at {str(folder)!r} does not fit {self.base!r}: {misfit}")

    def _load_and_compare(self, folder: Path, settings: LoraSettings, name: str) -> str:
        """Loads the adapter. Returns a description of the weights that don't match the base model's, or nothing."""
        config = LoraConfig(**settings.model_dump(), inference_mode=True)  # the file's other settings have no effect
        with torch.random.fork_rng(range(torch.cuda.device_count())):  # PEFT draws weights, which the file replaces
            if self._peft is None:
                self._peft = PeftModel(self.model, config, adapter_name=name)
            else:
                self._peft.add_adapter(name, config)
        loaded = self._peft.load_adapter(str(folder), adapter_name=name)
        self._peft.eval()
        num_missing, num_unknown = len(loaded.missing_keys), len(loaded.unexpected_keys)
        return f"{num_missing} tensors are missing, {num_unknown} are unknown" if num_missing or num_unknown else ""

    def _detach(self, name: str) -> None:
        """Removes an adapter, loaded or half loaded, from the model."""
        if self._peft is None or name not in self._peft.peft_config:
            return
        if len(self._peft.peft_config) == 1:  # PEFT can't be without an adapter
            self._peft.unload()
            self._peft = None
            return
        kept = next(n for n in self._peft.peft_config if n != name)
        self._peft.base_model.set_adapter(kept, inference_mode=True)  # PEFT breaks where the active adapter is deleted
        self._peft.delete_adapter(name)

    def _generate(self, adapter: Hashable, requests: Sequence[decoding.Request]) -> list[Completion]:
        name = cast("str | None", adapter)
        with self._activate(name):
            rows, counts = decoding.generate(
                self.model, requests, vocabulary=self._vocabulary, prefixes=self._prefixes, owner=name
            )
        self.usage = self.usage.plus(
            Usage(
                requests=len(requests),
                prompt_tokens=counts.num_tokens,
                cached_tokens=counts.num_tokens - counts.num_computed,
                completion_tokens=sum(len(row.ids) for row in rows),
            )
        )
        return [
            Completion(
                token_ids=tuple(row.ids),
                logprobs=tuple(row.logprobs),
                text=self._encoder.decode(row.ids),
                finish=cast(Literal["stop", "length"], row.finish),
                adapter=name,
            )
            for row in rows
        ]

    def _score(
        self, adapter: Hashable, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
    ) -> list[tuple[float, ...]]:
        with self._activate(cast("str | None", adapter)):
            scores = decoding.continuation_logprobs(self.model, pairs, pad_id=self._pad_id)
        if any(math.isnan(score) for row in scores for score in row):
            raise UserError(f"{self.base!r} computes NaN with adapter {adapter}: weights are damaged or overflow")
        return scores

    @contextlib.contextmanager
    def _activate(self, adapter: str | None) -> Iterator[None]:
        """A context in which the model computes with the adapter, or as the base model."""
        if torch.get_num_threads() != self.choice.threads:  # another engine of this process has set its own
            torch.set_num_threads(self.choice.threads)
        if adapter is not None:
            self._ensure_loaded(adapter)
            self._peft.base_model.set_adapter(adapter, inference_mode=True)
            yield
        elif self._peft is not None:
            with self._peft.disable_adapter():
                yield
        else:
            yield

    def _ensure_loaded(self, adapter: str) -> None:
        """Loads an evicted adapter again, and marks the adapter as used."""
        if adapter in self._loaded:
            self._loaded.use(adapter)
        else:
            self.load(self._loaded.unchanged_folder(adapter))

    def _has_stop(self, ids: list[int], stop: tuple[str, ...]) -> bool:
        num_bytes = max(len(s.encode()) for s in stop)  # a token is a byte or more
        tail = self._encoder.decode(ids[-num_bytes - 1 :])
        return any(s in tail for s in stop)


def find_context(config: Any, tokenizer: Any) -> int:
    """The number of tokens that a model reads, from its configuration, or else from its tokenizer's.

    Models with ALiBi or with states (Bloom, MPT, Mamba) have no number of positions.
    """
    given = (getattr(config, name, None) for name in _CONTEXT_NAMES)
    found = next((number for number in given if isinstance(number, int) and number > 0), None)
    return min(tokenizer.model_max_length, UNLIMITED) if found is None else found


class Pin(NamedTuple):
    """How engines of a model compute where their settings leave it open; None: measured."""

    dtype: NumberType | None = None
    threads: int | None = None


_pinned: dict[str, Pin] = {}  # by path


def pin(path: str, dtype: NumberType | None = None, threads: int | None = None) -> None:
    """Makes engines of this model compute as a run has recorded, where their settings leave it open.

    An engine that exists already stays as it is.
    """
    _pinned[path] = Pin(dtype, threads)


def _choose(model: Any, dtype: NumberType | None, threads: int | None) -> Choice:
    """The number type and the threads for a loaded model, to which it converts the model and sets torch."""
    if model.device.type != "cpu":
        return Choice("bfloat16" if model.dtype == torch.bfloat16 else "float32", torch.get_num_threads())
    choice = cpu_speed.choose_for(model, dtype, threads)
    if choice.dtype == "bfloat16" and model.dtype == torch.float32:
        cpu_speed.convert_weights(model)
    torch.set_num_threads(choice.threads)
    return choice


def load_base(path: str, dtype: Dtype = "auto") -> tuple[Any, Any]:
    """A causal language model in eval mode and its tokenizer; "auto" is fp32 on a CPU and bf16 on a GPU.

    Raises:
        UserError: there is no model to load.
    """
    # transformers' own messages are hidden: our errors contain what a user can act on.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    tokenizer = load_tokenizer(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = ("bfloat16" if device == "cuda" else "float32") if dtype == "auto" else dtype
    files = find_model_files(path)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # a progress bar over a GGUF file's tensors
            model = AutoModelForCausalLM.from_pretrained(
                files.path, dtype=getattr(torch, chosen), **files.model_arguments
            )
    except LOADING_ERRORS as problem:
        raise loading_error(path, problem) from None
    if not decoding.cache_argument(model):
        raise UserError(
            f"no model can be loaded from {path!r}: the architecture {model.config.model_type!r} has no cache of "
            "transformers' kind; serve it with another program and write openai:MODEL@URL"
        )
    # PEFT freezes the base model with its first adapter, and torch rounds differently for weights with gradients:
    # freezing it here makes its output the same before and after.
    placed: Any = model.to(device)  # type: ignore[arg-type]  # the decorated signature has no `device`
    return placed.eval().requires_grad_(False), tokenizer


@functools.cache  # never evicted: the process ends with its engines, which own no other process and no connection
def engine(path: str, settings: SpecSettings = ()) -> TransformersEngine:
    """The engine of a base model: one per process, whose agents share its batches."""
    chosen = read_settings("hf", HfSettings, settings)
    return TransformersEngine(path, chosen.max_batch, chosen.prefix_mb, chosen.dtype, chosen.threads, chosen)


ENGINE = engine
