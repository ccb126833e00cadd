"""`mirrormatch check game`: tests a game against the contract of all games."""

import traceback
from argparse import Namespace
from pathlib import Path
from typing import Any

from mirrormatch import games
from mirrormatch.errors import UserError
from mirrormatch.games.contract.check import check
from mirrormatch.games.game import Game
from mirrormatch.text import one_line, printable

_CHARS = 300  # of an error in a file


def run(options: Namespace) -> int:
    """Prints every broken rule; returns 1 if there is one."""
    game = _load(options.game)
    findings = check(game, options.games, options.seed)
    for finding in findings:
        print(printable(f"{finding.rule}: {finding.message}"))
        if finding.shown_by:
            print(printable(f"  {finding.shown_by}"))
    if findings:
        print(f"{options.game}: {len(findings)} {'rule is' if len(findings) == 1 else 'rules are'} broken")
        return 1
    print(f"{options.game}: keeps the contract in {options.games} random games")
    return 0


def _load(name: str) -> Game[Any, Any]:
    """Loads an installed game or one from a Python file.

    Raises:
        UserError: no such game or file, or the file defines no game.
    """
    file, colon, given = name.rpartition(":") if ".py:" in name else (name, "", "")
    if not (file.endswith(".py") or file.startswith((".", "/", "~"))):
        return games.get(name)
    try:
        game = games.registry.load_file(Path(file).expanduser())
    except UserError:
        raise
    except Exception as problem:  # the file may raise anything; its author needs the line
        raise UserError(f"{file!r} can't be run: {_describe_exception(problem)}") from problem
    if not isinstance(game, Game):
        raise UserError(f"{file!r} defines GAME = {one_line(repr(game), _CHARS)}: it must be a game, GAME = MyGame()")
    return game.with_settings(given) if colon else game


def _describe_exception(problem: Exception) -> str:
    """Formats an exception with the file and line that raised it."""
    where = traceback.extract_tb(problem.__traceback__)[-1]
    return (
        f"{type(problem).__name__}: {one_line(str(problem), _CHARS)} ({Path(where.filename).name}, line {where.lineno})"
    )
