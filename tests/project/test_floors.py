"""Every module imports only from lower floors and from what is below it in its own, and light modules stay light."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.paths import ROOT

FOLDERS = ("agents", "evals", "games", "prompts", "training")
FLOORS = {
    "errors": 0, "registry": 0, "config_file": 0, "seeds": 0, "text": 0, "files": 0, "sandbox": 0, "__version__": 0,
    "games": 1, "prompts": 2, "agents": 3, "play": 3, "training": 4, "evals": 4, "cli": 5, "__init__": 5, "__main__": 6,
}  # fmt: skip
SIDE_BY_SIDE = {"training", "evals"}
# Inside a folder too, a module imports only what is to its left; what shares a place imports nothing of each other.
ORDER = {
    "games": (
        "types | settings | player_text | game | theory | contract exercises "
        "| board cards matrix puzzles talk | bridges"
    ),
    "prompts": "prompt | formats examples",
    "agents": (
        "engines | types | play scheduler episodes | episode_text | models llm | imitation | players environments "
        "| spec"
    ),
    "training": (
        "types choice model_spec machine_settings alarm_settings "
        "| matchmaker reward builder objective estimator "
        "| trajectories matchmakers rewards builders objectives estimators | episode_log | source | sources | config "
        "| checkpoints run_lock run_record setting_kinds metrics_file learner_state packing "
        "| sinks machine preflight model_shape learning_speed warm_start tree_attention | accelerators | plan "
        "| run_folder alarms checks metrics metric_catalogue figure_sums "
        "| base_model computation likelihood lora learner watcher | trl_trainer roster pipeline | run | bundled"
    ),
    "evals": (
        "types statistics benchmark | wording benchmarks interview arena transfer | exploitability | measurement "
        "| comparison | report"
    ),
    "cli": "arguments | run_plan runs terminal | commands | __init__ | __main__",
}
LIGHT = {part for part, floor in FLOORS.items() if floor <= FLOORS["prompts"]}  # nothing in them knows a token
LIGHT_PACKAGES = {"pydantic"}
BRIDGED_PACKAGES = {"open_spiel", "pyspiel", "textarena"}  # only behind games/bridges
HEAVY_PACKAGES = ("numpy", "peft", "pydantic", "safetensors", "torch", "transformers", "trl")
# Unpickling a position looks its game up by name, at the front door.
UPWARDS = {"games/bridges/openspiel/game.py"}
PLUGINS = (
    "games.board", "games.cards", "games.matrix", "games.puzzles", "games.talk", "games.bridges", "prompts.formats",
    "agents.players", "agents.engines", "agents.environments", "evals.benchmarks",
    "training.builders", "training.estimators", "training.matchmakers", "training.objectives", "training.rewards",
    "training.sources", "training.bundled.mini.thinkers",
)  # fmt: skip
MAX_PLUGIN_LINES = 400  # of a plug-in in one file; a longer one is a folder
VARIANTS = {("reverse_tictactoe", "tictactoe")}  # a game whose rules are another's, turned around


class Module(NamedTuple):
    """A file of the package and what its syntax tree imports, as dotted names."""

    path: Path
    part: str  # the name under mirrormatch: "games" for games/game.py
    imports: tuple[str, ...]
    num_relative: int


def python_files(folder: Path) -> Iterator[Path]:
    """Without those behind a link."""
    for here, _, names in os.walk(folder):
        yield from (Path(here, name) for name in names if name.endswith(".py"))


def part_of(path: Path) -> str:
    words = path.relative_to(ROOT).with_suffix("").parts
    return words[2] if words[:2] == ("src", "mirrormatch") else words[0]


def read(path: Path) -> Module:
    nodes = list(ast.walk(ast.parse(path.read_text(), str(path))))
    froms = [n for n in nodes if isinstance(n, ast.ImportFrom)]
    plain = [alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names]
    named = [f"{n.module}.{alias.name}" for n in froms if not n.level for alias in n.names]
    return Module(path, part_of(path), (*plain, *named), sum(n.level > 0 for n in froms))


PACKAGE = [read(p) for f in (*FOLDERS, "src/mirrormatch") for p in sorted(python_files(ROOT / f))]
EVERYTHING = PACKAGE + [read(p) for f in ("tests", "speed", "examples") for p in sorted(python_files(ROOT / f))]


def ours(module: Module) -> Iterator[str]:
    """The parts of the package that the module imports."""
    for name in module.imports:
        top, _, rest = name.partition(".")
        if top == "mirrormatch":
            yield rest.split(".")[0] or "__init__"


def within(module: Module) -> tuple[str, list[str]]:
    """The module's place in its folder, and the places in the same folder that it imports."""
    words = module.path.relative_to(ROOT).with_suffix("").parts
    place = words[words.index(module.part) + 1]
    names = [name.split(".")[2:3] for name in module.imports if f"{name}.".startswith(f"mirrormatch.{module.part}.")]
    return place, [name if name in ranks(module.part) else "__init__" for (name,) in [n or [""] for n in names]]


def ranks(folder: str) -> dict[str, int]:
    """The rank of every place in a folder; the front door is the highest."""
    groups = ORDER[folder].split("|")
    return {"__init__": len(groups)} | {place: rank for rank, group in enumerate(groups) for place in group.split()}


def module_name(path: Path) -> str:
    words = path.relative_to(ROOT).with_suffix("").parts
    words = words[1:] if words[0] == "src" else ("mirrormatch", *words)
    return ".".join(words).removesuffix(".__init__")


