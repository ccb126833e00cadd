"""One TOML file is one whole run: reads it, applies `--set a.b=c`, and says in one line what is wrong with it.

What a run's settings are is told by a pydantic model; this file knows none of them.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mirrormatch.errors import UserError, did_you_mean

Settings = TypeVar("Settings", bound=BaseModel)


def load(path: Path, model: type[Settings], overrides: Sequence[str] = ()) -> Settings:
    """The settings in a TOML file.

    Args:
        path: the file.
        model: what the settings must look like.
        overrides: `a.b=c` each; `c` is a TOML value, or a plain string where it isn't one.

    Raises:
        UserError: no such file, no TOML, an unknown key or a bad value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"can't read the config {str(path)!r}: {reason}") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UserError(f"{str(path)!r} is not TOML: {problem}") from None
    for override in overrides:
        _apply(values, override)
    return parsed(values, model, str(path))


def parsed(values: dict[str, Any], model: type[Settings], source: str) -> Settings:
    """The values as settings. `source` is named where they don't fit."""
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        raise UserError(f"{source!r}: {_first_problem(problem, model)}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, written = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override!r}: write it as section.key=value")
    *sections, last = (part.strip() for part in key.split("."))
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {override!r}: {section!r} is a value, not a section")
    values[last] = _toml_value(written.strip())


def _toml_value(written: str) -> Any:
    try:
        return tomllib.loads(f"x = {written}")["x"]
    except tomllib.TOMLDecodeError:
        return written


def _first_problem(problem: ValidationError, model: type[BaseModel]) -> str:
    error = problem.errors()[0]
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        given = "" if isinstance(error["input"], dict) else f", {error['input']!r} was given"
        return f"{where and f'{where}: '}{error['msg'].removeprefix('Value error, ')}{given}"
    *sections, key = (str(part) for part in error["loc"])
    allowed = _keys(model, sections)
    return f"unknown key {where!r}{did_you_mean(key, allowed)}; there are: {', '.join(allowed)}"


def _keys(model: type[BaseModel], sections: Sequence[str]) -> list[str]:
    for section in sections:
        field = model.model_fields.get(section)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)
