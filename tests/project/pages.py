"""Runs the fenced code of a documentation page, in order, in a folder of its own.

    ```python                     runs; the blocks of a page share their names
    ```python title="PATH"        is written to PATH; under games/, agents/, ... it becomes a plug-in of Mirrormatch
    ```console                    each line after `$ ` runs; the lines below it are its output, with ... for any text
    ```text title="output"        is the output of the python block before it
    ```toml, ```json              are parsed; with a title they are written too

A comment directly above a block changes how it runs:

    <!-- not run: REASON -->      the block doesn't run
    <!-- run with: ARGUMENTS -->  every mirrormatch command of the block gets these too, to make it short
    <!-- typed: LINE / LINE -->   standard input of the block's commands

`pip install -e .` is emulated: the entry points of the page's own pyproject.toml are registered, nothing is installed.
"""

import contextlib
import doctest
import functools
import importlib
import io
import json
import os
import re
import runpy
import shlex
import sys
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.paths import ROOT

from mirrormatch import games
from mirrormatch.cli import main

FLOORS = ("games", "prompts", "agents", "training", "evals")
RUNNABLE = ("python", "console")
_FENCE = re.compile(r"^```(?P<language>\w+)(?P<options>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]*)"')
_MARKER = re.compile(r"<!-- (not run|run with|typed): ([^\n]*?) -->\n+\Z")
_OUTPUT = "output"
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """One fenced block.

    Attributes:
        line: number of its first line of code, counted from 1.
        language: as written after the fence.
        title: path of the file that it is, or "output"; empty without one.
        code: the text between the fences.
        marker: kind of the comment above it; empty without one.
        note: the comment's text.
    """

    line: int
    language: str
    title: str
    code: str
    marker: str
    note: str


def read_blocks(page: str) -> list[Block]:
    """All fenced blocks of a page."""
    blocks = []
    for found in _FENCE.finditer(page):
        marker = _MARKER.search(page[: found.start()])
        kind, note = marker.groups() if marker else ("", "")
        title = _TITLE.search(found["options"])
        line = page.count("\n", 0, found.start("code")) + 1
        blocks.append(Block(line, found["language"], title[1] if title else "", found["code"], kind, note))
    return blocks


class PageRunner:
    """Runs the blocks of one page.

    Args:
        page: path of the Markdown file.
        folder: an empty folder; becomes the working directory.
        monkeypatch: undoes every change at the end of the test.
    """

    def __init__(self, page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._page = page
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._names: dict[str, Any] = {"__name__": "__page__"}
        self._output = ""
        self._modules = set(sys.modules)
        self._run_files: set[Path] = set()
        self._written: list[Path] = []
        self._console = ""  # all command lines so far
        (folder / "configs").symlink_to(ROOT / "configs")
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("COLUMNS", "110")
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)

    def run(self) -> None:
        """Runs every block, and checks that every Python file of the page was used."""
        for block in read_blocks(self._page.read_text(encoding="utf-8")):
            if block.marker != "not run":
                self._run_block(block)
        assert [f.name for f in self._written if f.suffix == ".py" and not self._is_used(f)] == []

    def close(self) -> None:
        """Forgets the page's plug-ins."""
        for name in set(sys.modules) - self._modules:
            module = sys.modules[name]
            if str(getattr(module, "__file__", None) or "").startswith(str(self._folder)):
                del sys.modules[name]
                parent, _, child = name.rpartition(".")
                if parent and hasattr(sys.modules[parent], child):
                    delattr(sys.modules[parent], child)
        games.get.cache_clear()
        importlib.invalidate_caches()

    def _run_block(self, block: Block) -> None:
        where = f"{self._page.name}, line {block.line}"
        if block.language == "json":
            json.loads(block.code)
        if block.language == "toml":
            tomllib.loads(block.code)
        if block.title == _OUTPUT:
            _check_output(block.code, self._output, where)
        elif block.title:
            self._write(block)
        elif block.language == "python":
            code = compile("\n" * (block.line - 1) + block.code, str(self._page), "exec")
            self._output = self._capture_output(functools.partial(exec, code, self._names), "", where)
        elif block.language == "console":
            self._run_console(block, where)

    def _write(self, block: Block) -> None:
        path = self._folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.code, encoding="utf-8")
        self._written.append(path)
        importlib.invalidate_caches()
        first, *_ = parents = Path(block.title).parent.parts or ("",)
        if first in FLOORS:
            package = importlib.import_module(".".join(("mirrormatch", *parents)))
            if str(path.parent) not in package.__path__:
                self._monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])

    def _is_used(self, path: Path) -> bool:
        files = {Path(file) for m in list(sys.modules.values()) if (file := getattr(m, "__file__", None))}
        return path in self._run_files | files or path.name in self._console

    def _run_console(self, block: Block, where: str) -> None:
        typed = "".join(f"{line}\n" for line in block.note.split(" / ")) if block.marker == "typed" else ""
        for part in re.split(r"^\$ ", block.code.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
            line, _, expected = part.partition("\n")
            self._console += f"{line}\n"
            words = shlex.split(line, comments=True)
            more = shlex.split(block.note) if block.marker == "run with" and words[0] == "mirrormatch" else []
            got = self._capture_output(
                functools.partial(self._run_command, [*words, *more]), typed, f"{where}: $ {line}"
            )
            if expected.strip():
                _check_output(expected, got, f"{where}: $ {line}")

    def _run_command(self, words: list[str]) -> None:
        match words:
            case ["mirrormatch", *arguments]:
                code = main(arguments)
                assert code == 0, f"exit code {code}"
            case ["python", file]:
                self._run_files.add((self._folder / file).resolve())
                runpy.run_path(file, run_name="__main__")
            case ["pip", "install", "-e", "."]:
                self._register_entry_points()
            case ["cat" | "head" | "ls", *_]:
                raise AssertionError("show files by a title, and folders as text")
            case _:
                raise AssertionError("no such command here: mark the block as not run, with the reason")

    def _register_entry_points(self) -> None:
        """What `pip install -e .` leaves behind: a folder with the package's metadata on the import path."""
        project = tomllib.loads((self._folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = self._folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
        lines: list[str] = []
        for group, points in project["entry-points"].items():
            lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        importlib.invalidate_caches()

    def _capture_output(self, run: Callable[[], None], typed: str, where: str) -> str:
        """What runs and prints, on both streams."""
        out = io.StringIO()
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                run()
        except BaseException as problem:
            shown = "".join(traceback.format_exception(problem))
            pytest.fail(f"{where}\n{out.getvalue()}\n{shown}", pytrace=False)
        return out.getvalue()


def _check_output(expected: str, got: str, where: str) -> None:
    if not doctest.OutputChecker().check_output(expected, got, _OPTIONS):
        pytest.fail(f"{where}: the page shows\n{expected}\nbut it prints\n{got}", pytrace=False)
