"""The wheel holds every file of the package, from a checkout with links, without links, and by way of an sdist."""

import importlib.resources
import os
import pkgutil
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.paths import ROOT

import mirrormatch
from mirrormatch import games

FOLDERS = ("agents", "evals", "games", "prompts", "training")
PACKAGE = (*FOLDERS, "src/mirrormatch")
FRONT_PAGE = "README.md"  # of a folder; it isn't installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout"),
]


def source_files(*paths: str) -> list[Path]:
    """What git knows or would add, without links and what has been deleted since."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *paths]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = [Path(name) for name in listed.split("\0") if name]
    return [path for path in found if (ROOT / path).is_file() and not (ROOT / path).is_symlink()]


def expected_files() -> set[str]:
    files = [path for path in source_files(*PACKAGE) if path.name != FRONT_PAGE]
    return {f"mirrormatch/{path.as_posix().removeprefix('src/mirrormatch/')}" for path in files}


def build_distribution(source: Path, target: str, out: Path) -> Path:
    """The file that hatchling builds, in this process's environment and without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    run = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return next(out.iterdir())


def list_package_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith("mirrormatch/")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_distribution(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_distribution(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    assert list_package_files(wheel) == expected_files()


def test_the_wheel_holds_each_file_once(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert len(archive.namelist()) == len(set(archive.namelist()))


def test_a_checkout_without_links_gives_the_same_wheel(tmp_path: Path, wheel: Path) -> None:
    for path in source_files():
        (tmp_path / "checkout" / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / "checkout" / path)
    assert list_package_files(
        build_distribution(tmp_path / "checkout", "wheel", tmp_path / "out")
    ) == list_package_files(wheel)


def test_the_sdist_gives_the_same_wheel(tmp_path: Path, sdist: Path, wheel: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    unpacked = next((tmp_path / "unpacked").iterdir())
    assert list_package_files(build_distribution(unpacked, "wheel", tmp_path / "out")) == list_package_files(wheel)


def test_the_sdist_holds_no_file_twice(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        assert [name for name in archive.getnames() if "/src/mirrormatch/games/" in name] == []


def test_a_wheel_finds_its_games_without_the_checkout(tmp_path: Path, wheel: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from mirrormatch import games; print(*games.names())"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, cwd="/", check=True)
    assert run.stdout.split() == sorted(games.registry.names())


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_package_links_to_its_folder(folder: str) -> None:
    assert os.readlink(ROOT / "src" / "mirrormatch" / folder) == f"../../{folder}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_an_ordinary_package(folder: str) -> None:
    """Editors, type checkers, `pkgutil` and `importlib.resources` all find what is in it."""
    assert (ROOT / folder / "__init__.py").is_file()
    assert importlib.resources.files(f"mirrormatch.{folder}").joinpath("__init__.py").is_file()


def test_every_module_is_found_by_walking_the_package() -> None:
    found = {m.name for m in pkgutil.walk_packages(mirrormatch.__path__, "mirrormatch.")}
    assert {"mirrormatch.games.cards.kuhn_poker", "mirrormatch.cli"} <= found


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_root_folder_does_not_shadow_a_package_of_its_name(folder: str) -> None:
    """`PYTHONSAFEPATH=1`, set by the Makefile and by this suite, keeps the working directory off the path."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({folder!r}) is not None)"
    assert subprocess.run([sys.executable, "-P", "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_checkout_without_links_says_how_to_get_them(tmp_path: Path) -> None:
    """Git writes a link that it can't create as a text file that holds the target."""
    (package := tmp_path / "mirrormatch").mkdir()
    shutil.copy(ROOT / "src" / "mirrormatch" / "__init__.py", package)
    for folder in FOLDERS:
        (package / folder).write_text(f"../../{folder}")
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import mirrormatch"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stderr.splitlines()[-1].startswith("ImportError: this checkout has no symbolic links: run 'git config")
