"""Starts and stops vLLM, without its log messages.

vLLM reads its environment variables when it is imported, so they are set here first; the user's own values are kept.
vLLM is imported inside functions only: that takes seconds, and it may not be installed.
"""

import contextlib
import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from mirrormatch.agents.engines._vllm_limits import check_installed
from mirrormatch.config_file import describe_validation_error
from mirrormatch.errors import UserError

# Each can be overridden by setting it before the program starts.
_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # results go to stdout
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a fork would inherit our threads' locks, and CUDA can't be forked
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # OMP_NUM_THREADS decides
}
_ON_A_CPU = {
    "VLLM_LOGGING_LEVEL": "ERROR",  # its warnings list the features that a CPU lacks
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process, not a worker beside it
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TORCH_LOGS": "-all",
}
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_SHUTDOWN_S = 1.0  # after which vLLM's processes are killed
_REASON_CHARS = 300


def load_vllm() -> Any:
    """Imports vLLM. Sets its environment variables, for this process and its children.

    Raises:
        UserError: it isn't installed.
    """
    chosen = set(os.environ)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    check_installed()
    with _suppress_warnings():
        vllm = importlib.import_module("vllm")
        from vllm.platforms import current_platform
    if current_platform.is_cpu():
        os.environ.update({name: value for name, value in _ON_A_CPU.items() if name not in chosen})
        logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"])
    return vllm


def is_on_cpu() -> bool:
    """Whether vLLM computes on a CPU."""
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


async def start_engine(arguments: dict[str, Any]) -> Any:
    """Starts vLLM's asynchronous engine, which then belongs to the running event loop.

    Args:
        arguments: the arguments of vLLM's `AsyncEngineArgs`.

    Raises:
        UserError: vLLM can't start with them.
    """
    with _suppress_warnings():
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
        except (ValueError, TypeError, OSError, RuntimeError, NotImplementedError) as problem:
            raise UserError(f"vLLM can't start with {arguments['model']!r}: {_reason(problem)}") from None


@contextlib.contextmanager
def limit_devices(devices: str | None) -> Iterator[None]:
    """A context in which processes start that see these GPUs alone; None: those that this process sees."""
    if devices is None:
        yield
        return
    given = os.environ.get(_VISIBLE)
    os.environ[_VISIBLE] = devices
    try:
        yield
    finally:
        if given is None:
            del os.environ[_VISIBLE]
        else:
            os.environ[_VISIBLE] = given


def stop_engine(llm: Any) -> None:
    """Ends vLLM's processes, at the end of this one."""
    logging.getLogger("vllm").setLevel(logging.CRITICAL)  # hides its message about processes that it had to kill
    with _suppress_warnings():
        llm.shutdown(timeout=_SHUTDOWN_S)
    # vLLM's finalizer shuts down again; it runs when the globals that it calls may be gone, and fails on stderr then.
    with contextlib.suppress(AttributeError):
        del type(llm).__del__


def _reason(problem: Exception) -> str:
    """The first sentence of vLLM's error message."""
    text = describe_validation_error(problem) if isinstance(problem, ValidationError) else str(problem)
    return " ".join(text.split()).partition(". ")[0][:_REASON_CHARS]


@contextlib.contextmanager
def _suppress_warnings() -> Iterator[None]:
    """Suppresses Python's warnings from inside vLLM, here and in the processes that it starts."""
    given = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if given is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = given
