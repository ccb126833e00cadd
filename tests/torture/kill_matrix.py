"""Kills training runs and matches at twenty moments each, and writes what survived: `make torture`.

A training run is resumed after its kill and has to end with the bits of an undisturbed one. A match is not resumed:
each whole line of its file has to be that of the undisturbed match, and at most the last line may be torn.
docs/generate/reliability.py prints the results.
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple, cast

from tests.training.test_train_resume import command

from mirrormatch.training.run_folder import RunFolder

NUM_STEPS, NUM_EPISODES = 4, 60
LIMIT_S = 300.0
SIGNALS = (signal.SIGKILL, signal.SIGINT)
TRAIN = f"""
model = "nano"
threads = 1
keep_adapters = 2

[lora]
rank = 4

[play]
games = ["kuhn_poker"]
episodes = 6
max_tokens = 48

[learn]
steps = {NUM_STEPS}
learning_rate = 1e-2

[measure]
games = ["kuhn_poker"]
episodes = 2
"""
VOLATILE = re.compile(r'"(time/\w+|tokens_per_s|learner_tokens_per_s|seconds)": [\d.e+-]+')


class Moment(NamedTuple):
    """A moment of a process at which it gets a signal.

    Attributes:
        name: the moment in words.
        has_come: whether it has come, from the seconds since the start.
    """

    name: str
    has_come: Callable[[float], bool]


class Result(NamedTuple):
    """What one kill did.

    Attributes:
        kind: "train" or "match".
        moment: the moment in words.
        signal: the signal's name.
        struck: whether the process was still running.
        survived: whether everything that was finished is there, to the bit.
        repeated: number of finished steps that the resumed run had to repeat.
    """

    kind: str
    moment: str
    signal: str
    struck: bool
    survived: bool
    repeated: int


def start(words: list[str], log: Path) -> ForkServerProcess:
    """Starts a command line in a forked process that has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.test_train_resume", "mirrormatch.cli.commands.train"])
    process = context.Process(target=command, args=(words, log))
    process.start()
    return process


def finish(words: list[str], log: Path) -> float:
    """Runs a command line to its end and returns its duration."""
    began = time.monotonic()
    process = start(words, log)
    process.join(LIMIT_S)
    assert process.exitcode == 0, log.read_text()
    return time.monotonic() - began


def strike(words: list[str], log: Path, moment: Moment, number: signal.Signals) -> bool:
    """Runs a command line that gets the signal at the moment; whether it was still running then."""
    process = start(words, log)
    began = time.monotonic()
    while process.is_alive() and not moment.has_come(time.monotonic() - began):
        time.sleep(0.002)
    if struck := process.is_alive():
        os.kill(cast(int, process.pid), number)
    process.join(LIMIT_S)
    assert "Traceback" not in log.read_text(), log.read_text()
    return struck


def train_moments(folder: RunFolder, duration_s: float, rng: random.Random) -> Iterator[Moment]:
    """Moments of a training run: thirteen by name, seven at random."""

    def exists(path: Path) -> Callable[[float], bool]:
        return lambda _: path.exists()

    checkpoints = folder.checkpoints
    yield Moment("the folder is locked", exists(folder.path / "run.lock"))
    yield Moment("the settings are written", exists(folder.config_path))
    yield Moment("the first measurement is written", exists(folder.measurement_path("before")))
    yield Moment("the first adapter is being written", exists(folder.path / "adapters" / ".step-000000.part"))
    yield Moment("the first adapter is written", exists(folder.adapter_path(0)))
    yield Moment("the first games are written", exists(folder.episodes_path(0)))
    yield Moment("some games of the second step are finished", exists(folder.episode_log(1).path))
    yield Moment("the first metrics are written", exists(folder.metrics_path))
    yield Moment("the first checkpoint is begun", exists(checkpoints / "checkpoint-1"))
    yield Moment(
        "the third checkpoint's optimizer is written", exists(checkpoints / "checkpoint-3/optimizer.safetensors")
    )
    yield Moment("the third checkpoint is complete", exists(checkpoints / "checkpoint-3" / "complete.json"))
    yield Moment("the last adapter is written", exists(folder.adapter_path(NUM_STEPS)))
    yield Moment("the last measurement is written", exists(folder.measurement_path("after")))
    for _ in range(7):
        yield at_random(duration_s, rng)


def at_random(duration_s: float, rng: random.Random) -> Moment:
    """A moment that is uniform over the duration."""
    due_s = rng.uniform(0.0, duration_s)
    return Moment(f"at {100 * due_s / duration_s:.0f} % of the time", lambda now_s: now_s >= due_s)


