"""The files of a run, and the recovery of its last whole state after a kill at any moment.

config.json                     the settings, as they were checked
run.json                        the folder's layout, the parts that belong to it, the best checkpoint
run.lock                        the number of the process that trains, or did
template.json                   the date in prompts, only for a chat template that shows today's
adapters/step-000040/           the policy after 40 steps, PEFT's format
learners/NAME/adapters/         the same of every learner beside the main one
episodes/step-000040.jsonl      the episodes of step 40
episodes/step-000040.tokens.gz  the same with tokens, log-probs and advantages, written game by game; most are removed
computation.json                the number type and threads that the run's first process chose
metrics.jsonl                   one line per finished step
tensorboard/
checkpoints/checkpoint-40/      everything that step 41 needs; whole once it holds complete.json
measures/before.json after.json
report.html
"""

import datetime
import errno
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError

from mirrormatch.agents.episodes import to_json
from mirrormatch.agents.spec import add_adapter
from mirrormatch.agents.types import Episode
from mirrormatch.config_file import describe_validation_error
from mirrormatch.errors import UserError
from mirrormatch.files import read_object, write_json, write_text
from mirrormatch.training import checkpoints
from mirrormatch.training.checkpoints import Checkpoint, DamagedCheckpoint, OldCheckpoint
from mirrormatch.training.config import RunConfig
from mirrormatch.training.episode_log import EpisodeLog
from mirrormatch.training.metrics_file import cut_metrics
from mirrormatch.training.run_lock import LOCK_FILE, lock_folder
from mirrormatch.training.run_record import (
    RECORD_FILE,
    Best,
    Change,
    RunRecord,
    find_figure,
    is_better,
    read_record,
    write_record,
)
from mirrormatch.training.setting_kinds import ChangedSetting, compare_settings, is_refused
from mirrormatch.training.types import MAIN

_ANOTHER = "--out DIR starts another run"
_LOSSES = {  # what a resumed run lacks without a part
    "computation.json": "number type and threads are chosen again, so the run may end with other bits",
    "metrics.jsonl": "the report begins at this step, and alarms forget the earlier ones",
}


_FULL = f"(os error {errno.ENOSPC})"  # in an error of safetensors, which isn't an OSError


