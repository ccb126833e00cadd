"""llama.cpp's own server in a process, on this machine: `python llama_program.py MODEL.gguf`. Prints its URL."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import xllamacpp

NUM_SLOTS, CONTEXT = 4, 2048  # requests at once, and tokens of each


def start(path: str) -> xllamacpp.Server:
    """Starts the server on one thread for each of two cores."""
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_parallel, params.n_ctx, params.port = NUM_SLOTS, NUM_SLOTS * CONTEXT, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more threads spin on a busy machine
    return xllamacpp.Server(params)


@contextlib.contextmanager
def serve(path: Path) -> Iterator[str]:
    """The URL of a server in a process of its own, for a `with` block."""
    words = [sys.executable, __file__, str(path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield f"{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    server = start(sys.argv[1])
    print(server.listening_address, flush=True)
    while True:
        time.sleep(1)
