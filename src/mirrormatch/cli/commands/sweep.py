"""`mirrormatch sweep`: several settings over several seeds as one command that can be interrupted.

Every cell, one setting on one seed, is a run of `mirrormatch train` in a process of its own. Finished cells are lines
of `cells.jsonl`; a sweep that is started again trains what is missing, and computes its table from those lines alone.
"""

import json
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirrormatch.cli.runs import read_measurement, to_toml_value
from mirrormatch.cli.terminal.output import console, empty_table, note
from mirrormatch.config_file import describe_validation_error, load_settings
from mirrormatch.errors import UserError
from mirrormatch.evals.statistics import Better, Score, over_seeds
from mirrormatch.evals.wording import format_change, format_estimate, score_label
from mirrormatch.training.checks import check_config
from mirrormatch.training.config import CHOICES, TERMS, RunConfig
from mirrormatch.training.run_folder import RunFolder

_WHOLE = (*CHOICES, *TERMS)  # sections that an arm replaces, rather than changes key by key


class SweepFile(BaseModel):
    """A sweep's TOML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: Annotated[str, Field(description="the run's config, relative to this file")]
    seeds: Annotated[
        tuple[int, ...],
        Field(min_length=2, description="seeds, of which an interval needs two; every arm is trained on each"),
    ]
    arms: Annotated[
        dict[str, dict[str, Any]],
        Field(min_length=1, description="name and settings of each arm; differences are to the first one"),
    ]


class CellScores(BaseModel):
    """One figure of a finished cell."""

    model_config = ConfigDict(frozen=True)

    before: float
    after: float
    unit: str
    better: Better


class Cell(BaseModel):
    """A finished cell: a line of `cells.jsonl`."""

    model_config = ConfigDict(frozen=True)

    schema_: Annotated[int, Field(alias="schema")] = 1
    arm: str
    seed: int
    overrides: tuple[str, ...]
    seconds: float
    scores: dict[str, CellScores]


def run(options: Namespace) -> int:
    """Trains every cell that is missing, then prints the table."""
    sweep = load_settings(options.file, SweepFile)
    config = options.file.parent / sweep.config
    out = options.out or Path("runs") / options.file.stem
    arms = {name: (*options.overrides, *_list_overrides(settings)) for name, settings in sweep.arms.items()}
    for name, overrides in arms.items():
        if not name.replace("-", "_").isidentifier():
            raise UserError(f"{str(options.file)!r}: an arm's name is a word, not {name!r}")
        _check_arm(load_settings(config, RunConfig, overrides), config)
    finished = _read_cells(out / "cells.jsonl", arms)
    missing = [(seed, name) for seed in sweep.seeds for name in arms if (name, seed) not in finished]
    for number, (seed, name) in enumerate(missing, start=1):
        note(f"cell {number} of {len(missing)}: {name}, seed {seed}")
        finished[name, seed] = cell = _train_cell(config, out / name / f"seed-{seed}", name, seed, arms[name])
        with (out / "cells.jsonl").open("a", encoding="utf-8") as file:
            file.write(cell.model_dump_json(by_alias=True) + "\n")
    _show(options, {name: [finished[name, seed] for seed in sweep.seeds] for name in arms})
    return 0


def _check_arm(config: RunConfig, path: Path) -> None:
    """Checks the settings of a run, and that it measures something.

    Raises:
        UserError: it can't be trained, or compared.
    """
    check_config(config)
    if not (config.measure.games or config.measure.exploitability or config.measure.transfer):
        raise UserError(f"{str(path)!r} measures nothing: a sweep compares the figures of its [measure] section")


def _list_overrides(settings: dict[str, Any], section: str = "") -> Iterator[str]:
    """The settings of an arm as `--set` takes them."""
    for key, value in settings.items():
        name = f"{section}{key}"
        if isinstance(value, dict) and name not in _WHOLE:
            yield from _list_overrides(value, f"{name}.")
        else:
            yield f"{name}={to_toml_value(value)}"


def _read_cells(path: Path, arms: dict[str, tuple[str, ...]]) -> dict[tuple[str, int], Cell]:
    """Reads the finished cells; a torn last line is cut off.

    Raises:
        UserError: a line is broken, or a cell had other settings.
    """
    if not path.exists():
        return {}
    found = dict[tuple[str, int], Cell]()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            path.write_text("".join(lines[:-1]), encoding="utf-8")
            break
        try:
            cell = Cell.model_validate_json(line)
        except ValidationError as problem:
            raise UserError(f"{str(path)!r}, line {number}: {describe_validation_error(problem)}") from None
        if cell.arm in arms and cell.overrides != arms[cell.arm]:
            raise UserError(
                f"arm {cell.arm!r} was trained with {' '.join(cell.overrides) or 'no settings of its own'}: give the "
                "changed arm another name, or --out DIR starts another sweep"
            )
        found[cell.arm, cell.seed] = cell
    return found


def _train_cell(config: Path, folder: Path, name: str, seed: int, overrides: Sequence[str]) -> Cell:
    """Trains one cell in a child process, or goes on with it.

    Raises:
        UserError: the run failed; its own message is on stderr.
    """
    began = time.monotonic()
    words = [word for override in overrides for word in ("--set", override)]
    command = [sys.executable, "-m", "mirrormatch", "train", str(config), *words, "--set", f"seed={seed}"]
    resume = ["--resume"] if RunFolder(folder).config_path.exists() else []
    ended = subprocess.run([*command, "--out", str(folder), *resume], stdout=subprocess.DEVNULL, check=False)
    if ended.returncode:
        raise UserError(
            f"the cell {name}, seed {seed} failed: the same command trains it and all others that are missing"
        )
    before, after = (read_measurement(RunFolder(folder), when) for when in ("before", "after"))
    assert before is not None and after is not None, "a run that ends has measured"
    then = {score.name: score for score in before.scores if isinstance(score, Score)}
    scores = {
        score.name: CellScores(before=then[score.name].value, after=score.value, unit=score.unit, better=score.better)
        for score in after.scores
        if isinstance(score, Score) and score.name in then
    }
    seconds = round(time.monotonic() - began, 1)
    return Cell(arm=name, seed=seed, overrides=tuple(overrides), seconds=seconds, scores=scores)


def _show(options: Namespace, cells: dict[str, list[Cell]]) -> None:
    """Prints each figure's mean over the seeds in every arm, and the difference to the first arm, paired by seed."""
    rows = list(_compare_arms(cells))
    seeds = [cell.seed for cell in next(iter(cells.values()))]
    if options.json:
        print(json.dumps({"schema": 1, "seeds": seeds, "figures": rows}, indent=2))
        return
    shown = empty_table(("", *cells), numbers=True)
    for row in rows:
        texts = [_describe_arm(row["arms"][name], is_first=k == 0) for k, name in enumerate(cells)]
        shown.add_row(score_label(row["name"]).text, *texts)
    console().print(shown)
    note(f"after training, mean over {len(seeds)} seeds [95% interval, Student's t]; below it the paired difference")


def _compare_arms(cells: dict[str, list[Cell]]) -> Iterator[dict[str, Any]]:
    """One entry for each figure that all cells have."""
    first = next(iter(cells.values()))
    names = [n for n in first[0].scores if all(n in cell.scores for arm in cells.values() for cell in arm)]
    for name in names:
        start = [cell.scores[name].after for cell in first]
        arms = {}
        for arm, found in cells.items():
            after = [cell.scores[name].after for cell in found]
            difference = [b - a for a, b in zip(start, after, strict=True)]
            unit, better = first[0].scores[name].unit, first[0].scores[name].better
            arms[arm] = {
                "after": over_seeds(name, after, unit=unit, better=better).model_dump(),
                "difference": over_seeds(name, difference, unit=unit, better=better).model_dump(),
                "before": [cell.scores[name].before for cell in found],
            }
        yield {"name": name, "arms": arms}


def _describe_arm(figures: dict[str, Any], is_first: bool) -> str:
    after, difference = Score(**figures["after"]), Score(**figures["difference"])
    return format_estimate(after) if is_first else f"{format_estimate(after)}\n{format_change(difference)}"
