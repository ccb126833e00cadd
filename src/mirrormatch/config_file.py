"""Reads a run's TOML file, applies `--set a.b=c` overrides and reports the first error in one line.

A pydantic model passed by the caller declares the settings; this file defines none.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from mirrormatch.errors import UserError, did_you_mean
from mirrormatch.files import read_bounded

MAX_COUNT: Final = 1_000_000  # upper bound on numbers of tokens, games, requests: a larger one is a slip of the finger
MAX_PATIENCE: Final = 1_000  # retries
MAX_TEMPERATURE: Final = 100.0  # beyond, all tokens are equally probable
MAX_THREADS: Final = 1_024  # torch crashes with some more

Model = TypeVar("Model", bound=BaseModel)


def load_settings(path: Path, model: type[Model], overrides: Sequence[str] = ()) -> Model:
    """Reads and validates the settings in a TOML file.

    Args:
        path: the TOML file.
        model: the pydantic model that declares the keys and their types.
        overrides: assignments `a.b=c`; `c` is parsed as a TOML value and, where that fails, taken as a string.

    Raises:
        UserError: the file is missing or isn't TOML, a key is unknown or a value is invalid.
    """
    try:
        text = read_bounded(path).decode("utf-8")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UserError(f"can't read the config {str(path)!r}: {reason}") from None
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise UserError(f"{str(path)!r} is not TOML: {problem}") from None
    for override in overrides:
        _apply_override(values, override)
    return parse_settings(values, model, str(path))


def parse_settings(values: dict[str, Any], model: type[Model], source: str) -> Model:
    """Validates values against the model.

    Args:
        values: nested sections, as TOML or JSON gives them.
        model: the pydantic model that declares the keys and their types.
        source: the name of their origin, which opens an error message.

    Raises:
        UserError: a key is unknown or a value is invalid.
    """
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        raise UserError(f"{source!r}: {_describe_with_choices(problem, model)}") from None


def parse_section(values: dict[str, Any], model: type[Model], section: str) -> Model:
    """Validates the values of a section whose model another setting chose.

    Raises:
        ValueError: a key is unknown or a value is invalid; the message begins with the key below `section`.
    """
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        raise ValueError(_describe_with_choices(problem, model, section)) from None


def describe_validation_error(problem: ValidationError, section: str = "") -> str:
    """Formats the first error as one line: `"learn.steps: Field required"`."""
    error = problem.errors()[0]
    place = ".".join(map(str, (*([section] if section else []), *error["loc"])))
    message = error["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override!r}: write it as section.key=value")
    *sections, last = (part.strip() for part in key.split("."))
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {override!r}: {section!r} is a value, not a section")
    values[last] = _parse_toml_value(text.strip())


def _parse_toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _describe_with_choices(problem: ValidationError, model: type[BaseModel], section: str = "") -> str:
    """Formats the first error as one line with the given value, or with the allowed keys in place of an unknown one."""
    error = problem.errors()[0]
    if error["type"] != "extra_forbidden":
        given = "" if isinstance(error["input"], dict) else f", {error['input']!r} was given"
        return f"{describe_validation_error(problem, section)}{given}"
    *sections, key = (str(part) for part in error["loc"])
    allowed = _allowed_keys(model, sections)
    unknown = ".".join((*([section] if section else []), *sections, key))
    return f"unknown key {unknown!r}{did_you_mean(key, allowed)}; there are: {', '.join(allowed)}"


def _allowed_keys(model: type[BaseModel], sections: Sequence[str]) -> list[str]:
    for section in sections:
        field = model.model_fields.get(section)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)
