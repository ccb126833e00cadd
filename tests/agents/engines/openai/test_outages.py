"""A server that dies, and comes back or stays away."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.clients import (
    error_of_reply,
    reply,
)
from tests.agents.engines.openai.faulty_server import (
    FaultyServer,
)

from mirrormatch import games, prompts
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.openai import connect
from mirrormatch.agents.engines.openai.chat_server import ChatServer
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.evals.arena import run_match

pytestmark = pytest.mark.slow

KUHN = games.get("kuhn_poker")


class ServerProcess:
    """The server as a process, always on the same port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.start()

    def start(self) -> None:
        words = [sys.executable, "-S", faulty_server.__file__, str(self.port)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def program() -> Iterator[ServerProcess]:
    with FaultyServer() as server:
        port = server.port
    running = ServerProcess(port)
    yield running
    running.kill()


def connect_to(program: ServerProcess, engines: list[Engine], outage_s: str) -> ChatServer:
    settings = (("backoff_s", "0.01"), ("outage_s", outage_s))
    engine = connect(f"tiny@http://127.0.0.1:{program.port}/v1", settings)
    engines.append(engine)
    assert isinstance(engine, ChatServer)
    return engine


def test_a_match_goes_on_when_its_server_comes_back(program: ServerProcess, engines: list[Engine]) -> None:
    engine = connect_to(program, engines, outage_s="60")
    agents = [LLMAgent(f"openai-{k}", engine, prompts.get("boxed"), Sampling(temperature=k)) for k in range(2)]
    undisturbed = asyncio.run(run_match(KUHN, agents, episodes=40))
    helpers: list[threading.Thread] = []
    num_retries = engine.usage.retries

    def comes_back() -> None:
        while engine.usage.retries < num_retries + 3:  # a request has failed
            time.sleep(0.001)
        program.start()

    def dies(done: int, total: int) -> None:
        if done == 10:
            program.kill()
            helpers.append(threading.Thread(target=comes_back))
            helpers[0].start()

    disturbed = asyncio.run(run_match(KUHN, agents, episodes=40, progress=dies))
    helpers[0].join()
    assert disturbed == undisturbed
    assert engine.usage.retries >= num_retries + 3


def test_a_server_that_stays_away_is_one_line(program: ServerProcess, engines: list[Engine]) -> None:
    engine = connect_to(program, engines, outage_s="0.1")
    assert reply(engine).text
    program.kill()
    assert "has been gone for outage_s=0.1 seconds" in error_of_reply(engine)


def test_time_without_a_server_is_not_counted_towards_the_deadline(
    program: ServerProcess, engines: list[Engine]
) -> None:
    settings = (("backoff_s", "0.01"), ("outage_s", "60"), ("deadline_s", "0.8"))
    engine = connect(f"tiny@http://127.0.0.1:{program.port}/v1", settings)
    engines.append(engine)
    assert isinstance(engine, ChatServer)
    program.kill()
    later = threading.Timer(1.0, program.start)
    later.start()
    assert reply(engine).text
    later.join()
