"""`mirrormatch serve`: a model behind vLLM's OpenAI-compatible server, whose adapters can change while it runs."""

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
from mirrormatch.agents.engines._token_engine import check_folder
from mirrormatch.agents.spec import ModelSettings, engine_target, parse_spec
from mirrormatch.cli.terminal.output import note
from mirrormatch.errors import UserError
from mirrormatch.text import one_line

START_S = 600.0  # large models are read from disk for minutes
_POLL_S = 0.25
_END_S = 10.0  # for the server to end by itself
_REASON_CHARS = 400
_ENGINE_ONLY = ("use_tqdm_on_load",)  # what vLLM's server has no flag for


def run(options: Namespace) -> int:
    """Serves until it is interrupted."""
    port = _free_port(options.host, options.port)
    name, flags = _model(options.model)
    name = options.name or name
    log = options.log or Path(tempfile.mkstemp(prefix="mirrormatch-serve-", suffix=".log")[1])
    for number in (signal.SIGTERM, signal.SIGHUP):  # of whoever stops a service, and of a terminal that is closed
        signal.signal(number, _leave)
    words = [*flags, "--served-model-name", name, "--host", options.host, "--port", str(port)]
    with _server(words, log) as server:
        url = f"http://{options.host}:{port}"
        _wait(server, url, log)
        print(f"{url}/v1", flush=True)
        note(f"serving {name}; play it: mirrormatch play kuhn_poker --opponent openai:{name}@{url}/v1")
        code = server.wait()
    raise UserError(f"the server ended by itself, exit code {code}: {_reason(log)}")


def _model(text: str) -> tuple[str, list[str]]:
    """The name that clients use, and the server's flags."""
    # torch takes seconds to import: a port in use is reported before.
    from mirrormatch.agents.engines.vllm import VllmSettings
    from mirrormatch.agents.engines.vllm.process import is_on_cpu, load_vllm

    spec = parse_spec(text if text.startswith("vllm:") else f"vllm:{text}")
    if spec.adapter:
        raise UserError(f"{text!r}: serve the base model; clients load adapters, as in openai:MODEL@URL+ADAPTER")
    if turned := [key for key, _ in spec.settings if key in ModelSettings.model_fields]:
        raise UserError(f"{text!r}: {turned[0]!r} is for clients to say, after openai:MODEL@URL")
    load_vllm()
    path = engine_target(spec)
    check_folder(path)
    if Path(path).is_dir():
        path = str(Path(path).absolute())  # clients are told it, and may be somewhere else
    arguments = read_settings("vllm", VllmSettings, spec.settings).arguments(path, is_on_cpu())
    return spec.target, list(_flags(arguments))


def _flags(arguments: dict[str, Any]) -> Iterator[str]:
    """Arguments of vLLM's engine as its server takes them."""
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
    """The server's process, which ends with the block; in a session of its own, so that Ctrl-C reaches us first."""
    environment = {**os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *words]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
    try:
        yield server
    finally:
        _end(server)


def _leave(number: int, _: Any) -> None:
    """Ends as at an interrupt: a server left behind would go on holding the GPU."""
    sys.exit(128 + number)


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(_END_S)
    with contextlib.suppress(ProcessLookupError):  # its workers, whatever became of it
        os.killpg(server.pid, signal.SIGKILL)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until the server answers its health check.

    Raises:
        UserError: it ended, or took too long.
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
    """The last line of the log that tells of an error."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if "Error" in line or "error:" in line]
    return one_line((told or lines or ["it said nothing"])[-1], _REASON_CHARS) + f" (see {str(log)!r})"


def _free_port(host: str, port: int) -> int:
    """The port, or any where it is 0.

    Raises:
        UserError: somebody listens there, or there is no such host.
    """
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise UserError(f"can't listen on {host}:{port}: {reason}") from None
        return int(listening.getsockname()[1])
