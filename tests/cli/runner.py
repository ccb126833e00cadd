"""Runs command lines in this process."""

import io
import json
import sys
from typing import Any, NamedTuple

import pytest

from mirrormatch.cli import main


class Printed(NamedTuple):
    """The exit code and output of a command line."""

    code: int
    out: str
    err: str


class Cli:
    """Runs a command line in this process, with the given lines typed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, typed: str = "") -> Printed:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = main(words)
        return Printed(code, *self._capsys.readouterr())

    def json(self, *words: str) -> Any:
        """The JSON object that a command prints."""
        printed = self(*words, "--json")
        assert printed.code == 0, printed.err
        return json.loads(printed.out)

    def refusal(self, *words: str) -> str:
        """The one-line error message of a refused command line."""
        printed = self(*words)
        assert (printed.code, printed.out) == (2, "")
        assert printed.err.startswith("mirrormatch: error: ") and printed.err.count("\n") == 1
        return printed.err
