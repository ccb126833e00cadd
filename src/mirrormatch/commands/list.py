"""`mirrormatch list`: what there is to choose from, built in or installed."""

import ast
import importlib.util
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mirrormatch.commands.core.output import console, print_json, table
from mirrormatch.commands.core.parser import Parser, add_json, one_of
from mirrormatch.registry import Registry

Item: TypeAlias = dict[str, Any]  # as printed: the keys are the columns


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("kind", metavar="KIND", type=one_of("kind", list(KINDS)), help=" | ".join(KINDS))
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints the table."""
    items = KINDS[options.kind]()
    if options.json:
        print_json(json.dumps({"schema": 1, "items": items}, indent=2))
    else:
        _show(items)
    return 0


def _games() -> list[Item]:
    from mirrormatch import games

    return [_game(games.get(name).info) for name in games.names()]


def _game(info: Any) -> Item:
    return {
        "name": info.name,
        "players": len(info.roles),
        "hidden": info.hidden,
        "chance": info.random,
        "open_text": info.open_text,
        "solver": info.solver,
        "source": info.source,
    }


def _agents() -> list[Item]:
    from mirrormatch import agents

    named = [_module("mirrormatch.agents", name) for name in agents.names()]
    return named + [_engine_agent(name) for name in agents.engines.names()]


def _engine_agent(engine: str) -> Item:
    return {"name": f"{engine}:MODEL[+ADAPTER]", "about": f"A language model on the engine {engine!r}."}


def _of_package(kind: str, package: str) -> Callable[[], list[Item]]:
    """Plug-ins of which only the name and the file's first line matter here."""
    return lambda: [_module(package, name) for name in Registry[object](kind, package, "").names()]


KINDS: dict[str, Callable[[], list[Item]]] = {
    "games": _games,
    "agents": _agents,
    "prompts": _of_package("prompt", "mirrormatch.prompts"),
    "engines": _of_package("engine", "mirrormatch.agents.engines"),
    "estimators": _of_package("estimator", "mirrormatch.training.estimators"),
    "benchmarks": _of_package("benchmark", "mirrormatch.evals.benchmarks"),
}


def _module(package: str, name: str) -> Item:
    """A name and the first line of its file, which is read and not run: no model library is loaded for a list."""
    spec = importlib.util.find_spec(f"{package}.{name}")
    if spec is None or spec.origin is None:
        return {"name": name, "about": _ABOUT.get(name, "from an installed package")}
    about = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return {"name": name, "about": about.partition("\n")[0]}


_ABOUT = {"nano": "The bundled model of about a million parameters; nano+ADAPTER is one that was trained further."}


def _show(items: Sequence[Item]) -> None:
    columns = tuple(items[0]) if items else ("name",)
    shown = table(tuple(c.replace("_", " ") for c in columns))
    for item in items:
        shown.add_row(*(_cell(item[c]) for c in columns))
    console().print(shown)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "-"
    return "-" if value is None else str(value)