def final_state(folder: RunFolder) -> dict[str, Any]:
    """The state of a finished run that is compared: every byte of its adapters, checkpoints, games and figures."""
    paths = [folder.adapter_path(NUM_STEPS), folder.checkpoints / f"checkpoint-{NUM_STEPS}"]
    found: dict[str, Any] = {p.name: p.read_bytes() for path in paths for p in sorted(path.iterdir())}
    found.pop("complete.json")  # its hashes are those of the files that are compared
    files = [
        folder.metrics_path,
        *(folder.episodes_path(k) for k in range(NUM_STEPS)),
        folder.measurement_path("after"),
    ]
    return found | {p.name: VOLATILE.sub("", p.read_text().replace(str(folder.path), "")) for p in files}


def count_steps(path: Path) -> int:
    """The number of whole lines of metrics."""
    return path.read_text().count("\n") if path.exists() else 0


def torture_train(home: Path, num: int, rng: random.Random) -> Iterator[Result]:
    """Kills and resumes training runs."""
    config = home / "run.toml"
    config.write_text(TRAIN)
    whole = RunFolder(home / "whole")
    duration_s = finish(["train", str(config), "--out", str(whole.path)], home / "whole.log")
    expected = final_state(whole)
    for k in range(num):
        folder, number = RunFolder(home / f"run{k:02}"), SIGNALS[k % 2]
        moment = list(train_moments(folder, duration_s, rng))[k]
        words = ["train", str(config), "--out", str(folder.path)]
        struck = strike(words, home / "kill.log", moment, number)
        num_finished = count_steps(folder.metrics_path)
        finish([*words, "--resume"], home / "resume.log")
        kept = [int(n) for n in re.findall(r"step (\d+) of", (home / "resume.log").read_text())]
        repeated = max(0, num_finished + 1 - min(kept)) if kept else 0
        survived = final_state(folder) == expected
        yield Result("train", moment.name, number.name, struck, survived, repeated)


def match_moments(path: Path, duration_s: float, rng: random.Random) -> Iterator[Moment]:
    """Moments of a match: twelve by the number of saved episodes, eight at random."""

    def saved(least: int) -> Callable[[float], bool]:
        return lambda _: path.exists() and path.read_bytes().count(b"\n") >= least

    for least in (0, 1, 2, 3, 5, 8, 12, 20, 30, 40, 50, NUM_EPISODES - 1):
        yield Moment(f"{least} episodes are saved" if least else "the file exists", saved(least))
    for _ in range(8):
        yield at_random(duration_s, rng)


def torture_match(home: Path, num: int, rng: random.Random) -> Iterator[Result]:
    """Kills matches."""

    def words(path: Path) -> list[str]:
        return ["match", "kuhn_poker", "nano", "random", "--episodes", str(NUM_EPISODES), "--save", str(path)]

    def lines(path: Path) -> list[str]:
        return [VOLATILE.sub("", line) for line in path.read_text().splitlines(keepends=True)] if path.exists() else []

    whole = home / "whole.jsonl"
    duration_s = finish(words(whole), home / "whole.log")
    expected = lines(whole)
    for k in range(num):
        path, number = home / f"match{k:02}.jsonl", SIGNALS[k % 2]
        moment = list(match_moments(path, duration_s, rng))[k]
        struck = strike(words(path), home / "kill.log", moment, number)
        found = lines(path)
        kept = [line for line in found if line.endswith("\n")]
        torn = len(found) - len(kept)
        is_prefix = kept == expected[: len(kept)] or (number is signal.SIGINT and set(kept) <= set(expected))
        yield Result("match", moment.name, number.name, struck, is_prefix and torn <= (number is signal.SIGKILL), 0)


def main() -> None:
    """Runs the matrix and writes its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="the JSON file to write")
    parser.add_argument("--num", type=int, default=20, help="kills of each kind")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random moments")
    options = parser.parse_args()
    rng, results = random.Random(options.seed), list[Result]()
    with tempfile.TemporaryDirectory() as home:
        for torture in (torture_train, torture_match):
            for result in torture(Path(home), options.num, rng):
                print(result, flush=True)
                results.append(result)
    values = [result._asdict() for result in results]
    options.results.write_text(json.dumps({"schema": 1, "seed": options.seed, "kills": values}, indent=1) + "\n")
    raise SystemExit(0 if all(result.survived for result in results) else 1)


if __name__ == "__main__":
    main()