def _ignore(line: str) -> None:
    pass


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.json"
        self.record_path = path / RECORD_FILE
        self.computation_path = path / "computation.json"
        self.template_path = path / "template.json"
        self.checkpoints = path / "checkpoints"
        self.metrics_path = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"
        self.report_path = path / "report.html"

    def adapter_path(self, step: int, learner: str = MAIN) -> Path:
        """The folder of a learner's adapter after `step` steps."""
        parent = self.path if learner == MAIN else self.path / "learners" / learner
        return parent / "adapters" / f"step-{step:06d}"

    def episodes_path(self, step: int) -> Path:
        """The file of the episodes that step number `step` played, counted from 0."""
        return self.path / "episodes" / f"step-{step:06d}.jsonl"

    def measurement_path(self, name: str) -> Path:
        """The file of a measurement: "before" or "after"."""
        return self.path / "measures" / f"{name}.json"

    def lock(self) -> AbstractContextManager[None]:
        """Holds the folder during the block, against other processes that train there. Makes the folder.

        Raises:
            UserError: another process is at work there, or the path is a file's.
        """
        return lock_folder(self.path)

    def check_free(self, resume: bool) -> None:
        """Refuses a folder that holds a run, unless that is to be resumed, and one that holds parts of a run alone.

        Raises:
            UserError: one of these.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{str(self.path)!r} is a file: a run needs a folder, --out DIR names one")
        if self.config_path.exists():
            if not resume:
                raise UserError(
                    f"{str(self.path)!r} already holds a run: --resume goes on with it, --out DIR starts another"
                )
            return
        parts = [p.name for p in (self.checkpoints, self.metrics_path, self.path / "adapters") if p.exists()]
        if parts:
            raise UserError(
                f"{str(self.path)!r} holds {parts[0]} of a run, but its {self.config_path.name} is missing: "
                f"put that back to resume it, or {_ANOTHER}"
            )

    def open(
        self, config: RunConfig, resume: bool, base: str = "", note: Callable[[str], None] = _ignore
    ) -> Checkpoint | None:
        """Prepares the folder for a run and returns the checkpoint to resume from, or None for a new run.

        Args:
            config: the run's settings.
            resume: whether the folder's run is to be resumed.
            base: the fingerprint of the base model's weights.
            note: receives one line about each thing that isn't as the run left it, and each changed setting.

        Raises:
            UserError: the folder holds a run and `resume` is not set, a run with another identity, or one of which
                parts are missing or damaged beyond a resume.
        """
        self.check_free(resume)
        values = config.model_dump(mode="json")
        if not self.config_path.exists():
            write_record(self.record_path, RunRecord(base_fingerprint=base))
            write_json(self.config_path, values)
            return None
        record = read_record(self.record_path)
        changes = self._check_settings(values, record is not None and base != "" and base == record.base_fingerprint)
        start = self._find_start(record, note)
        step = start.step if start else 0
        if record is not None and start is not None:
            self._name_missing(record, note)
        cut_metrics(self.metrics_path, step, note)
        self._remove_unused(step)
        if record is None:
            note(f"{self.record_path.name} is missing, and is written again from the checkpoints")
            record = RunRecord(base_fingerprint=base)
        for key, before, after in changes:
            note(f"{key} = {after!r} from step {step} on, {before!r} before")
        write_record(self.record_path, _resume_record(record, step, changes, base))
        write_json(self.config_path, values)
        if step < config.learn.steps:
            self.measurement_path("after").unlink(missing_ok=True)  # of an earlier end, if the run has been extended
        return start

    def discard_unused(self) -> None:
        """Removes the folder if it holds nothing but settings: those of a run that was refused."""
        files = {path for path in self.path.rglob("*") if path.is_file()}
        settings = {self.config_path, self.record_path, self.computation_path, self.template_path}
        if self.path.is_dir() and files <= settings | {self.path / LOCK_FILE}:
            shutil.rmtree(self.path)

    def keep_date(self, today: datetime.date) -> datetime.date:
        """The date in the run's prompts: that of its beginning, which is today's in a new run.

        Raises:
            UserError: the record is broken.
        """
        if self.template_path.exists():
            try:
                stored = read_object(self.template_path)
                return datetime.date.fromisoformat(stored["date"])
            except (OSError, ValueError, TypeError, KeyError) as problem:
                raise UserError(f"{str(self.template_path)!r} is broken: {problem!r}") from None
        write_json(self.template_path, {"date": today.isoformat()})
        return today

    def mark_complete(self, step: int, state: dict[str, Any]) -> None:
        """Marks the trainer's checkpoint after `step` steps as whole."""
        if self.metrics_path.exists():
            checkpoints.flush(self.metrics_path)
        checkpoints.seal_checkpoint(self.checkpoints / f"checkpoint-{step}", step, state, self.adapter_path(step))
        record = read_record(self.record_path) or RunRecord()
        parts = (self.computation_path, self.template_path, self.metrics_path)
        names = tuple(p.name for p in parts if p.exists())
        write_record(self.record_path, record.model_copy(update={"checkpoint": step, "parts": names}))

    def write_episodes(self, step: int, episodes: Sequence[Episode]) -> None:
        """Writes the episodes that step number `step` played, counted from 0."""
        write_text(self.episodes_path(step), "".join(f"{to_json(episode)}\n" for episode in episodes))

    def episode_log(self, step: int) -> EpisodeLog:
        """The file with the games of step number `step` as they end, counted from 0."""
        return EpisodeLog(self.path / "episodes" / f"step-{step:06d}.tokens.gz")

    def drop_logs(self, step: int, keep_every: int) -> None:
        """Removes the files of games with tokens of finished steps, but for the newest and for every so many steps."""
        for path in (self.path / "episodes").glob("step-*.tokens.gz"):
            number = int(path.name.partition(".")[0].rpartition("-")[2])
            if number < step - 1 and number % keep_every:
                path.unlink()

    def write_adapter(self, step: int, write: Callable[[Path], None], learner: str = MAIN) -> None:
        """Calls `write` on a temporary folder, then renames that: an adapter in the run is always whole.

        Raises:
            OSError: the disk is full, for example.
        """
        folder = self.adapter_path(step, learner)
        beside = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            write(beside)
            checkpoints.flush_folder(beside)
        except (OSError, SafetensorError) as problem:
            shutil.rmtree(beside, ignore_errors=True)
            if isinstance(problem, SafetensorError) and _FULL in str(problem):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
            raise
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)

    def has_adapter(self, start: Checkpoint) -> bool:
        """Whether the adapter of a checkpoint is in the folder as it was written."""
        return checkpoints.describe_files(self.adapter_path(start.step)) == start.adapter

    def drop_adapter(self, step: int, learner: str = MAIN) -> None:
        """Removes the folder of a learner's adapter, unless it is the best policy's."""
        best = self.best
        if best is None or best.step != step:
            shutil.rmtree(self.adapter_path(step, learner), ignore_errors=True)

    @property
    def best(self) -> Best | None:
        """The best policy by the probe; None before the first probe."""
        record = read_record(self.record_path)
        return record.best if record else None

    def keep_best(self, step: int, measured: Mapping[str, float], keep_adapters: int) -> None:
        """Records a probed policy if it is the best so far, and removes the adapter of the one that was.

        Args:
            step: number of finished steps.
            measured: the figures of the step, the probe's among them.
            keep_adapters: number of steps between two adapters that are kept anyway.
        """
        record = read_record(self.record_path) or RunRecord()
        former, found = record.best, find_figure(step, measured)
        if found is None or (former is not None and former.step < step and not is_better(found, former)):
            return
        write_record(self.record_path, record.model_copy(update={"best": found}))
        if former is not None and former.step != step and former.step % keep_adapters:
            self.drop_adapter(former.step)

    def _check_settings(self, now: dict[str, Any], has_same_base: bool) -> list[ChangedSetting]:
        """The settings that a resumed run changes.

        Raises:
            UserError: one of them is part of the run's identity.
        """
        try:
            stored = RunConfig.model_validate(read_object(self.config_path))
        except ValidationError as problem:
            reason = describe_validation_error(problem)
            raise UserError(f"the run's settings in {str(self.config_path)!r} can't be read: {reason}") from None
        except (OSError, ValueError) as problem:
            raise UserError(f"the run's settings in {str(self.config_path)!r} can't be read: {problem}") from None
        changes = compare_settings(stored.model_dump(mode="json"), now)
        for key, before, after in (c for c in changes if is_refused(c, has_same_base)):
            raise UserError(
                f"the run in {str(self.path)!r} was started with {key} = {before!r}, not {after!r}: {_ANOTHER}"
            )
        return changes

    def _find_start(self, record: RunRecord | None, note: Callable[[str], None]) -> Checkpoint | None:
        """The newest whole checkpoint; None for a run that was killed before its first one.

        Raises:
            UserError: checkpoints were completed, but none of them can be used.
        """
        expected = record.checkpoint if record else 0
        if self.checkpoints.exists() and not self.checkpoints.is_dir():
            raise UserError(f"{str(self.checkpoints)!r} is a file: the run's checkpoints belong there; {self._cure()}")
        problems: list[str] = []
        for step, path in checkpoints.find_checkpoints(self.checkpoints):
            if checkpoints.is_torn(path) and step > expected:
                continue  # never completed
            try:
                found = checkpoints.read_checkpoint(path)
            except DamagedCheckpoint as problem:
                problems.append(f"{path.name} is damaged ({problem})")
                continue
            except OldCheckpoint:
                raise UserError(
                    f"the run in {str(self.path)!r} is of version 0.1.0, whose checkpoints can't be resumed; "
                    f"report, watch and its adapters can be used: {self._cure()}"
                ) from None
            if found.step < expected and not problems:
                problems.append(f"checkpoint-{expected} is missing")
            if problems:
                note(f"{', '.join(problems)}: the run goes on from {path.name}")
            return found
        if problems or expected or (self.adapter_path(0).exists() and record is None):
            reason = ", ".join(problems) or f"{self.checkpoints.name}/ holds no whole checkpoint"
            raise UserError(f"the run in {str(self.path)!r} can't be resumed: {reason}; {self._cure()}")
        return None

    def _name_missing(self, record: RunRecord, note: Callable[[str], None]) -> None:
        """Names the parts that the run had at its last checkpoint, and that are missing.

        Raises:
            UserError: without one of them the run would continue with other prompts.
        """
        missing = [name for name in record.parts if not (self.path / name).exists()]
        if self.template_path.name in missing:
            raise UserError(
                f"{str(self.template_path)!r} is missing, the date in the run's prompts: put it back, like "
                f'{{"date": "2026-01-31"}}, or {_ANOTHER}'
            )
        for name in missing:
            note(f"{name} is missing: {_LOSSES[name]}")

    def _remove_unused(self, step: int) -> None:
        """Removes checkpoints after `step`, which are torn or damaged, and what was being written at a kill."""
        for later, path in checkpoints.find_checkpoints(self.checkpoints):
            if later > step:
                shutil.rmtree(path)
        for path in (self.path / "adapters").glob(".step-*.part"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.path.rglob(".*.part"):
            if path.is_file():
                path.unlink()

    def _cure(self) -> str:
        """The way to continue from the newest adapter in a new run."""
        return f"a new run with model = {add_adapter('MODEL', self.path)!r} starts from its newest adapter"


def _resume_record(record: RunRecord, step: int, changes: list[ChangedSetting], base: str) -> RunRecord:
    """The record of a run that is resumed after `step` steps with changed settings."""
    written = [Change(step=step, key=k, before=json.dumps(b), after=json.dumps(a)) for k, b, a in changes]
    return record.model_copy(
        update={
            "base_fingerprint": record.base_fingerprint or base,
            "checkpoint": step,
            "changes": (*record.changes, *written),
            "best": record.best if record.best and record.best.step <= step else None,
        }
    )
