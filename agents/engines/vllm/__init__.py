"""vLLM in this process: the engine for GPUs, with continuous batching and adapters that are swapped while it runs.

vLLM's scheduler and workers are processes of their own, used from one background event loop. So a script that uses the
engine needs the `if __name__ == "__main__"` guard of every program that spawns processes. On a CPU it serves to test
the engine: with adapters, the transformers engine is faster.
"""

import asyncio
import atexit
import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._adapter_settings import read_lora_settings
from mirrormatch.agents.engines._adapter_weights import check_finite, check_fit, check_weights
from mirrormatch.agents.engines._background_loop import BackgroundLoop
from mirrormatch.agents.engines._engine import SpecSettings, read_settings
from mirrormatch.agents.engines._gguf_conversion import convert_if_gguf
from mirrormatch.agents.engines._settings import VllmSettings
from mirrormatch.agents.engines._token_engine import TokenEngine, load_tokenizer, read_end_ids
from mirrormatch.agents.engines._types import Completion, Sampling, Usage
from mirrormatch.agents.engines._vllm_limits import check_adapter, check_temperature
from mirrormatch.agents.engines.vllm.adapters import Residents
from mirrormatch.agents.engines.vllm.process import is_on_cpu, limit_devices, load_vllm, start_engine, stop_engine
from mirrormatch.errors import UserError


