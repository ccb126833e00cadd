"""vLLM's own server, as a process: over HTTP it gives the replies of the transformers engine."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.vllm.conftest import Request, generate_all, save_adapter, scores

from mirrormatch import games
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.openai import connect
from mirrormatch.agents.engines.openai.chat_server import ChatServer
from mirrormatch.agents.engines.openai.vllm_server import TokenServer
from mirrormatch.agents.models import NANO_PATH
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import model_agent
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Message

MAX_RANK = 8
START_S = 120.0  # half a minute on two idle cores
GREEDY, SAMPLED = Sampling(max_tokens=32, temperature=0), Sampling(max_tokens=32)
TOLERANCE = 2e-4  # nats per token
ENVIRONMENT = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server's URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = {"model": NANO_PATH, "served-model-name": "nano", "host": "127.0.0.1", "port": port, "dtype": "float32"}
    flags |= {"max-loras": 2, "max-lora-rank": MAX_RANK, "logprobs-mode": "processed_logprobs"}
    words = [f"--{name}={value}" for name, value in flags.items()]
    module = "vllm.entrypoints.openai.api_server"
    log_path = tmp_path_factory.mktemp("server") / "log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            # A prompt in parts, with a seed, ends vLLM's process on a CPU: its generators can't be reset.
            [sys.executable, "-m", module, *words, "--enable-lora", "--enforce-eager", "--no-enable-chunked-prefill"],
            env={**os.environ, **ENVIRONMENT},
            stdout=log,
            stderr=log,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, log_path)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: "subprocess.Popen[bytes]", log_path: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server didn't start: {log_path.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def server(url: str) -> Iterator[TokenServer]:
    engine = connect(f"nano@{url}", (("outage_s", "1"),))
    assert isinstance(engine, TokenServer)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def loaded(server: TokenServer, hf: TransformersEngine, adapter_paths: list[Path]) -> tuple[str, ...]:
    """The hashes of adapters, loaded by both engines."""
    names = tuple(server.load(path) for path in adapter_paths[:2])
    assert names == tuple(hf.load(path) for path in adapter_paths[:2])
    return names


def test_it_is_the_same_base_model(server: TokenServer, hf: TransformersEngine) -> None:
    assert (server.fingerprint, server.end_ids) == (hf.fingerprint, hf.end_ids)


def test_log_probs_are_those_of_the_transformers_engine(
    server: TokenServer, hf: TransformersEngine, requests: list[Request], loaded: tuple[str, ...]
) -> None:
    for adapter in (None, *loaded):
        completions = generate_all(server, requests, SAMPLED, [adapter] * len(requests))
        ids = [c.token_ids for c in completions]
        expected, read = scores(hf, requests, ids, adapter), scores(server, requests, ids, adapter)
        for found, score, plain in zip(completions, read, expected, strict=True):
            assert found.adapter == adapter
            assert found.logprobs == pytest.approx(plain, abs=TOLERANCE)
            assert score == pytest.approx(plain, abs=TOLERANCE)


def test_log_probs_are_those_at_the_temperature(server: TokenServer, hf: TransformersEngine) -> None:
    found = asyncio.run(server.generate((5, 6, 7), Sampling(max_tokens=1, temperature=0.5), seed=3))
    with torch.no_grad(), hf._activate(None):
        logits = hf.model(torch.tensor([[5, 6, 7]])).logits[0, -1]
    expected = torch.log_softmax(logits / 0.5, -1)[found.token_ids[0]].item()
    assert found.logprobs[0] == pytest.approx(expected, abs=TOLERANCE)
    assert found.logprobs[0] != pytest.approx(torch.log_softmax(logits, -1)[found.token_ids[0]].item(), abs=0.01)


def test_base_rows_are_right_beside_adapter_rows(
    server: TokenServer, hf: TransformersEngine, requests: list[Request], loaded: tuple[str, ...]
) -> None:
    """On a CPU, vLLM computes base rows with an adapter's weights when every slot for adapters is taken."""
    names = [(None, *loaded)[k % 3] for k in range(len(requests))]
    mixed = generate_all(server, requests, GREEDY, names)
    for name in (None, *loaded):
        mine = [k for k, n in enumerate(names) if n == name]
        completions = [mixed[k].token_ids for k in mine]
        for k, plain in zip(mine, scores(hf, [requests[k] for k in mine], completions, name), strict=True):
            assert mixed[k].logprobs == pytest.approx(plain, abs=TOLERANCE)


def test_an_equal_request_gives_equal_tokens(server: TokenServer, requests: list[Request]) -> None:
    again = [requests[0]] * 2
    first, second = generate_all(server, again, SAMPLED)
    assert first.token_ids == second.token_ids


def test_an_answer_can_be_held_to_the_legal_moves(server: TokenServer, requests: list[Request]) -> None:
    sampling = Sampling(max_tokens=128, constraint=r"\\boxed\{(stand|hit)\}")
    for completion in generate_all(server, requests[:6], sampling):
        assert completion.finish == "stop" and completion.text in ("\\boxed{stand}", "\\boxed{hit}")


def test_a_prompt_that_fills_the_context_is_a_truncated_reply(server: TokenServer) -> None:
    full, nearly = (5,) * server._context, (5,) * (server._context - 3)
    assert asyncio.run(server.generate(full, GREEDY)).token_ids == ()
    assert len(asyncio.run(server.generate(nearly, GREEDY)).token_ids) <= 3


def test_a_rank_that_is_too_high_is_one_line(server: TokenServer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"start it with --max-lora-rank {2 * MAX_RANK} or more"):
        server.load(save_adapter(tmp_path, seed=0, rank=2 * MAX_RANK))


def test_an_unknown_model_gives_the_served_ones(url: str) -> None:
    engine = connect(f"mano@{url}")
    assert isinstance(engine, ChatServer)
    with pytest.raises(UserError, match=r"has no such model.*it serves 'nano'"):
        asyncio.run(engine.chat([Message("user", "a")], GREEDY))
    engine.close()


def test_a_streamed_reply_is_the_whole_reply(url: str) -> None:
    replies, shown = [], list[str]()
    for stream in ("no", "yes"):
        engine = connect(f"nano@{url}", (("mode", "chat"), ("stream", stream)))
        assert isinstance(engine, ChatServer)
        engine.on_text = shown.append
        replies.append(asyncio.run(engine.chat([Message("user", "What is 2+2?")], GREEDY)))
        engine.close()
    assert replies[0] == replies[1] and "".join(shown) == replies[1].text


def test_a_streamed_completion_is_the_whole_completion(url: str, server: TokenServer, requests: list[Request]) -> None:
    whole = connect(f"nano@{url}", (("stream", "no"),))
    assert isinstance(whole, TokenServer)
    for sampling in (GREEDY, Sampling(max_tokens=32, temperature=0, stop=("boxed",))):
        streamed, complete = (generate_all(e, requests[:4], sampling) for e in (server, whole))
        for a, b in zip(streamed, complete, strict=True):
            assert (a.token_ids, a.text, a.finish) == (b.token_ids, b.text, b.finish)
            assert a.logprobs == pytest.approx(b.logprobs, abs=TOLERANCE)
    whole.close()


def test_a_game_is_played_in_tokens(url: str) -> None:
    agent = model_agent(f"openai:nano@{url}")
    episode = asyncio.run(play(games.get("kuhn_poker"), [agent, agent], seed=1))
    for turn in episode.turns:
        assert turn.completion is not None and len(turn.completion.token_ids) == len(turn.completion.logprobs)
