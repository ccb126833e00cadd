"""Settings of the whole suite: no network, one thread, repeatable examples."""

import os

# The libraries read these variables when they are imported, so they are set before every other import.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TRL_EXPERIMENTAL_SILENCE="1",
    TOKENIZERS_PARALLELISM="false",
    CUDA_VISIBLE_DEVICES="",  # numbers are compared in single precision, also on a machine with a GPU
    PYTHONSAFEPATH="1",  # of child processes: the root folders shadow no other package
    OMP_NUM_THREADS="1",  # tiny tensors: more threads only wait for each other
)

import ipaddress
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.cli.runner import Cli

LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
CONNECTIONS = ("socket.connect", "socket.sendto", "socket.sendmsg")


class NetworkBlocked(RuntimeError):
    """A test connected to another machine. Not an OSError: libraries would retry after one."""


def block_network(event: str, args: tuple[Any, ...]) -> None:
    """Refuses connections of this process to other machines; an audit hook, so it covers every library."""
    if event in LOOKUPS:
        require_loopback(args[0])
    elif event in CONNECTIONS and args[0].family != socket.AF_UNIX and args[1] is not None:
        require_loopback(args[1][0])


def require_loopback(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    try:
        allowed = name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise NetworkBlocked(f"tests run without a network, but a connection to {name!r} was attempted")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="rewrite the golden transcripts (see the test)")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model, made once per session."""
    from tests.agents.engines.tiny_model import save_model

    return save_model(tmp_path_factory.mktemp("tiny"))


sys.addaudithook(block_network)
settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.register_profile(  # make fuzz
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "3000")),
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("suite")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, in this process."""
    return Cli(capsys, monkeypatch)
