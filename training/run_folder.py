"""The files of a run, and the recovery of its last whole state after a kill at any moment.

config.json                     the settings, as they were checked
template.json                   the date in prompts, only for a chat template that shows today's
adapters/step-000040/           the policy after 40 steps, PEFT's format
episodes/step-000040.jsonl      the episodes of step 40
computation.json                the number type and threads that the run's first process chose
metrics.jsonl                   one line per finished step
tensorboard/
checkpoints/checkpoint-40/      everything that step 41 needs; whole once it holds complete.json
measures/before.json after.json
report.html
"""

import datetime
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mirrormatch.errors import UserError
from mirrormatch.files import write_json, write_text
from mirrormatch.training.config import RunConfig, convert_old_keys

COMPLETE = "complete.json"


class Checkpoint(NamedTuple):
    """A whole checkpoint.

    Attributes:
        path: the checkpoint's folder.
        step: number of finished steps.
        state: our own state, beside the trainer's.
    """

    path: Path
    step: int
    state: dict[str, Any]


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.json"
        self.computation_path = path / "computation.json"
        self.template_path = path / "template.json"
        self.checkpoints = path / "checkpoints"
        self.metrics_path = path / "metrics.jsonl"
        self.tensorboard = path / "tensorboard"
        self.report_path = path / "report.html"

    def adapter_path(self, step: int) -> Path:
        """The folder of the adapter after `step` steps."""
        return self.path / "adapters" / f"step-{step:06d}"

    def episodes_path(self, step: int) -> Path:
        """The file of the episodes that step number `step` played, counted from 0."""
        return self.path / "episodes" / f"step-{step:06d}.jsonl"

    def measurement_path(self, name: str) -> Path:
        """The file of a measurement: "before" or "after"."""
        return self.path / "measures" / f"{name}.json"

    def open(self, config: RunConfig, resume: bool) -> Checkpoint | None:
        """Prepares the folder for a run and returns the checkpoint to resume from, or None for a new run.

        Raises:
            UserError: the folder holds a run and `resume` is not set, or a run with other settings.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{str(self.path)!r} is a file: a run needs a folder, --out DIR names one")
        if self.config_path.exists():
            if not resume:
                raise UserError(
                    f"{str(self.path)!r} already holds a run: --resume goes on with it, --out DIR starts another"
                )
            self._check_same(config)
            return self._rewind()
        write_json(self.config_path, config.model_dump(mode="json"))
        return None

    def discard_unused(self) -> None:
        """Removes the folder if it holds nothing but settings: those of a run that was refused."""
        files = {path for path in self.path.rglob("*") if path.is_file()}
        if files and files <= {self.config_path, self.computation_path, self.template_path}:
            shutil.rmtree(self.path)

    def keep_date(self, today: datetime.date) -> datetime.date:
        """The date in the run's prompts: that of its beginning, which is today's in a new run."""
        if self.template_path.exists():
            stored = json.loads(self.template_path.read_text(encoding="utf-8"))
            return datetime.date.fromisoformat(stored["date"])
        write_json(self.template_path, {"date": today.isoformat()})
        return today

    def mark_complete(self, step: int, state: dict[str, Any]) -> None:
        """Marks the trainer's checkpoint after `step` steps as whole."""
        write_json(self.checkpoints / f"checkpoint-{step}" / COMPLETE, {"step": step, **state})

    def write_adapter(self, step: int, write: Callable[[Path], None]) -> None:
        """Calls `write` on a temporary folder, then renames that: an adapter in the run is always whole."""
        folder = self.adapter_path(step)
        beside = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        write(beside)
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)

    def drop_adapter(self, step: int) -> None:
        """Removes an adapter's folder."""
        shutil.rmtree(self.adapter_path(step), ignore_errors=True)

    def _check_same(self, config: RunConfig) -> None:
        try:
            then = convert_old_keys(json.loads(self.config_path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            raise UserError(f"the run's settings in {str(self.config_path)!r} can't be read: {problem}") from None
        now = config.model_dump(mode="json")
        for key, before, after in _differences(then, now):
            raise UserError(
                f"the run in {str(self.path)!r} was started with {key} = {before!r}, not {after!r}: "
                "--out DIR starts another run"
            )

    def _rewind(self) -> Checkpoint | None:
        """Returns the newest whole checkpoint and removes everything later."""
        newest: Checkpoint | None = None
        for path in sorted(
            self.checkpoints.glob("checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]), reverse=True
        ):
            if newest is None and (path / COMPLETE).is_file():
                state = json.loads((path / COMPLETE).read_text(encoding="utf-8"))
                newest = Checkpoint(path, state.pop("step"), state)
            elif newest is None:
                shutil.rmtree(path)  # torn by a kill
        self._cut_metrics(newest.step if newest else 0)
        return newest

    def _cut_metrics(self, step: int) -> None:
        if not self.metrics_path.exists():
            return
        lines = self.metrics_path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_text(self.metrics_path, "".join(whole))


def _differences(then: Any, now: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(then, dict) and isinstance(now, dict):
        keys = sorted({*then, *now})
        return [d for k in keys for d in _differences(then.get(k), now.get(k), f"{key}.{k}" if key else k)]
    return [] if then == now else [(key, then, now)]
