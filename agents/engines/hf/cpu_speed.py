"""Chooses a model's number type and the number of threads on this CPU, by timing the candidates.

bfloat16 is three times as fast as float32 on a CPU with AMX and many times slower on one without; a second thread
helps a large model on idle cores and only waits on busy ones. A part of the model is timed, its shapes with two layers,
a small vocabulary and constant weights, which takes tenths of a second. Tiny models aren't timed: float32 and one
thread are fastest, and their figures stay those of every earlier run.
"""

import copy
import itertools
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, DynamicCache, LlamaConfig
from transformers.initialization import no_init_weights

from mirrormatch.agents.engines.hf import decoding

NumberType: TypeAlias = Literal["float32", "bfloat16"]
Timer: TypeAlias = Callable[[NumberType, int], float]  # seconds of a number type with a number of threads

TINY_PARAMETERS = 20_000_000  # below this one thread is fastest on a CPU: more threads only wait for each other
MIN_GAIN = 1.1  # bfloat16 rounds more: it must be this much faster
THREAD_GAIN = 1.05  # more threads must be this much faster, or no more are tried
BUDGET_S = 1.0  # no further candidate is timed after this
NUM_LAYERS, MAX_VOCABULARY = 2, 4096  # of the timed part
NUM_ROWS, NUM_PROMPT, NUM_STEPS = 8, 16, 3  # rows, tokens of a prompt, decoded tokens


class Timing(NamedTuple):
    """The seconds that one candidate took."""

    dtype: NumberType
    threads: int
    seconds: float

    def __str__(self) -> str:
        return f"{_describe(self.dtype, self.threads)}: {self.seconds:.4f} s"


class Choice(NamedTuple):
    """A number type and a number of threads, with the timings they were chosen by; none if nothing was timed."""

    dtype: NumberType
    threads: int
    timings: tuple[Timing, ...] = ()

    def __str__(self) -> str:
        return _describe(self.dtype, self.threads) + (", measured" if self.timings else "")


def _describe(dtype: NumberType, threads: int) -> str:
    return f"{dtype}, {threads} thread{'s' if threads != 1 else ''}"


def choose_fastest(timer: Timer, dtypes: Sequence[NumberType], threads: Sequence[int]) -> Choice:
    """Times the number types with the fewest threads, then more threads with the faster type.

    bfloat16 is taken only where the gain is worth its rounding. A number of threads that doesn't help ends the search.

    Args:
        timer: returns a candidate's seconds.
        dtypes: the number types.
        threads: numbers of threads, ascending.
    """
    began = time.perf_counter()
    timings = [Timing(dtype, threads[0], timer(dtype, threads[0])) for dtype in dtypes]
    best = min(timings, key=lambda t: t.seconds * (MIN_GAIN if t.dtype == "bfloat16" else 1.0))
    for number in threads[1:]:
        if time.perf_counter() - began > BUDGET_S:
            break
        timings.append(Timing(best.dtype, number, timer(best.dtype, number)))
        if timings[-1].seconds * THREAD_GAIN > best.seconds:
            break
        best = timings[-1]
    return Choice(best.dtype, best.threads, tuple(timings))


def thread_candidates() -> list[int]:
    """1, 2, 4 and so on up to the usable cores; only torch's own number where OMP_NUM_THREADS is set."""
    if "OMP_NUM_THREADS" in os.environ:
        return [torch.get_num_threads()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    powers = itertools.takewhile(lambda n: n < cores, (2**k for k in itertools.count()))
    return [*powers, cores]


def choose_for(
    model: Any, dtype: NumberType | None, threads: int | None, make_timer: "Callable[[Any], Timer] | None" = None
) -> Choice:
    """The number type and the threads for a float32 model on this CPU.

    Args:
        model: the model, in float32.
        dtype: the number type, where the user has set it.
        threads: the number of threads, where the user has set it.
        make_timer: makes the timer of a model's configuration; `PartTimer` by default.
    """
    if model.num_parameters() < TINY_PARAMETERS:
        is_set = "OMP_NUM_THREADS" in os.environ
        return Choice(dtype or "float32", threads or (torch.get_num_threads() if is_set else 1))
    dtypes: list[NumberType] = ["float32", "bfloat16"] if dtype is None else [dtype]
    numbers = thread_candidates() if threads is None else [threads]
    if len(dtypes) * len(numbers) == 1:
        return Choice(dtypes[0], numbers[0])
    try:
        return choose_fastest((make_timer or PartTimer)(model.config), dtypes, numbers)
    except Exception:  # a model that can't be built from its configuration alone isn't timed
        return Choice(dtypes[0], threads or torch.get_num_threads())


def measure_smollm() -> Choice:
    """The choice for a model with the shapes of SmolLM2-135M on this CPU."""
    config = LlamaConfig(
        hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3
    )
    return choose_fastest(PartTimer(config), ["float32", "bfloat16"], thread_candidates())


class PartTimer:
    """Times a part of a model: `timer(dtype, threads)` gives the seconds of reading prompts and decoding some tokens.

    Args:
        config: the model's configuration.
    """

    def __init__(self, config: Any) -> None:
        self._config = reduce_config(config)
        self._parts: dict[NumberType, Any] = {}

    def __call__(self, dtype: NumberType, threads: int) -> float:
        if dtype not in self._parts:
            self._parts = {dtype: build_part(self._config, dtype)}
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            self._run(self._parts[dtype])  # the first run prepares the library's kernels
            began = time.perf_counter()
            self._run(self._parts[dtype])
            return time.perf_counter() - began
        finally:
            torch.set_num_threads(before)

    @torch.inference_mode()
    def _run(self, part: Any) -> None:
        cache = DynamicCache(config=part.config)
        ids_BT: Tensor = torch.ones((NUM_ROWS, NUM_PROMPT), dtype=torch.long)
        for _ in range(1 + NUM_STEPS):
            part(input_ids=ids_BT, use_cache=True, **{decoding.cache_argument(part): cache})
            ids_BT = ids_BT[:, :1]


def reduce_config(config: Any) -> Any:
    """A model's configuration with few layers and a small vocabulary; that of the text part of a multimodal model."""
    reduced = copy.deepcopy(config.get_text_config(decoder=True))
    reduced.num_hidden_layers = min(NUM_LAYERS, reduced.num_hidden_layers)
    reduced.vocab_size = min(MAX_VOCABULARY, reduced.vocab_size)
    reduced.pad_token_id = reduced.bos_token_id = reduced.eos_token_id = None
    if isinstance(vars(reduced).get("layer_types"), list):  # elsewhere it follows from other settings
        reduced.layer_types = reduced.layer_types[: reduced.num_hidden_layers]
    return reduced


def build_part(config: Any, dtype: NumberType) -> Any:
    """A model with constant weights: their values don't change the time, and drawing them would take seconds."""
    with no_init_weights():
        part: Any = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.fill_(0.01)
    return part.eval()


def convert_weights(model: Any) -> None:
    """Converts a float32 model's weights to bfloat16, as transformers does when it loads them so.

    Buffers, like the frequencies of positions, stay float32.
    """
    kept = tuple(getattr(model, "_keep_in_fp32_modules_strict", None) or ())
    for name, parameter in model.named_parameters():
        if not any(part in name for part in kept):
            parameter.data = parameter.data.to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