def longest(name: str, names: set[str]) -> str | None:
    """The module that an imported name belongs to: itself, or what it is an attribute of."""
    return name if name in names else next((n for n in (name.rpartition(".")[0],) if n in names), None)


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """A path from a module back to it, empty where there is none."""
    finished: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for name in sorted(graph.get(path[-1], set()) - finished):
            if name in path:
                return [*path[path.index(name) :], name]
            if found := search([*path, name]):
                return found
        finished.add(path[-1])
        return []

    return next((found for name in sorted(graph) if name not in finished and (found := search([name]))), [])


def by_name(module: Module) -> str:
    return str(module.path.relative_to(ROOT))


def find_loaded_packages(*command: str) -> set[str]:
    """The top-level packages in the process when the command has ended."""
    code = "import atexit, sys\natexit.register(lambda: print('loaded:', *sys.modules, file=sys.stderr))\n"
    run = subprocess.run([sys.executable, "-c", code + "\n".join(command)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return {name.split(".")[0] for name in run.stderr.rpartition("loaded:")[2].split()}


@pytest.mark.parametrize("module", PACKAGE, ids=by_name)
def test_every_module_has_a_floor(module: Module) -> None:
    assert module.part in FLOORS


@pytest.mark.parametrize("module", PACKAGE, ids=by_name)
def test_imports_point_downwards(module: Module) -> None:
    assert [part for part in ours(module) if FLOORS[part] > FLOORS[module.part]] == []


@pytest.mark.parametrize("module", [m for m in PACKAGE if m.part in ORDER], ids=by_name)
def test_imports_point_downwards_inside_a_folder_too(module: Module) -> None:
    place, imported = within(module)
    rank = ranks(module.part)
    assert place in rank, f"give {place!r} its place in ORDER"
    upwards = {name for name in imported if name != place and rank[name] >= rank[place]}
    assert (by_name(module) if upwards else None) in (None, *UPWARDS), f"imports {upwards}"


@pytest.mark.parametrize("folder", PLUGINS)
def test_no_plugin_imports_another(folder: str) -> None:
    prefix = f"mirrormatch.{folder}."
    own = [(module_name(m.path).removeprefix(prefix), m) for m in PACKAGE if module_name(m.path).startswith(prefix)]
    assert own, f"no plug-in in {folder}"
    pairs = {
        (name.split(".")[0], imported.removeprefix(prefix).split(".")[0])
        for name, module in own
        for imported in module.imports
        if imported.startswith(prefix)
    }
    others = {(a, b) for a, b in pairs if a != b and not a.startswith("_") and not b.startswith("_")}
    assert {pair for pair in others if pair[1] in {name.split(".")[0] for name, _ in own}} <= VARIANTS


@pytest.mark.parametrize("folder", PLUGINS)
def test_a_long_plugin_is_a_folder(folder: str) -> None:
    """A file in a plug-in's own folder may be longer."""
    files = [m.path for m in PACKAGE if module_name(m.path).rpartition(".")[0] == f"mirrormatch.{folder}"]
    single = [path for path in files if path.name != "__init__.py" and not path.name.startswith("_")]
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in single}
    assert {name: n for name, n in lines.items() if n > MAX_PLUGIN_LINES} == {}


def test_no_module_imports_itself_by_a_detour() -> None:
    names = {module_name(module.path) for module in PACKAGE}
    graph = {module_name(m.path): {found for n in m.imports if (found := longest(n, names))} for m in PACKAGE}
    assert cycle(graph) == []


@pytest.mark.parametrize("module", [m for m in PACKAGE if m.part in SIDE_BY_SIDE], ids=by_name)
def test_training_and_evals_do_not_import_each_other(module: Module) -> None:
    assert SIDE_BY_SIDE & set(ours(module)) <= {module.part}


@pytest.mark.parametrize("module", [m for m in PACKAGE if m.part in LIGHT], ids=by_name)
def test_games_and_prompts_know_no_library_of_models(module: Module) -> None:
    tops = {name.split(".")[0] for name in module.imports}
    allowed = LIGHT_PACKAGES | (BRIDGED_PACKAGES if "bridges" in module.path.parts else set())
    assert tops - sys.stdlib_module_names - allowed - {"mirrormatch"} == set()


@pytest.mark.parametrize("module", [m for m in PACKAGE if m.path.name == "__init__.py"], ids=by_name)
def test_no_name_in_a_package_is_hidden_by_its_submodule(module: Module) -> None:
    """Importing a submodule binds its name in the package, in place of anything else of that name."""
    own = module_name(module.path)
    folder = module.path.parent
    submodules = {p.stem for p in folder.glob("*.py")} | {p.parent.name for p in folder.glob("*/__init__.py")}
    tree = ast.parse(module.path.read_text())
    bound = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } | {node.name: "" for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {name for name, source in bound.items() if name in submodules and source != f"{own}.{name}"} == set()


@pytest.mark.parametrize("module", EVERYTHING, ids=by_name)
def test_imports_are_absolute(module: Module) -> None:
    assert module.num_relative == 0


@pytest.mark.parametrize("module", EVERYTHING, ids=by_name)
def test_the_folders_are_imported_under_the_package_name(module: Module) -> None:
    """`import games` would make a second copy of every class."""
    assert [name for name in module.imports if name.split(".")[0] in FOLDERS] == []


def test_naming_the_games_loads_no_heavy_library() -> None:
    assert (
        find_loaded_packages("import mirrormatch.games as g", "[g.get(n) for n in g.names()]") & set(HEAVY_PACKAGES)
        == set()
    )


def test_help_loads_no_heavy_library() -> None:
    assert (
        find_loaded_packages("from mirrormatch.cli import main", "sys.exit(main(['--help']))") & set(HEAVY_PACKAGES)
        == set()
    )


def test_a_loaded_library_would_be_noticed() -> None:
    assert "pydantic" in find_loaded_packages("import pydantic")
