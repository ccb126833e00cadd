"""`mirrormatch check game`: whether a game keeps what every game must keep."""

import traceback
from argparse import Namespace
from pathlib import Path
from typing import Any

from mirrormatch import games
from mirrormatch.errors import UserError
from mirrormatch.games.contract.check import check
from mirrormatch.games.game import Game
from mirrormatch.text import one_line, printable

_CHARS = 300  # of what Python says of a file


def run(options: Namespace) -> int:
    """Checks, prints what was found, and returns 1 when that is something."""
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
    """The game of that name or in that file.

    Raises:
        UserError: there is none.
    """
    file, colon, given = name.rpartition(":") if ".py:" in name else (name, "", "")
    if not (file.endswith(".py") or file.startswith((".", "/", "~"))):
        return games.get(name)
    try:
        game = games.registry.load_file(Path(file).expanduser())
    except UserError:
        raise
    except Exception as problem:  # the file may do anything, and its author wants to know where
        raise UserError(f"{file!r} can't be run: {_told(problem)}") from problem
    if not isinstance(game, Game):
        raise UserError(f"{file!r} defines GAME = {one_line(repr(game), _CHARS)}: it must be a game, GAME = MyGame()")
    return game.with_settings(given) if colon else game


def _told(problem: Exception) -> str:
    """An exception and the line that came to it."""
    where = traceback.extract_tb(problem.__traceback__)[-1]
    return (
        f"{type(problem).__name__}: {one_line(str(problem), _CHARS)} ({Path(where.filename).name}, line {where.lineno})"
    )
