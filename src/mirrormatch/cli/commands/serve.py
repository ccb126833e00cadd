"""`mirrormatch serve`: a model behind vLLM's OpenAI-compatible server, which loads adapters while it runs."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mirrormatch.agents.engines._engine import read_settings
from mirrormatch.agents.engines._gguf_conversion import convert_if_gguf
from mirrormatch.agents.engines._settings import VllmSettings
from mirrormatch.agents.spec import ModelSettings, check_spec, engine_target, parse_spec
from mirrormatch.cli.terminal.output import note
from mirrormatch.errors import UserError
from mirrormatch.files import check_file
from mirrormatch.text import one_line

START_S = 600.0  # reading a large model from disk takes minutes
_POLL_S = 0.25
_END_S = 10.0  # time for the server to end by itself before it is killed
_REASON_CHARS = 400
_ENGINE_ONLY = ("use_tqdm_on_load",)  # settings without a flag of vLLM's server


def run(options: Namespace) -> int:
    """Serves until it is interrupted."""
    if options.log is not None:
        check_file(options.log, "the server's output")
    port = _choose_port(options.host, options.port)
    name, flags = server_flags(options.model)
    name = options.name or name
    log = options.log or Path(tempfile.mkstemp(prefix="mirrormatch-serve-", suffix=".log")[1])
    for number in (signal.SIGTERM, signal.SIGHUP):  # a service is stopped, a terminal is closed
        signal.signal(number, _exit_on_signal)
    words = [*flags, "--served-model-name", name, "--host", options.host, "--port", str(port)]
    with _server(words, log) as server:
        url = f"http://{options.host}:{port}"
        _wait_until_healthy(server, url, log)
        print(f"{url}/v1", flush=True)
        note(f"serving {name}; play it: mirrormatch play kuhn_poker --opponent openai:{name}@{url}/v1")
        code = server.wait()
    raise UserError(f"the server ended by itself, exit code {code}: {_reason(log)}")


def server_flags(text: str) -> tuple[str, list[str]]:
    """Converts a model with settings to its name for clients and the server's flags."""
    # torch takes seconds to import: a port in use is reported before.
    from mirrormatch.agents.engines.vllm.process import is_on_cpu, load_vllm

    spec = parse_spec(text if text.startswith("vllm:") else f"vllm:{text}")
    if spec.adapter:
        raise UserError(f"{text!r}: serve the base model; clients load adapters, as in openai:MODEL@URL+ADAPTER")
    if clients_own := [key for key, _ in spec.settings if key in ModelSettings.model_fields]:
        raise UserError(f"{text!r}: {clients_own[0]!r} is a setting of clients: openai:MODEL@URL,{clients_own[0]}=...")
    check_spec(spec.text)
    load_vllm()
    path = convert_if_gguf(engine_target(spec))
    if Path(path).is_dir():
        path = str(Path(path).absolute())  # sent to clients, whose working directory may differ
    arguments = read_settings("vllm", VllmSettings, spec.settings).arguments(path, is_on_cpu())
    return spec.target, list(_flags(arguments))


def _flags(arguments: dict[str, Any]) -> Iterator[str]:
    """Converts arguments of vLLM's engine to flags of its server."""
    for key, value in arguments.items():
        flag = key.replace("_", "-")
        if value is None or key in _ENGINE_ONLY:
            continue
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        else:
            yield f"--{flag}={value}"


@contextlib.contextmanager
def _server(words: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the server's process during the block, in its own session: Ctrl-C reaches this process first."""
    environment = {**os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
    try:
        yield server
    finally:
        _stop(server)


def _exit_on_signal(number: int, _: Any) -> None:
    """Exits through the context managers, which end the server: left behind, it would keep the GPU's memory."""
    sys.exit(128 + number)


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(_END_S)
    with contextlib.suppress(ProcessLookupError):  # its workers, which may outlive it
        os.killpg(server.pid, signal.SIGKILL)


def _wait_until_healthy(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Waits until the server answers its health check.

    Raises:
        UserError: the server ended or did not start in time.
    """
    note(f"starting vLLM (log: {log})")
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise UserError(f"vLLM did not start: {_reason(log)}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            with urllib.request.urlopen(f"{url}/health", timeout=_POLL_S * 8) as answer:
                if answer.status == 200:
                    return
        time.sleep(_POLL_S)
    raise UserError(f"vLLM did not answer within {START_S:.0f} s; see {str(log)!r}")


def _reason(log: Path) -> str:
    """The last line of the log that mentions an error."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if "Error" in line or "error:" in line]
    return one_line((errors or lines or ["its log is empty"])[-1], _REASON_CHARS) + f" (see {str(log)!r})"


def _choose_port(host: str, port: int) -> int:
    """Checks that the port is free; chooses one for 0.

    Raises:
        UserError: the port is in use, or the host doesn't exist.
    """
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise UserError(f"can't listen on {host}:{port}: {reason}") from None
        return int(listening.getsockname()[1])
