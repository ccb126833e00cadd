"""Ways to damage a run's folder, with what a resume of that run does: docs/reliability.md prints this table.

The run has finished three steps of four, each with a checkpoint, and its model is nano.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

NEWEST, OLDER = "checkpoints/checkpoint-3", "checkpoints/checkpoint-2"
STARTS = "a new run with model = 'MODEL+RUN' starts from its newest adapter"
SAME, REFUSED = "resumed, same bits", "refused"


class Damage(NamedTuple):
    """One way to damage a run.

    Attributes:
        title: the damage in words.
        do: damages the folder.
        outcome: `SAME` or `REFUSED`.
        line: the line that the command prints on stderr, RUN for the folder; empty for none.
    """

    title: str
    do: Callable[[Path], None]
    outcome: str
    line: str = ""


def delete(*names: str) -> Callable[[Path], None]:
    """Deletes files and folders."""

    def do(run: Path) -> None:
        for name in names:
            shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()

    return do


def write(name: str, text: str) -> Callable[[Path], None]:
    """Writes a file in place of what is there."""

    def do(run: Path) -> None:
        if (run / name).is_dir():
            shutil.rmtree(run / name)
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)

    return do


def flip_bit(*names: str) -> Callable[[Path], None]:
    """Flips one bit in the middle of each file."""

    def do(run: Path) -> None:
        for name in names:
            data = bytearray((run / name).read_bytes())
            data[len(data) // 2] ^= 1
            (run / name).write_bytes(data)

    return do


def cut(name: str) -> Callable[[Path], None]:
    """Removes the second half of a file."""

    def do(run: Path) -> None:
        data = (run / name).read_bytes()
        (run / name).write_bytes(data[: len(data) // 2])

    return do


def edit_lines(name: str, edit: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Rewrites a file's lines."""

    def do(run: Path) -> None:
        lines = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text("".join(edit(lines)))

    return do


def set_seed(run: Path) -> None:
    """Changes the seed in the stored settings."""
    values = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(values | {"seed": 7}))


def leave_parts(run: Path) -> None:
    """Writes what a kill in the middle of step 4 leaves."""
    for name in ("checkpoints/checkpoint-4/weights.safetensors", "adapters/.step-000004.part/x", ".config.json.1.part"):
        write(name, "half")(run)


def goes_on(reason: str) -> str:
    """The line about a damaged newest checkpoint."""
    return f"checkpoint-3 is {reason}: the run goes on from checkpoint-2"


def cannot(reason: str) -> str:
    """The line about a run that has no whole checkpoint."""
    return f"the run in 'RUN' can't be resumed: {reason}; {STARTS}"


