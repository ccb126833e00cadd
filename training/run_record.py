"""A run's own record, `run.json`: the layout of its folder, the parts that belong to it, and its best checkpoint.

It is what a resumed run compares the folder with, so that a missing part is named rather than replaced.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirrormatch import __version__
from mirrormatch.config_file import describe_validation_error
from mirrormatch.errors import UserError
from mirrormatch.files import write_json

RECORD_FILE = "run.json"
_SUM = " + "  # between the names of figures that are added up
_PROBED = "exploitability/"  # begins the names of the probe's figures


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)


class Best(_Part):
    """The policy that the probe has measured as the best.

    Attributes:
        step: number of finished steps.
        metric: the name of the figure; a sum of several, if the probe measures several games.
        value: the figure; the lowest is the best.
    """

    step: int
    metric: str
    value: float


class Change(_Part):
    """A setting that a resumed run has changed, after `step` finished steps; the values as JSON."""

    step: int
    key: str
    before: str
    after: str


class RunRecord(_Part):
    """The record.

    Attributes:
        schema_: version of the folder's layout.
        written_by: version of Mirrormatch that began the run.
        base_fingerprint: the base model's name by content; empty in a run that was never resumed or finished a step.
        checkpoint: step of the newest checkpoint; 0 without one.
        parts: names of the files that a resumed run depends on.
        best: the best policy, if the run has a probe.
        changes: settings that resumed runs have changed.
    """

    schema_: Annotated[Literal[2], Field(alias="schema")] = 2
    written_by: str = __version__
    base_fingerprint: str = ""
    checkpoint: int = 0
    parts: tuple[str, ...] = ()
    best: Best | None = None
    changes: tuple[Change, ...] = ()


def find_figure(step: int, measured: Mapping[str, float]) -> Best | None:
    """The probe's figure among those of a step: the exploitability, summed over games; None without a probe."""
    probed = {name: value for name, value in measured.items() if name.startswith(_PROBED) and math.isfinite(value)}
    return Best(step=step, metric=_SUM.join(sorted(probed)), value=sum(probed.values())) if probed else None


def is_better(found: Best, former: Best | None) -> bool:
    """Whether a probe's figure is the best so far. One over more games comes first: in the others it had no figure."""
    if former is None:
        return True
    num_games, num_former = found.metric.count(_SUM), former.metric.count(_SUM)
    return found.value < former.value if num_games == num_former else num_games > num_former


def read_record(path: Path) -> RunRecord | None:
    """Reads a run's record; None if there is none.

    Raises:
        UserError: it is broken, or a later version wrote it.
    """
    try:
        return RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValidationError as problem:
        reason = describe_validation_error(problem)
    except (OSError, ValueError) as problem:
        reason = str(problem)
    raise UserError(f"{str(path)!r} is broken: {reason}; without that file, the checkpoints alone are read")


def write_record(path: Path, record: RunRecord) -> None:
    """Writes a run's record."""
    write_json(path, record.model_dump(mode="json"))
