"""The number type and the threads of a run: chosen by its first process, recorded, and used by every later one.

A run that is resumed on a busier machine would otherwise choose others and end with other bits.
"""

from typing import Any

from mirrormatch.agents.engines import hf
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.spec import engine_target, parse_spec
from mirrormatch.errors import UserError
from mirrormatch.files import read_object, write_json
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import RunFolder


def pin_computation(config: RunConfig, folder: RunFolder) -> None:
    """Makes the run's engine compute as recorded; a new run's with the config's threads and the fastest number type.

    Raises:
        UserError: the record is broken.
    """
    recorded = _read(folder)
    hf.pin(
        engine_target(parse_spec(config.model)),
        recorded.get("dtype"),
        config.threads or recorded.get("threads") or None,
    )


def record_computation(engine: Engine, folder: RunFolder) -> None:
    """Records what the run's engine has chosen, unless an earlier process has."""
    if isinstance(engine, TransformersEngine) and not folder.computation_path.exists():
        dtype, threads, timings = engine.choice
        measured = [timing._asdict() for timing in timings]
        write_json(folder.computation_path, {"schema": 1, "dtype": dtype, "threads": threads, "measured": measured})


def _read(folder: RunFolder) -> dict[str, Any]:
    if not folder.computation_path.is_file():
        return {}
    try:
        return read_object(folder.computation_path)
    except (OSError, ValueError) as problem:
        raise UserError(f"{str(folder.computation_path)!r} is broken: {problem}") from None