DAMAGES = (
    Damage(
        "the newest checkpoint's optimizer is deleted",
        delete(f"{NEWEST}/optimizer.safetensors"),
        SAME,
        goes_on("damaged (optimizer.safetensors is missing)"),
    ),
    Damage(
        "one bit of the newest checkpoint's weights is flipped",
        flip_bit(f"{NEWEST}/weights.safetensors"),
        SAME,
        goes_on("damaged (weights.safetensors is not as it was written)"),
    ),
    Damage(
        "the newest checkpoint's generators are cut in half",
        cut(f"{NEWEST}/generators.safetensors"),
        SAME,
        goes_on("damaged (generators.safetensors is not as it was written)"),
    ),
    Damage(
        "the newest checkpoint's `state.json` is deleted",
        delete(f"{NEWEST}/state.json"),
        SAME,
        goes_on("damaged (state.json is missing)"),
    ),
    Damage(
        "the newest checkpoint's `complete.json` is cut in half",
        cut(f"{NEWEST}/complete.json"),
        SAME,
        goes_on("damaged (complete.json is broken)"),
    ),
    Damage(
        "the newest checkpoint's `complete.json` is deleted",
        delete(f"{NEWEST}/complete.json"),
        SAME,
        goes_on("damaged (complete.json is missing)"),
    ),
    Damage("the newest checkpoint is deleted", delete(NEWEST), SAME, goes_on("missing")),
    Damage(
        "one bit of both checkpoints is flipped",
        flip_bit(f"{NEWEST}/weights.safetensors", f"{OLDER}/optimizer.safetensors"),
        REFUSED,
        cannot(
            "checkpoint-3 is damaged (weights.safetensors is not as it was written), "
            "checkpoint-2 is damaged (optimizer.safetensors is not as it was written)"
        ),
    ),
    Damage(
        "`checkpoints/` is deleted", delete("checkpoints"), REFUSED, cannot("checkpoints/ holds no whole checkpoint")
    ),
    Damage(
        "`checkpoints/` and `run.json` are deleted",
        delete("checkpoints", "run.json"),
        REFUSED,
        cannot("checkpoints/ holds no whole checkpoint"),
    ),
    Damage(
        "`checkpoints` is a file",
        write("checkpoints", ""),
        REFUSED,
        f"'RUN/checkpoints' is a file: the run's checkpoints belong there; {STARTS}",
    ),
    Damage("a folder of another name is among the checkpoints", write("checkpoints/checkpoint-old/x", ""), SAME),
    Damage(
        "`metrics.jsonl` is deleted",
        delete("metrics.jsonl"),
        SAME,
        "metrics.jsonl is missing: the report begins at this step, and alarms forget the earlier ones",
    ),
    Damage(
        "a line of `metrics.jsonl` is deleted",
        edit_lines("metrics.jsonl", lambda lines: lines[:1] + lines[2:]),
        SAME,
        "metrics.jsonl lacks 1 steps, 2 is the first: the report will lack them too",
    ),
    Damage(
        "the last line of `metrics.jsonl` is cut",
        edit_lines("metrics.jsonl", lambda lines: [*lines[:2], lines[2][:20]]),
        SAME,
        "metrics.jsonl lacks 1 steps, 3 is the first: the report will lack them too",
    ),
    Damage(
        "a line of `metrics.jsonl` is overwritten",
        edit_lines("metrics.jsonl", lambda lines: [lines[0], "\0" * 20 + "\n", lines[2]]),
        REFUSED,
        "line 2 of 'RUN/metrics.jsonl' is broken: remove it to go on without that step",
    ),
    Damage(
        "`config.json` is deleted",
        delete("config.json"),
        REFUSED,
        "'RUN' holds checkpoints of a run, but its config.json is missing: put that back to resume it, "
        "or --out DIR starts another run",
    ),
    Damage(
        "`config.json` is cut in half",
        cut("config.json"),
        REFUSED,
        "the run's settings in 'RUN/config.json' can't be read: ",
    ),
    Damage(
        "the seed in `config.json` is changed",
        set_seed,
        REFUSED,
        "the run in 'RUN' was started with seed = 7, not 0: --out DIR starts another run",
    ),
    Damage(
        "`run.json` is deleted",
        delete("run.json"),
        SAME,
        "run.json is missing, and is written again from the checkpoints",
    ),
    Damage("`run.json` is cut in half", cut("run.json"), REFUSED, "'RUN/run.json' is broken: "),
    Damage(
        "`computation.json` is deleted",
        delete("computation.json"),
        SAME,
        "computation.json is missing: number type and threads are chosen again, so the run may end with other bits",
    ),
    Damage("`computation.json` is cut in half", cut("computation.json"), REFUSED, "'RUN/computation.json' is broken: "),
    Damage("`adapters/` is deleted", delete("adapters"), SAME),
    Damage(
        "one bit of the newest adapter is flipped", flip_bit("adapters/step-000003/adapter_model.safetensors"), SAME
    ),
    Damage("`episodes/` and `tensorboard/` are deleted", delete("episodes", "tensorboard"), SAME),
    Damage("the games of the killed step are overwritten", write("episodes/step-000003.tokens.gz", "half"), SAME),
    Damage("half-written files of a killed step are in the folder", leave_parts, SAME),
)
