"""Editors and type checkers see through the front doors, in a checkout and in the wheel.

basedpyright is Pylance's engine: it reports every unresolved import and every name whose type it doesn't know.
"""

import ast
import json
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from tests.paths import ROOT

CLIENT = ROOT / "tests" / "project" / "client.py"
FRONT_DOORS = ("src/mirrormatch", "games", "prompts", "agents", "training", "evals")
WRONG = ("games.registry.names()", "games.registry.nmaes()")
STRICT = {
    "typeCheckingMode": "standard", "reportMissingImports": "error", "reportAttributeAccessIssue": "error",
    "reportUnknownMemberType": "error", "reportUnknownVariableType": "error", "reportUnknownArgumentType": "error",
    "reportUnknownParameterType": "error", "reportMissingTypeStubs": "none",
}  # fmt: skip

pytestmark = pytest.mark.slow


def find_problems(folder: Path, package: Path) -> list[str]:
    """What basedpyright reports of the client in a folder, with the package at `package` and our dependencies."""
    venv.create(folder.parent / "empty", symlinks=True)  # the environment of these tests has a link to the checkout
    paths = {"extraPaths": [str(package), *site.getsitepackages()], "venvPath": str(folder.parent), "venv": "empty"}
    settings = STRICT | paths | {"include": ["."]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] == 1, run.stderr
    return [f"{d['range']['start']['line'] + 1}: {d['message']}" for d in report["generalDiagnostics"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the client alone, away from the checkout."""
    (found := tmp_path / "client").mkdir()
    shutil.copy(CLIENT, found)
    return found


def test_the_client_is_understood_in_the_checkout(folder: Path) -> None:
    assert find_problems(folder, ROOT / "src") == []


def test_the_client_is_understood_with_the_wheel(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    assert find_problems(folder, tmp_path / "installed") == []


def test_without_the_package_nothing_resolves(folder: Path, tmp_path: Path) -> None:
    """The checkout isn't on the path that the other tests search."""
    assert any("mirrormatch" in problem for problem in find_problems(folder, tmp_path / "nothing"))


def test_a_wrong_name_is_reported(folder: Path) -> None:
    text = CLIENT.read_text()
    assert text.count(WRONG[0]) == 1
    (folder / CLIENT.name).write_text(text.replace(*WRONG))
    (problem, *_) = find_problems(folder, ROOT / "src")
    assert "nmaes" in problem


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_the_client_names_everything_public(door: str) -> None:
    tree = ast.parse((ROOT / door / "__init__.py").read_text())
    (exported,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    client = ast.parse(CLIENT.read_text())
    used = {n.attr for n in ast.walk(client) if isinstance(n, ast.Attribute)}
    used |= {n.id for n in ast.walk(client) if isinstance(n, ast.Name)}
    assert set(exported) <= used
