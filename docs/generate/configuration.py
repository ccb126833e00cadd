"""Writes the reference of a run's settings and of the settings in a SPEC, from the pydantic models.

Run `python docs/generate/configuration.py docs/configuration.md`.
"""

import datetime
import json
import sys
import types
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mirrormatch.agents.engines._settings import HfSettings, OpenAISettings, VllmSettings
from mirrormatch.agents.spec import ModelSettings
from mirrormatch.registry import Registry
from mirrormatch.training.choice import Choice
from mirrormatch.training.config import CHOICES, TERMS, RunConfig, Stage

_NAMES = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    type(None): "none",
    datetime.date: "date, YYYY-MM-DD",
    Choice: "a section with `kind`",
    Any: "a value",
}
_BOUNDS = (("ge", "≥"), ("gt", "above"), ("le", "≤"), ("lt", "below"))
_MOST_DIGITS = 10**9  # larger whole numbers are limits of a number type
_ENGINES = (("hf", HfSettings), ("vllm", VllmSettings), ("openai", OpenAISettings))


def make_page() -> str:
    """The page in Markdown."""
    fields = RunConfig.model_fields
    plain = {name: f for name, f in fields.items() if find_section(f) is None}
    sections = {name: inner for name, f in fields.items() if (inner := find_section(f)) is not None}
    plain = {name: f for name, f in plain.items() if name not in (*CHOICES, *TERMS, "stage")}
    lines = [
        "# Configuration",
        "",
        "One TOML file is one whole run: `mirrormatch train FILE`. `--set section.key=value` overrides a key and may "
        "be repeated; the value is TOML, or plain text where it isn't. An unknown key fails and names the nearest. "
        "`configs/` has whole runs, and a run folder's `config.json` holds every value that was used.",
        "",
        "This page is generated from the models in the code by `python docs/generate/configuration.py "
        "docs/configuration.md`.",
        "",
        "## Top level",
        "",
        *_list_rows(plain),
    ]
    for name, model in sections.items():
        lines += ["", f"## [{name}]", "", _join_docstring(model), "", *_list_rows(model.model_fields)]
    for name, registry in {**CHOICES, **TERMS}.items():
        lines += ["", *_describe_plugins(name, registry, fields[name])]
    lines += ["", "## [[stage]]", "", _join_docstring(Stage), "", *_list_rows(Stage.model_fields)]
    lines += [
        "",
        "## Settings in a SPEC",
        "",
        "A model's SPEC takes settings after commas: `nano,temperature=0`, `vllm:PATH,dtype=bfloat16`. These work with "
        "every engine; in a run they belong to `[play]` instead:",
        "",
        *_list_rows(ModelSettings.model_fields),
    ]
    for name, model in _ENGINES:
        lines += ["", f"### {name}", "", f"Settings of the engine `{name}` only:", "", *_list_rows(model.model_fields)]
    return "\n".join(lines) + "\n"


def _describe_plugins(section: str, registry: Registry[Any], field: FieldInfo) -> Iterator[str]:
    """The heading of a section that chooses plug-ins, and the settings of each plug-in."""
    is_choice = section in CHOICES
    yield f"## [{section}]" if is_choice else f"## [{section}.KIND]"
    yield ""
    default = f"kind = {json.dumps(field.default.kind)}" if is_choice else _default_terms(field)
    yield f"{_capitalize(field.description or '')}. Default: `{default}`."
    for kind in registry.names():
        plugin = registry.get(kind)
        yield ""
        yield f"### {section} {kind}"
        yield ""
        yield f"{registry.about(kind)}"
        if plugin.Settings.model_fields:
            yield ""
            yield from _list_rows(plugin.Settings.model_fields)


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _default_terms(field: FieldInfo) -> str:
    return ", ".join(field.default) if field.default else "return, or scaled"


def find_section(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a section; None for a value."""
    kind = field.annotation
    is_section = isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not Choice
    return kind if is_section else None


def _join_docstring(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _list_rows(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in fields.items():
        meaning = _escape_cell(field.description or "")
        yield f"| `{name}` | {_describe_type(field)} | {_describe_default(field)} | {meaning} |"


def _describe_type(field: FieldInfo) -> str:
    bounds = [
        f"{word} {_describe_bound(getattr(constraint, bound))}"
        for constraint in field.metadata
        for bound, word in _BOUNDS
        if getattr(constraint, bound, None) is not None
    ]
    least = [m.min_length for m in field.metadata if isinstance(m, annotated_types.MinLen)]
    bounds += [f"{n} or more of them" for n in least]
    return _escape_cell(", ".join([_describe_annotation(field.annotation), *bounds]))


def _describe_bound(bound: float) -> str:
    if not isinstance(bound, int):
        return f"{bound:g}"
    return f"2^{bound.bit_length()} - 1" if bound > _MOST_DIGITS else f"{bound:,}"


def _describe_annotation(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_describe_annotation(part) for part in get_args(kind))
    if get_origin(kind) is Annotated:
        return _describe_annotation(get_args(kind)[0])
    if get_origin(kind) is dict:
        return f"names, each with {_describe_annotation(get_args(kind)[1])}"
    if get_origin(kind) is tuple:
        return f"list of {_describe_annotation(get_args(kind)[0])}"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " or ".join(f"`{json.dumps(value)}`" for value in kind)
    return _NAMES[kind]


def _describe_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    return _escape_cell(f"`{json.dumps(value, ensure_ascii=False)}`")


def _escape_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(make_page(), encoding="utf-8")
