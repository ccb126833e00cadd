"""Finds plug-ins: a file in its folder, or an entry point of an installed package.

A registry lists names without importing anything. What a plug-in is for is not known here: each kind names the one
attribute that its modules define (a game's module defines `GAME`).
"""

import importlib
import importlib.util
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Generic, TypeVar, cast

from mirrormatch.errors import UnknownName, UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """The plug-ins of one kind.

    Args:
        kind: the singular, as users say it: `"game"`. Entry points are looked up in the group `mirrormatch.games`.
        package: the package whose direct modules are plug-ins (sub-folders are not).
        attribute: the name that each module defines.
    """

    def __init__(self, kind: str, package: str, attribute: str) -> None:
        self.kind = kind
        # Imported before a registry is bound to a name: importing a sub-package later would rebind an equal name to it.
        self._folder = importlib.import_module(package).__path__
        self._package = package
        self._attribute = attribute

    def names(self) -> list[str]:
        """Every name, sorted, without importing a plug-in."""
        return sorted({*self._modules(), *self._entry_points()})

    def get(self, name: str) -> T:
        """The plug-in of that name.

        Raises:
            UnknownName: no such plug-in (a `LookupError` that names the nearest).
        """
        if name in self._modules():
            return self._attribute_of(importlib.import_module(f"{self._package}.{name}"), name)
        if name in (installed := self._entry_points()):
            return cast(T, installed[name].load())
        raise UnknownName(self.kind, name, self.names(), f"mirrormatch list {self.kind}s")

    def load_file(self, path: Path) -> T:
        """The plug-in defined by a Python file that isn't installed anywhere. Runs the file."""
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise UserError(f"no Python file at {str(path)!r}")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (SyntaxError, ImportError) as problem:
            raise UserError(f"{str(path)!r} can't be imported: {problem}") from problem
        return self._attribute_of(module, str(path))

    def _modules(self) -> list[str]:
        return [m.name for m in pkgutil.iter_modules(self._folder) if not m.ispkg and not m.name.startswith("_")]

    def _entry_points(self) -> dict[str, EntryPoint]:
        return {e.name: e for e in entry_points(group=f"mirrormatch.{self.kind}s")}

    def _attribute_of(self, module: object, name: str) -> T:
        try:
            return cast(T, getattr(module, self._attribute))
        except AttributeError:
            raise UserError(f"{self.kind} {name!r} defines no {self._attribute}") from None
