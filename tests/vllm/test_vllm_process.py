"""vLLM as a process: its start, the errors of a failed start, and its end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mirrormatch.agents.engines._settings import VllmSettings
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.vllm import VllmEngine
from mirrormatch.agents.engines.vllm.process import stop_engine
from mirrormatch.agents.models import NANO_PATH
from mirrormatch.errors import UserError

MATCH = (sys.executable, "-m", "mirrormatch.cli", "match", "kuhn_poker")
START_S, END_S = 120, 10  # on a busy machine


def test_a_match_is_played_and_nothing_but_its_result_goes_to_stdout() -> None:
    command = (*MATCH, "vllm:nano", "hf:nano", "--episodes", "100", "--json")
    run = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["episodes"] == 100
    assert "vllm" not in run.stderr.replace("vllm:nano", "").lower(), run.stderr


def test_an_interrupt_ends_it_soon_and_in_one_line(tmp_path: Path) -> None:
    episodes = tmp_path / "episodes.jsonl"
    command = (*MATCH, "vllm:nano", "random", "--episodes", "100000", "--save", str(episodes))
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    latest = time.monotonic() + START_S
    while not episodes.exists() and run.poll() is None and time.monotonic() < latest:
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGINT)  # like Ctrl-C, which vLLM's process gets too
    _, stderr = run.communicate(timeout=END_S)
    assert (run.returncode, stderr.strip().splitlines()[-1]) == (130, "mirrormatch: interrupted")
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("path", "settings", "reason"),
    [
        ("/no/such/model", {}, "no model at '/no/such/model': there is no such folder"),
        ("someone/never-downloaded", {}, "no model can be loaded from 'someone/never-downloaded'"),
        (str(NANO_PATH), {"max_model_len": 100_000}, r"User-specified max_model_len \(100000\) is greater than"),
        (str(NANO_PATH), {"quantization": "none such"}, "vLLM can't start with '.*nano': .*quantization"),
    ],
)
def test_a_failed_start_gives_the_reason(path: str, settings: dict[str, object], reason: str) -> None:
    with pytest.raises(UserError, match=reason) as problem:
        VllmEngine(path, VllmSettings.model_validate(settings))
    assert "\n" not in str(problem.value)


def test_requests_to_a_process_that_dies_fail() -> None:
    engine = VllmEngine(str(NANO_PATH), VllmSettings())

    async def request_all() -> list[Any]:
        endless = Sampling(max_tokens=2_000, temperature=2.0, stop=("never said",))
        waits = [asyncio.create_task(engine.generate((7, 8, k), endless, seed=k)) for k in range(3)]
        await asyncio.sleep(0.5)
        for process in engine._llm.engine_core.resources.engine_manager.processes:
            os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            return await asyncio.gather(*waits, return_exceptions=True)

    try:
        for problem in asyncio.run(request_all()):
            assert isinstance(problem, UserError) and "vLLM's process has died while" in str(problem)
        with pytest.raises(UserError, match="vLLM's process has died"):
            asyncio.run(engine.generate((7, 8, 9), Sampling()))
    finally:
        stop_engine(engine._llm)
