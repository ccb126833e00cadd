"""The settings of each engine, without its libraries: a misspelt one is refused before torch is imported."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, Field

from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.engines._engine import NoSettings
from mirrormatch.agents.engines._vllm_limits import RANKS
from mirrormatch.config_file import MAX_COUNT, MAX_THREADS

MAX_BATCH = 256  # requests generated together
PREFIX_MB = 1_024  # memory for keys and values of earlier prompts: half a million tokens of the bundled model
CPU_BLOCK = 32  # tokens; the smallest block of vLLM's kernels for CPUs. Prompts are reused in whole blocks
DEFAULT_KEY_ENV = "OPENAI_API_KEY"
Dtype: TypeAlias = Literal["auto", "float32", "bfloat16"]


class HfSettings(TemplateSettings):
    """The engine's options: `hf:PATH,max_batch=64`."""

    max_batch: Annotated[int, Field(ge=1, le=MAX_COUNT, description="number of requests generated together")] = (
        MAX_BATCH
    )
    prefix_mb: Annotated[
        int, Field(ge=0, le=MAX_COUNT, description="MiB for keys and values of earlier prompts; 0: none")
    ] = PREFIX_MB
    dtype: Annotated[Dtype, Field(description="type of the weights; auto: the faster one on a CPU, bf16 on a GPU")] = (
        "auto"
    )
    threads: Annotated[
        int | None,
        Field(ge=1, le=MAX_THREADS, description="number of torch threads on a CPU; the fastest number by default"),
    ] = None


class VllmSettings(TemplateSettings):
    """The engine's options: `vllm:PATH,tensor_parallel=2,dtype=bfloat16`."""

    tensor_parallel: Annotated[int, Field(ge=1, description="number of GPUs for one copy of the model")] = 1
    data_parallel: Annotated[int, Field(ge=1, description="number of copies of the model, each on its own GPUs")] = 1
    memory_share: Annotated[
        float, Field(gt=0, le=1, description="share of a GPU's memory; less if training needs some while vLLM is awake")
    ] = 0.9
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"] | None,
        Field(description="type of weights and arithmetic; default: float32 on a CPU, the model's own on a GPU"),
    ] = None
    quantization: Annotated[str | None, Field(description="method, like 'fp8'; none: the model's own")] = None
    max_model_len: Annotated[
        int | None, Field(ge=2, description="tokens of prompt and reply together; none: the model's maximum")
    ] = None
    max_loras: Annotated[int, Field(ge=1, description="number of adapters loaded at once")] = 8
    max_lora_rank: Annotated[int, Field(ge=1, le=RANKS[-1], description="highest rank; costs memory and time")] = 16
    max_num_seqs: Annotated[int, Field(ge=1, le=MAX_COUNT, description="number of requests generated together")] = 256
    devices: Annotated[
        str | None,
        Field(pattern=r"^[\w:-]+(,[\w:-]+)*$", description="its GPUs, as in CUDA_VISIBLE_DEVICES; none: all"),
    ] = None
    sleeps: Annotated[
        bool, Field(description="leave the GPU's memory to the training between games; no: vLLM has its own GPUs")
    ] = True
    enforce_eager: Annotated[
        bool | None, Field(description="start faster, generate slower; none: on a CPU only, where it costs nothing")
    ] = None

    def arguments(self, path: str, cpu: bool) -> dict[str, Any]:
        """The options as vLLM's `AsyncEngineArgs`, with the fixed ones."""
        return {
            "model": path,
            "tensor_parallel_size": self.tensor_parallel,
            "data_parallel_size": self.data_parallel,
            "gpu_memory_utilization": self.memory_share,
            "dtype": self.dtype or ("float32" if cpu else "auto"),
            "quantization": self.quantization,
            "max_model_len": self.max_model_len,
            "max_num_seqs": self.max_num_seqs,
            "enforce_eager": cpu if self.enforce_eager is None else self.enforce_eager,
            "enable_lora": True,
            # On a CPU, vLLM computes a mixed batch's base rows with the adapter in the last slot: it stays empty.
            "max_loras": self.max_loras + 1 if cpu else self.max_loras,
            "max_lora_rank": next(r for r in RANKS if r >= self.max_lora_rank),
            "enable_prefix_caching": True,
            # On a CPU, vLLM draws a random number for a partly read prompt, and can't undo that.
            "enable_chunked_prefill": False if cpu else None,
            "block_size": CPU_BLOCK if cpu else None,
            "enable_sleep_mode": self.sleeps and not cpu,
            "logprobs_mode": "processed_logprobs",  # of logits / temperature
            "generation_config": "vllm",  # sampling comes from the requests, not from a file beside the model
            "disable_log_stats": True,
            "use_tqdm_on_load": False,
        }


class OpenAISettings(TemplateSettings):
    """The engine's options: `openai:MODEL@URL,stream=yes,deadline_s=600`."""

    timeout_s: Annotated[
        float, Field(gt=0, description="longest silence of the server before a request is repeated")
    ] = 120.0
    deadline_s: Annotated[
        float, Field(gt=0, description="longest time that one request may lose to failures, silence and waits")
    ] = 300.0
    outage_s: Annotated[float, Field(ge=0, description="longest wait for an unreachable server, besides")] = 120.0
    backoff_s: Annotated[float, Field(gt=0, description="longest first wait before a retry; it doubles")] = 0.5
    max_connections: Annotated[
        int,
        Field(ge=1, le=MAX_COUNT, description="highest number of requests at once; fewer while the server queues them"),
    ] = 256
    price_in: Annotated[float, Field(ge=0, description="price of a million prompt tokens, to compute the cost")] = 0.0
    price_out: Annotated[float, Field(ge=0, description="price of a million generated tokens")] = 0.0
    key_env: Annotated[str, Field(description="name of the environment variable with the key")] = DEFAULT_KEY_ENV
    stream: Annotated[
        bool, Field(description="stream replies: a long one then takes as long as it needs, without a time-out")
    ] = True
    mode: Annotated[
        Literal["auto", "token", "chat"],
        Field(description="what is sent; auto: tokens if possible"),
    ] = "auto"
    mixed: Annotated[
        bool, Field(description="base and adapter rows in one batch: faster, but wrong in vLLM's builds for CPUs")
    ] = False


SETTINGS: Final[Mapping[str, type[BaseModel]]] = {
    "hf": HfSettings,
    "vllm": VllmSettings,
    "openai": OpenAISettings,
    "scripted": NoSettings,
}  # an engine of an installed package checks its settings when it is loaded
