"""Finds plug-ins: modules in a package of ours and entry points of installed packages.

A registry lists names without importing anything. It is independent of the kind of plug-in: each kind declares the one
attribute that its modules define (a game's module defines `GAME`).
"""

import ast
import functools
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast

from mirrormatch.errors import UnknownName, UserError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
Stamp: TypeAlias = tuple[tuple[str, int], ...]  # folders with the times of their last change, in nanoseconds


class Registry(Generic[T]):
    """The plug-ins of one kind.

    Args:
        kind: the singular: `"game"`. Entry points are looked up in the group `mirrormatch.games`.
        attribute: the name that each module defines.
        packages: the packages whose modules and sub-packages are plug-ins; a name with a leading underscore is
            machinery that they share, and one that is a keyword of Python ends in an underscore: `return_.py` is
            the plug-in `return`.
        label: the singular and plural in error messages and in `mirrormatch list`; from the kind by default.
    """

    def __init__(self, kind: str, attribute: str, *packages: str, label: tuple[str, str] | None = None) -> None:
        self.kind = kind
        self._label = label or (kind, f"{kind}s")
        self._attribute = attribute
        self._packages = packages

    def names(self) -> list[str]:
        """Lists every name, sorted, without importing a plug-in."""
        return sorted({*self._modules(), *self._entry_points()})

    def get(self, name: str) -> T:
        """Imports the plug-in of that name.

        Raises:
            UnknownName: no such plug-in (a `LookupError` that names the nearest).
        """
        if module := self._modules().get(name):
            return self._attribute_of(importlib.import_module(module), name)
        if name in (installed := self._entry_points()):
            return cast(T, installed[name].load())
        singular, plural = self._label
        raise UnknownName(singular, name, self.names(), f"mirrormatch list {plural}")

    def about(self, name: str) -> str | None:
        """Reads the first line of the plug-in's docstring without running it; None for one of an installed package."""
        module = self._modules().get(name)
        spec = importlib.util.find_spec(module) if module else None
        if spec is None or spec.origin is None:
            return None
        docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
        return docstring.partition("\n")[0]

    def load_file(self, path: Path) -> T:
        """Runs a Python file outside the packages and returns the plug-in that it defines."""
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise UserError(f"no Python file at {str(path)!r}")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (SyntaxError, ImportError) as problem:
            raise UserError(f"{str(path)!r} can't be imported: {problem}") from problem
        return self._attribute_of(module, str(path))

    def _modules(self) -> dict[str, str]:
        """Maps each plug-in's name to its module's dotted name."""
        return {
            name.removesuffix("_"): f"{package}.{name}"
            for package in self._packages
            for name in _list_modules(_stamp(importlib.import_module(package).__path__))
        }

    def _entry_points(self) -> "dict[str, EntryPoint]":
        return _find_entry_points(f"mirrormatch.{self.kind}s", _stamp(sys.path))

    def _attribute_of(self, module: object, name: str) -> T:
        try:
            return cast(T, getattr(module, self._attribute))
        except AttributeError:
            raise UserError(f"{self.kind} {name!r} defines no {self._attribute}") from None


def _stamp(folders: Iterable[str]) -> Stamp:
    """The folders with the times of their last change: reading them again is needed only if one has changed."""
    return tuple((folder, os.stat(folder or ".").st_mtime_ns) for folder in folders if os.path.isdir(folder or "."))


@functools.lru_cache
def _list_modules(folders: Stamp) -> tuple[str, ...]:
    """The names of the plug-ins in folders; one with a leading underscore is machinery."""
    names = (module.name for module in pkgutil.iter_modules([folder for folder, _ in folders]))
    return tuple(name for name in names if not name.startswith("_"))


@functools.lru_cache
def _find_entry_points(group: str, folders: Stamp) -> "dict[str, EntryPoint]":
    """The entry points of installed packages by name. It reads the metadata of all of them, which takes 20 ms."""
    from importlib.metadata import entry_points  # imports email and zipfile, which --help need not wait for

    return {e.name: e for e in entry_points(group=group)}
