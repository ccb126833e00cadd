"""A run that is killed, again and again, ends as one that never was."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.paths import ROOT

from mirrormatch.agents.engines import _adapters as adapters
from mirrormatch.training import metrics
from mirrormatch.training.run_folder import COMPLETE, RunFolder

NUM_STEPS = 14  # the last strike comes after 5: a busy machine may deliver it some steps late
PATIENCE_S = 120  # for a run of a few seconds, on a machine that does other things too
CONFIG = """
model = "hf:{model}"
threads = 1
keep_adapters = 2

[prompt]
history = "full"

[lora]
rank = 4

[play]
games = ["kuhn_poker", "tictactoe"]
episodes = 4
max_tokens = 16
patience = 1

[learn]
steps = {num_steps}
learning_rate = 1e-2
micro_batches = 2
kl = 0.1
kl_to = "magnet"
magnet_decay = 0.5
"""


def command(argv: list[str], log_path: Path) -> None:
    """`mirrormatch` with these words, in a process of its own that has imported everything already."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite that runs in the background inherits "ignore"
    from mirrormatch.cli import main

    os._exit(main(argv))


class Ended(NamedTuple):
    """How one process ended."""

    code: int | None
    log: str


class Story(NamedTuple):
    """A run that was never disturbed, and the same run in five lives."""

    calm: RunFolder
    hunted: RunFolder
    config: Path
    lives: list[Ended]


def started(config: Path, folder: RunFolder, resume: bool) -> ForkServerProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mirrormatch.cli.commands.train", "mirrormatch.training.run"])
    words = ["train", str(config), "--out", str(folder.path), *["--resume"] * resume]
    process = context.Process(target=command, args=(words, log_of(folder)))
    process.start()
    return process


def log_of(folder: RunFolder) -> Path:
    return folder.path.with_suffix(".log")


def ended(process: ForkServerProcess, folder: RunFolder) -> Ended:
    process.join(PATIENCE_S)
    return Ended(process.exitcode, log_of(folder).read_text())


def struck(config: Path, folder: RunFolder, resume: bool, number: signal.Signals, when: Callable[[], bool]) -> Ended:
    """A life that gets the signal as soon as `when` holds."""
    process = started(config, folder, resume)
    deadline = time.monotonic() + PATIENCE_S
    while not when():
        assert process.is_alive() and time.monotonic() < deadline, log_of(folder).read_text()
        time.sleep(0.001)
    assert process.pid is not None
    os.kill(process.pid, number)
    return ended(process, folder)


