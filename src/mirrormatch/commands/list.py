"""`mirrormatch list`: what there is to choose from, built in or installed."""

import ast
import importlib.util
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mirrormatch.commands.core import game_list
from mirrormatch.commands.core.output import console, note, print_json, table
from mirrormatch.commands.core.parser import Parser, add_json, one_of
from mirrormatch.errors import UserError
from mirrormatch.registry import Registry

Item: TypeAlias = dict[str, Any]  # as printed: the keys are the columns
GAMES = "games"


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("kind", metavar="KIND", type=one_of("kind", list(KINDS)), help=" | ".join(KINDS))
    add_json(parser)
    game_list.add_filters(parser)


def run(options: Namespace) -> int:
    """Prints the table."""
    if options.kind != GAMES and game_list.is_filtered(options):
        raise UserError(f"only games can be narrowed down, not {options.kind} (mirrormatch list --help)")
    items = game_list.items(options) if options.kind == GAMES else KINDS[options.kind]()
    if options.json:
        print_json(json.dumps({"schema": 1, "items": items}, indent=2))
    elif options.kind == GAMES:
        _show_games(items)
        if options.library is None:
            from mirrormatch import games

            more = ", ".join(f"mirrormatch list games --library {name}" for name in games.bridges.names())
            note(f"games of other libraries: {more}")
    else:
        _show(items)
    return 0


def _show_games(items: Sequence[Item]) -> None:
    if not items:
        note("no game is like that")
        return
    rows = game_list.rows(items, console().width)
    _show(rows)
    if missing := [c for c in game_list.COLUMNS if c not in rows[0]]:
        note(f"too narrow here for {', '.join(missing)}; --json shows everything")


def _agents() -> list[Item]:
    from mirrormatch import agents

    named = [_module("mirrormatch.agents", name) for name in agents.names()]
    return named + [_engine_agent(name) for name in agents.engines.names()]


def _engine_agent(engine: str) -> Item:
    form = _FORMS.get(engine, "MODEL[+ADAPTER]")
    return {"name": f"{engine}:{form}", "about": _module("mirrormatch.agents.engines", engine)["about"]}


def _of_package(kind: str, package: str) -> Callable[[], list[Item]]:
    """Plug-ins of which only the name and the file's first line matter here."""
    return lambda: [_module(package, name) for name in Registry[object](kind, package, "").names()]


KINDS: dict[str, Callable[[], list[Item]]] = {
    GAMES: list,
    "agents": _agents,
    "bridges": _of_package("bridge", "mirrormatch.games.bridges"),
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


_FORMS = {"openai": "MODEL@URL[+ADAPTER]", "scripted": "TEXT"}
_ABOUT = {"nano": "The bundled model of about a million parameters; nano+ADAPTER is one that was trained further."}


def _show(items: Sequence[Item]) -> None:
    columns = tuple(items[0]) if items else ("name",)
    shown = table(columns)
    for item in items:
        shown.add_row(*(str(item[c]) for c in columns))
    console().print(shown)