class VllmEngine(TokenEngine):
    """Generates with one base model and any number of LoRA adapters on it.

    Log-probs are those of `Completion`, with one exception: with top_p or top_k, vLLM reports log-probs after their
    filtering.

    Args:
        path: a folder in Hugging Face format, an id that vLLM can load, or a GGUF file, which is converted once.
        settings: the options.
    """

    def __init__(self, path: str, settings: VllmSettings) -> None:
        self._vllm = load_vllm()
        path = convert_if_gguf(path)
        super().__init__(path, load_tokenizer(path), settings, read_end_ids(path))
        self._settings = settings
        self._on_cpu = is_on_cpu()
        self._can_sleep = settings.sleeps and not self._on_cpu
        self._loop = BackgroundLoop("vllm")
        with limit_devices(settings.devices):
            self._llm = self._loop.call(start_engine(settings.arguments(path, self._on_cpu)))
        atexit.register(stop_engine, self._llm)
        self._context = int(self._llm.model_config.max_model_len)
        self._residents = Residents(self._llm, settings.max_loras, self._vllm.lora.request.LoRARequest)
        self._numbers = itertools.count()
        self.usage = Usage()

    @property
    def block_size(self) -> int:
        """Number of tokens per block; prompts are reused in whole blocks."""
        return int(self._llm.vllm_config.cache_config.block_size)

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        room = self._context - len(prompt_ids)
        if room < 1:
            return Completion.empty(adapter)
        params = self._params(sampling, min(sampling.max_tokens, room), seed)
        found = await self._loop.run(self._request(prompt_ids, params, adapter))
        output = found.outputs[0]
        self.usage = self.usage.plus(
            Usage(
                requests=1,
                prompt_tokens=len(prompt_ids),
                cached_tokens=found.num_cached_tokens or 0,
                completion_tokens=len(output.token_ids),
            )
        )
        assert output.finish_reason in ("stop", "length"), output.finish_reason
        ids = tuple(output.token_ids)
        return Completion(
            token_ids=ids,
            logprobs=tuple(at[token].logprob for token, at in zip(ids, output.logprobs, strict=True)),
            text=self._encoder.decode(ids),
            finish=output.finish_reason,
            adapter=adapter,
        )

    async def logprobs(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], *, adapter: str | None = None
    ) -> tuple[float, ...]:
        whole = (*prompt_ids, *continuation_ids)
        if len(whole) > self._context:
            raise UserError(f"{len(whole)} tokens can't be scored: {self.base!r} reads {self._context} at most")
        return await self._loop.run(self._score(whole, len(prompt_ids), adapter))

    def load(self, adapter_path: Path) -> str:
        folder = _adapters.find_adapter(adapter_path)
        settings = read_lora_settings(folder)
        check_weights(folder, settings, self._base_shapes)
        name = _adapters.content_hash(folder)
        if name not in self._residents.names():
            _adapters.check_base(folder, self.base, self.fingerprint)
            check_adapter(folder, settings, self._settings.max_lora_rank)
            check_fit(folder, self.base, self._base_shapes)
            check_finite(folder)
        self._loop.call(self._residents.add(name, folder))
        return name

    def sleep(self) -> None:
        """Frees the GPU's memory; no request is answered until `wake`. Does nothing on a CPU."""
        if self._can_sleep:
            self._loop.call(self._llm.sleep(level=1))  # 1: the weights move to the host's memory

    def wake(self) -> None:
        """Allocates the GPU's memory again after `sleep`, once torch has freed what it cached in this process."""
        if self._can_sleep:
            torch.cuda.empty_cache()
            self._loop.call(self._llm.wake_up())

    def _params(self, sampling: Sampling, max_tokens: int, seed: int) -> Any:
        """The request as vLLM's `SamplingParams`."""
        check_temperature(sampling.temperature)
        limits = self._vllm.sampling_params.StructuredOutputsParams
        return self._vllm.SamplingParams(
            max_tokens=max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=seed,
            stop=list(sampling.stop),
            stop_token_ids=sorted(self.end_ids),
            ignore_eos=True,  # the encoder defines the tokens that end a turn, in every engine
            include_stop_str_in_output=True,
            skip_special_tokens=False,  # a stop string may be one
            detokenize=bool(sampling.stop),
            structured_outputs=limits(regex=sampling.constraint) if sampling.constraint else None,
            logprobs=0,  # of the drawn token only
            output_kind=self._final,
        )

    async def _score(self, ids: tuple[int, ...], start: int, adapter: str | None) -> tuple[float, ...]:
        """The log-probs of the ids from `start` on, each requested as the next token after the ids before it.

        vLLM reads their common beginning once. Its own way, `prompt_logprobs`, reads everything again, holds the logits
        of the whole prompt at once, and fails on a CPU with adapters enabled.
        """
        places = range(start, len(ids))
        requests = (self._request(ids[:k], self._scoring_params(ids[k]), adapter) for k in places)
        found = await asyncio.gather(*requests)
        return tuple(f.outputs[0].logprobs[0][ids[k]].logprob for f, k in zip(found, places, strict=True))

    def _scoring_params(self, token: int) -> Any:
        """A request for the log-probability of one token at temperature 1; the generated token is ignored."""
        return self._vllm.SamplingParams(
            max_tokens=1,
            temperature=0,
            ignore_eos=True,
            detokenize=False,
            logprob_token_ids=[token],
            output_kind=self._final,
        )

    @property
    def _final(self) -> Any:
        return self._vllm.sampling_params.RequestOutputKind.FINAL_ONLY

    async def _request(self, prompt_ids: Sequence[int], params: Any, adapter: str | None) -> Any:
        """The output of vLLM for one request. Cancelling the wait aborts the request."""
        from vllm.v1.engine.exceptions import EngineDeadError

        request_id = str(next(self._numbers))
        prompt = self._vllm.inputs.tokens_input(list(prompt_ids))
        async with self._residents.use(adapter) as lora:
            try:
                async for found in self._llm.generate(prompt, params, request_id, lora_request=lora):
                    last = found
            except asyncio.CancelledError:
                await self._llm.abort(request_id)  # vLLM's own handler misses a request that is just being sent
                raise
            except EngineDeadError:
                raise UserError(
                    f"vLLM's process has died while {self.base!r} answered, for lack of memory perhaps: "
                    "VLLM_LOGGING_LEVEL=INFO shows its log"
                ) from None
        return last


@functools.cache  # never evicted: `atexit` ends vLLM's processes
def engine(path: str, settings: SpecSettings = ()) -> VllmEngine:
    """The engine of a base model: one per process, whose agents share its batches."""
    return VllmEngine(path, read_settings("vllm", VllmSettings, settings))


ENGINE = engine
