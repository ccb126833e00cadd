"""A run that is killed repeatedly ends with the same bits as an undisturbed run."""

import json
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

from mirrormatch.agents.engines import _adapters
from mirrormatch.cli.runs import read_config, write_report
from mirrormatch.training import metrics
from mirrormatch.training.checkpoints import COMPLETE
from mirrormatch.training.learner_state import WEIGHTS_FILE
from mirrormatch.training.run_folder import RunFolder

pytestmark = pytest.mark.slow

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

[matchmaker]
kind = "past"

[reward.scaled]

[reward.penalties]

[objective.clipped]

[objective.kl]
weight = 0.1
to = "magnet"
magnet_decay = 0.5

[objective.entropy]

[learn]
steps = {num_steps}
minibatches = 2
learning_rate = 1e-2
schedule = "cosine"
warm_up = 2
part_tokens = 512
"""


def command(argv: list[str], log_path: Path) -> None:
    """Runs `mirrormatch` with these arguments in a forked process that has imported everything already."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite that runs in the background inherits "ignore"
    from mirrormatch.cli import main

    os._exit(main(argv))


class Ended(NamedTuple):
    """The exit code and the log of one process."""

    code: int | None
    log: str


class Story(NamedTuple):
    """An undisturbed run, and the same run in five processes, four of them killed."""

    undisturbed: RunFolder
    killed: RunFolder
    config: Path
    lives: list[Ended]


def start_process(config: Path, folder: RunFolder, resume: bool) -> ForkServerProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mirrormatch.cli.commands.train", "mirrormatch.training.run"])
    words = ["train", str(config), "--out", str(folder.path), *["--resume"] * resume]
    process = context.Process(target=command, args=(words, log_of(folder)))
    process.start()
    return process


def log_of(folder: RunFolder) -> Path:
    return folder.path.with_suffix(".log")


def wait_for(process: ForkServerProcess, folder: RunFolder) -> Ended:
    process.join(PATIENCE_S)
    return Ended(process.exitcode, log_of(folder).read_text())


def run_until_signal(
    config: Path, folder: RunFolder, resume: bool, number: signal.Signals, when: Callable[[], bool]
) -> Ended:
    """Runs a process that gets the signal as soon as `when` holds."""
    process = start_process(config, folder, resume)
    deadline = time.monotonic() + PATIENCE_S
    while not when():
        assert process.is_alive() and time.monotonic() < deadline, log_of(folder).read_text()
        time.sleep(0.001)
    assert process.pid is not None
    os.kill(process.pid, number)
    return wait_for(process, folder)