def undisturbed(config: Path, folder: RunFolder) -> "subprocess.Popen[str]":
    """The command as a shell would start it."""
    words = [sys.executable, "-m", "mirrormatch.cli", "train", str(config), "--out", str(folder.path)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def five_lives(config: Path, folder: RunFolder) -> Iterator[Ended]:
    def begun(step: int) -> bool:
        """Whether a checkpoint of that step or a later one is being written; older ones are removed again."""
        return any(int(p.name.rpartition("-")[2]) >= step for p in folder.checkpoints.glob("checkpoint-*"))

    def whole(step: int) -> bool:
        return any(int(p.parent.name.rpartition("-")[2]) >= step for p in folder.checkpoints.glob(f"*/{COMPLETE}"))

    yield struck(config, folder, False, signal.SIGINT, lambda: whole(1))
    yield struck(config, folder, True, signal.SIGKILL, lambda: whole(2))  # the next games are played
    yield struck(config, folder, True, signal.SIGKILL, folder.episodes_path(3).exists)  # what was played is learned
    yield struck(config, folder, True, signal.SIGKILL, lambda: begun(5))  # what was learned is saved
    yield ended(started(config, folder, True), folder)


@pytest.fixture(scope="module")
def story(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("runs")
    config = home / "small.toml"
    config.write_text(CONFIG.format(model=tiny, num_steps=NUM_STEPS))
    calm, hunted = RunFolder(home / "calm"), RunFolder(home / "hunted")
    with pytest.MonkeyPatch.context() as patched, undisturbed(config, calm) as other:
        patched.syspath_prepend(ROOT)  # a new process finds `command` there
        lives = list(five_lives(config, hunted))
        said, _ = other.communicate(timeout=PATIENCE_S)
        assert other.returncode == 0, said
        yield Story(calm, hunted, config, lives)


def both(story: Story, of: Callable[[RunFolder], Any]) -> tuple[Any, Any]:
    return of(story.calm), of(story.hunted)


def test_the_lives_ended_as_they_were_meant_to(story: Story) -> None:
    assert [life.code for life in story.lives] == [130, -signal.SIGKILL, -signal.SIGKILL, -signal.SIGKILL, 0]


def test_the_last_adapter_is_that_of_the_undisturbed_run(story: Story) -> None:
    calm, hunted = both(story, lambda run: (run.adapter_path(NUM_STEPS) / adapters.WEIGHTS).read_bytes())
    assert calm == hunted


def test_every_adapter_that_is_kept_is_that_of_the_undisturbed_run(story: Story) -> None:
    def kept(run: RunFolder) -> dict[str, str]:
        return {p.name: adapters.content_hash(p) for p in (run.path / "adapters").glob("step-*")}

    calm, hunted = both(story, kept)
    assert sorted(calm) == [f"step-{step:06d}" for step in (0, 2, 4, 6, 8, 10, 12, 14)]
    assert calm.items() <= hunted.items()


def test_the_adapters_of_a_run_differ(story: Story) -> None:
    hashes = {adapters.content_hash(p) for p in (story.calm.path / "adapters").glob("step-*")}
    assert len(hashes) == 8, "the policy moves, so that equal ends mean something"


def test_the_games_are_those_of_the_undisturbed_run(story: Story) -> None:
    def played(run: RunFolder) -> list[str]:
        return [run.episodes_path(k).read_text().replace(str(run.path), "") for k in range(NUM_STEPS)]

    calm, hunted = both(story, played)
    assert calm == hunted


def test_the_metrics_are_those_of_the_undisturbed_run(story: Story) -> None:
    def measured(run: RunFolder) -> list[metrics.Metrics]:
        lines = metrics.read(run.metrics_path)
        return [{k: v for k, v in line.items() if not k.startswith(("time/", "tokens_per_s"))} for line in lines]

    calm, hunted = both(story, measured)
    assert [line["step"] for line in calm] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert calm == hunted


def test_the_baselines_and_the_magnet_are_those_of_the_undisturbed_run(story: Story) -> None:
    def last(run: RunFolder) -> tuple[str, bytes]:
        path = run.checkpoints / f"checkpoint-{NUM_STEPS}"
        return (path / COMPLETE).read_text(), (path / "magnet.safetensors").read_bytes()

    calm, hunted = both(story, last)
    assert calm == hunted


def test_ctrl_c_says_how_to_go_on_and_shows_no_traceback(story: Story) -> None:
    lines = story.lives[0].log.splitlines()
    assert not [line for line in lines if "Traceback" in line or "Error" in line]
    assert lines[-1:] == [
        f"mirrormatch: interrupted; --resume goes on with '{story.hunted.path}'",
    ]


def test_a_finished_run_is_resumed_at_once(story: Story) -> None:
    before = (story.calm.adapter_path(NUM_STEPS) / adapters.WEIGHTS).stat().st_mtime_ns
    assert ended(started(story.config, story.calm, True), story.calm).code == 0
    assert (story.calm.adapter_path(NUM_STEPS) / adapters.WEIGHTS).stat().st_mtime_ns == before


def test_a_run_is_not_begun_over_another(story: Story) -> None:
    life = ended(started(story.config, story.calm, False), story.calm)
    assert (life.code, life.log) == (
        2,
        f"mirrormatch: error: '{story.calm.path}' already holds a run: "
        "--resume goes on with it, --out DIR starts another\n",
    )


@pytest.fixture(scope="module")
def alarmed(story: Story) -> list[Ended]:
    """Three lives of a run whose model never makes a move, and that ends by an alarm which has lasted five steps."""
    config = story.config.with_name("alarmed.toml")
    config.write_text(story.config.read_text() + "[alarms]\nstop = true\n")
    folder = RunFolder(story.config.with_name("alarmed"))
    third = folder.checkpoints / "checkpoint-3" / COMPLETE
    first = struck(config, folder, False, signal.SIGKILL, third.exists)
    return [first, *(ended(started(config, folder, True), folder) for _ in range(2))]


def test_a_kill_does_not_make_an_alarm_forget(alarmed: list[Ended]) -> None:
    assert "stopped after step 5: the alarm 'illegal' lasted" in alarmed[1].log


def test_a_run_that_an_alarm_ended_stays_ended(alarmed: list[Ended]) -> None:
    assert "stopped after step 5: the alarm 'illegal' lasted" in alarmed[2].log
    assert "step 6" not in alarmed[2].log
