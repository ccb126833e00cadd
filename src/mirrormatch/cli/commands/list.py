"""`mirrormatch list`: what there is to choose from, built in or installed."""

import importlib
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mirrormatch import agents, games
from mirrormatch.agents import engines
from mirrormatch.cli.arguments import GAMES
from mirrormatch.cli.terminal import game_list
from mirrormatch.cli.terminal.output import console, note, print_json, table
from mirrormatch.errors import UserError
from mirrormatch.registry import Registry

Item: TypeAlias = dict[str, Any]  # as printed: the keys are the columns


def run(options: Namespace) -> int:
    """Prints the table."""
    if options.kind != GAMES and game_list.is_filtered(options):
        raise UserError(f"only games can be narrowed down, not {options.kind} (mirrormatch list --help)")
    items = game_list.items(options) if options.kind == GAMES else _OTHER_KINDS[options.kind]()
    if options.json:
        print_json(json.dumps({"schema": 1, "items": items}, indent=2))
    elif options.kind == GAMES:
        _show_games(items)
        if options.library is None:
            more = ", ".join(f"mirrormatch list games --library {name}" for name in games.bridges.names())
            note(f"games of other libraries: {more}")
    else:
        _show(items)
    return 0


def _show_games(items: Sequence[Item]) -> None:
    if not items:
        note("no game matches these filters")
        return
    rows = game_list.rows(items, console().width)
    _show(rows)
    if missing := [c for c in game_list.COLUMNS if c not in rows[0]]:
        note(f"too narrow here for {', '.join(missing)}; --json shows everything")


def _agents() -> list[Item]:
    named = [{"name": name, "about": _about(agents.players.registry, name)} for name in agents.names()]
    return named + [_engine_agent(name) for name in engines.names()]


def _engine_agent(engine: str) -> Item:
    form = _FORMS.get(engine, "MODEL[+ADAPTER]")
    return {"name": f"{engine}:{form}", "about": _about(engines.registry, engine)}


def _plugins(package: str) -> Callable[[], list[Item]]:
    """The plug-ins of a package: their names and the first lines of their files."""

    def items() -> list[Item]:
        registry: Registry[object] = importlib.import_module(package).registry
        return [{"name": name, "about": _about(registry, name)} for name in registry.names()]

    return items


_OTHER_KINDS: dict[str, Callable[[], list[Item]]] = {
    "agents": _agents,
    "libraries": _plugins("mirrormatch.games.bridges"),
    "prompts": _plugins("mirrormatch.prompts.formats"),
    "engines": _plugins("mirrormatch.agents.engines"),
    "environments": _plugins("mirrormatch.agents.environments"),
    "estimators": _plugins("mirrormatch.training.estimators"),
    "benchmarks": _plugins("mirrormatch.evals.benchmarks"),
}


def _about(registry: Registry[Any], name: str) -> str:
    return registry.about(name) or _ABOUT.get(name, "from an installed package")


_FORMS = {"openai": "MODEL@URL[+ADAPTER]", "scripted": "TEXT"}
_ABOUT = {"nano": "The bundled model of about a million parameters; nano+ADAPTER is one that was trained further."}


def _show(items: Sequence[Item]) -> None:
    columns = tuple(items[0]) if items else ("name",)
    shown = table(columns)
    for item in items:
        shown.add_row(*(str(item[c]) for c in columns))
    console().print(shown)