def start_undisturbed(config: Path, folder: RunFolder) -> "subprocess.Popen[str]":
    """Starts the command as a shell would."""
    words = [sys.executable, "-m", "mirrormatch.cli", "train", str(config), "--out", str(folder.path)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def five_lives(config: Path, folder: RunFolder) -> Iterator[Ended]:
    def begun(step: int) -> bool:
        """Whether a checkpoint of that step or a later one is being written; older ones are removed again."""
        return any(int(p.name.rpartition("-")[2]) >= step for p in folder.checkpoints.glob("checkpoint-*"))

    def whole(step: int) -> bool:
        return any(int(p.parent.name.rpartition("-")[2]) >= step for p in folder.checkpoints.glob(f"*/{COMPLETE}"))

    yield run_until_signal(config, folder, False, signal.SIGINT, lambda: whole(1))
    yield run_until_signal(config, folder, True, signal.SIGKILL, lambda: whole(2))  # the next games are played
    yield run_until_signal(
        config, folder, True, signal.SIGKILL, folder.episodes_path(3).exists
    )  # what was played is learned
    yield run_until_signal(config, folder, True, signal.SIGKILL, lambda: begun(5))  # what was learned is saved
    yield wait_for(start_process(config, folder, True), folder)


@pytest.fixture(scope="module")
def story(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("runs")
    config = home / "small.toml"
    config.write_text(CONFIG.format(model=tiny, num_steps=NUM_STEPS))
    undisturbed, killed = RunFolder(home / "undisturbed"), RunFolder(home / "killed")
    with pytest.MonkeyPatch.context() as patched, start_undisturbed(config, undisturbed) as other:
        patched.syspath_prepend(ROOT)  # a new process finds `command` there
        lives = list(five_lives(config, killed))
        log, _ = other.communicate(timeout=PATIENCE_S)
        assert other.returncode == 0, log
        yield Story(undisturbed, killed, config, lives)


def both(story: Story, of: Callable[[RunFolder], Any]) -> tuple[Any, Any]:
    return of(story.undisturbed), of(story.killed)


def test_the_lives_ended_as_they_were_meant_to(story: Story) -> None:
    assert [life.code for life in story.lives] == [130, -signal.SIGKILL, -signal.SIGKILL, -signal.SIGKILL, 0]


def test_the_last_adapter_is_that_of_the_undisturbed_run(story: Story) -> None:
    undisturbed, killed = both(story, lambda run: (run.adapter_path(NUM_STEPS) / _adapters.WEIGHTS).read_bytes())
    assert undisturbed == killed


def test_every_adapter_that_is_kept_is_that_of_the_undisturbed_run(story: Story) -> None:
    def kept(run: RunFolder) -> dict[str, str]:
        return {p.name: _adapters.content_hash(p) for p in (run.path / "adapters").glob("step-*")}

    undisturbed, killed = both(story, kept)
    assert sorted(undisturbed) == [f"step-{step:06d}" for step in (0, 2, 4, 6, 8, 10, 12, 14)]
    assert undisturbed.items() <= killed.items()


def test_the_adapters_of_a_run_differ(story: Story) -> None:
    hashes = {_adapters.content_hash(p) for p in (story.undisturbed.path / "adapters").glob("step-*")}
    assert len(hashes) == 8, "the policy moves, so that equal ends mean something"


def test_what_is_passed_on_of_a_run_holds_no_path_of_this_machine(story: Story, tmp_path: Path) -> None:
    run = story.undisturbed
    written = [*(run.path / "adapters").rglob("*.*"), *(run.path / "episodes").iterdir()]
    written.append(write_report(run, tmp_path / "report.html"))
    assert len(written) > 10
    home = str(run.path.parents[1]).encode()  # of the run and of its model
    assert [path for path in written if path.is_file() and home in path.read_bytes()] == []
    assert read_config(run).model.startswith(f"hf:{home.decode()}")


def test_an_adapter_lists_its_modules_in_a_fixed_order(story: Story) -> None:
    for folder in (story.undisturbed.path / "adapters").iterdir():
        targets = json.loads((folder / _adapters.CONFIG).read_text())["target_modules"]
        assert len(targets) > 2 and targets == sorted(targets)


def test_the_games_are_those_of_the_undisturbed_run(story: Story) -> None:
    def played(run: RunFolder) -> list[str]:
        return [run.episodes_path(k).read_text().replace(str(run.path), "") for k in range(NUM_STEPS)]

    undisturbed, killed = both(story, played)
    assert undisturbed == killed


def test_the_metrics_are_those_of_the_undisturbed_run(story: Story) -> None:
    def measured(run: RunFolder) -> list[metrics.Metrics]:
        lines = metrics.read(run.metrics_path)
        return [
            {k: v for k, v in line.items() if not k.startswith("time/") and "tokens_per_s" not in k} for line in lines
        ]

    undisturbed, killed = both(story, measured)
    assert [line["step"] for line in undisturbed] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert undisturbed == killed


def test_the_baselines_and_the_magnet_are_those_of_the_undisturbed_run(story: Story) -> None:
    def last(run: RunFolder) -> tuple[str, bytes]:
        path = run.checkpoints / f"checkpoint-{NUM_STEPS}"
        return (path / COMPLETE).read_text(), (path / WEIGHTS_FILE).read_bytes()

    undisturbed, killed = both(story, last)
    assert undisturbed == killed


def test_ctrl_c_says_how_to_go_on_and_shows_no_traceback(story: Story) -> None:
    lines = story.lives[0].log.splitlines()
    assert not [line for line in lines if "Traceback" in line or "Error" in line]
    assert lines[-1:] == [
        f"mirrormatch: interrupted; --resume goes on with '{story.killed.path}'",
    ]


def test_a_finished_run_is_resumed_at_once(story: Story) -> None:
    before = (story.undisturbed.adapter_path(NUM_STEPS) / _adapters.WEIGHTS).stat().st_mtime_ns
    assert wait_for(start_process(story.config, story.undisturbed, True), story.undisturbed).code == 0
    assert (story.undisturbed.adapter_path(NUM_STEPS) / _adapters.WEIGHTS).stat().st_mtime_ns == before


def test_a_run_is_not_begun_over_another(story: Story) -> None:
    life = wait_for(start_process(story.config, story.undisturbed, False), story.undisturbed)
    assert (life.code, life.log) == (
        2,
        f"mirrormatch: error: '{story.undisturbed.path}' already holds a run: "
        "--resume goes on with it, --out DIR starts another\n",
    )


@pytest.fixture(scope="module")
def alarmed(story: Story) -> list[Ended]:
    """Three processes of a run whose model never makes a move; a lasting alarm ends it after five steps."""
    config = story.config.with_name("alarmed.toml")
    config.write_text(story.config.read_text() + "[alarms]\nstop = ['illegal']\nwarm_up = 0\n")
    folder = RunFolder(story.config.with_name("alarmed"))
    third = folder.checkpoints / "checkpoint-3" / COMPLETE
    first = run_until_signal(config, folder, False, signal.SIGKILL, third.exists)
    return [first, *(wait_for(start_process(config, folder, True), folder) for _ in range(2))]


def test_a_kill_does_not_make_an_alarm_forget(alarmed: list[Ended]) -> None:
    assert "stopped after step 5: the alarm 'illegal/kuhn_poker' lasted" in alarmed[1].log


def test_a_run_that_an_alarm_ended_stays_ended(alarmed: list[Ended]) -> None:
    assert "stopped after step 5: the alarm 'illegal/kuhn_poker' lasted" in alarmed[2].log
    assert "step 6" not in alarmed[2].log
