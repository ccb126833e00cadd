"""`mirrormatch serve` in use: starting it, playing and training over it, stopping it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]  # vLLM brings it
import pytest
from tests.paths import ROOT

from mirrormatch.agents.models import NANO_PATH
from mirrormatch.cli.commands.serve import server_flags

PROGRAM = (sys.executable, "-m", "mirrormatch.cli")
LONG_S = 240
CONFIG = ROOT / "configs" / "kuhn_nano.toml"
SHORT = (
    "learn.steps=2", "play.episodes=6", "play.max_tokens=48", "measure.every=0", "measure.games=[]",
    "measure.exploitability=[]", "measure.transfer=[]",
)  # fmt: skip
MAX_LOGP_GAP = 1e-3  # nats: the greatest difference between the sampler's and the trainer's log-probs


class Served(NamedTuple):
    process: "subprocess.Popen[str]"
    url: str


def run(*words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PROGRAM, *words], input=typed, capture_output=True, text=True, timeout=LONG_S, check=False)


def train(model: str, folder: Path) -> list[dict[str, float]]:
    """The metrics of a short run."""
    overrides = [word for override in (*SHORT, f"model={model}") for word in ("--set", override)]
    done = run("train", str(CONFIG), "--out", str(folder), *overrides)
    assert done.returncode == 0, done.stderr
    steps = [line for line in done.stderr.splitlines() if "step" in line and "logp_gap" in line]
    assert len(steps) == 2, done.stderr
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    words = [*PROGRAM, "serve", "nano", "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as output:
        yield Served(process, output.readline().strip())
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    process.wait(LONG_S)


def test_the_url_is_the_one_line_on_stdout(served: Served) -> None:
    assert served.url.startswith("http://127.0.0.1:") and served.url.endswith("/v1")


def test_a_person_plays_against_the_served_model(served: Served) -> None:
    done = run(
        "play", "kuhn_poker", "--opponent", f"openai:nano@{served.url}", "--seed", "3", "--plain", typed="check\nfold\n"
    )
    assert done.returncode == 0, done.stderr
    assert "The end" in done.stdout


def test_a_match_over_http_prints_its_tokens(served: Served) -> None:
    done = run("match", "kuhn_poker", f"openai:nano@{served.url}", "random", "--episodes", "20", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["episodes"] == 20 and "requests" in done.stderr


def test_a_run_trains_over_the_server_on_the_tokens_that_it_drew(served: Served, tmp_path: Path) -> None:
    measured = train(f"openai:nano@{served.url}", tmp_path / "run")
    assert [m["logp_gap"] < MAX_LOGP_GAP for m in measured] == [True, True]


def test_a_run_trains_over_vllm_in_process_on_the_tokens_that_it_drew(tmp_path: Path) -> None:
    measured = train("vllm:nano", tmp_path / "run")
    assert [m["logp_gap"] < MAX_LOGP_GAP for m in measured] == [True, True]


def test_a_served_folder_is_an_absolute_path_for_clients_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(NANO_PATH.parent)
    name, flags = server_flags(NANO_PATH.name + "/../nano")
    assert name == "nano/../nano"
    assert f"--model={Path.cwd()}/nano/../nano" in flags


def workers(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return list(psutil.Process(process.pid).children(recursive=True))


def test_an_interrupt_ends_the_server_with_its_workers(served: Served) -> None:
    running = workers(served.process)
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(LONG_S) == 130
    assert running and not psutil.wait_procs(running, LONG_S)[1]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda n: str(n)
)
def test_a_signal_while_it_loads_ends_the_server(number: signal.Signals, code: int) -> None:
    words = [*PROGRAM, "serve", "nano", "--port", "0"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr as output:
        assert "starting vLLM" in output.readline()
        running = workers(process)
        process.send_signal(number)
        assert process.wait(LONG_S) == code
        assert output.read().count("\n") <= 1, "at most one line"
    assert running and not psutil.wait_procs(running, LONG_S)[1]
