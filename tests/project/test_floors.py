"""Every module imports only what stands below it, and what is light stays light."""

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
    "games": 1, "prompts": 2, "agents": 3, "play": 3, "training": 4, "evals": 4, "cli": 5, "__init__": 5,
}  # fmt: skip
SIDE_BY_SIDE = {"training", "evals"}
LIGHT = {part for part, floor in FLOORS.items() if floor <= FLOORS["prompts"]}  # nothing in them knows a token
LIGHT_PACKAGES = {"pydantic"}
BRIDGED_PACKAGES = {"open_spiel", "pyspiel", "textarena"}  # only behind games/bridges
HEAVY_PACKAGES = ("numpy", "peft", "pydantic", "safetensors", "torch", "transformers", "trl")


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


def by_name(module: Module) -> str:
    return str(module.path.relative_to(ROOT))


def loaded_by(*command: str) -> set[str]:
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


@pytest.mark.parametrize("module", [m for m in PACKAGE if m.part in SIDE_BY_SIDE], ids=by_name)
def test_training_and_evals_do_not_import_each_other(module: Module) -> None:
    assert SIDE_BY_SIDE & set(ours(module)) <= {module.part}


@pytest.mark.parametrize("module", [m for m in PACKAGE if m.part in LIGHT], ids=by_name)
def test_games_and_prompts_know_no_library_of_models(module: Module) -> None:
    tops = {name.split(".")[0] for name in module.imports}
    allowed = LIGHT_PACKAGES | (BRIDGED_PACKAGES if "bridges" in module.path.parts else set())
    assert tops - sys.stdlib_module_names - allowed - {"mirrormatch"} == set()


@pytest.mark.parametrize("module", EVERYTHING, ids=by_name)
def test_imports_are_absolute(module: Module) -> None:
    assert module.num_relative == 0


@pytest.mark.parametrize("module", EVERYTHING, ids=by_name)
def test_the_folders_are_imported_under_the_package_name(module: Module) -> None:
    """`import games` would make a second copy of every class."""
    assert [name for name in module.imports if name.split(".")[0] in FOLDERS] == []


def test_naming_the_games_loads_no_heavy_library() -> None:
    assert loaded_by("import mirrormatch.games as g", "[g.get(n) for n in g.names()]") & set(HEAVY_PACKAGES) == set()


def test_help_loads_no_heavy_library() -> None:
    assert loaded_by("from mirrormatch.cli import main", "sys.exit(main(['--help']))") & set(HEAVY_PACKAGES) == set()


def test_a_loaded_library_would_be_noticed() -> None:
    assert "pydantic" in loaded_by("import pydantic")
