"""Begins a game of OpenSpiel in a process with limits, before this one does. A script, never imported.

A parameter can make a game of any size: a board of 100,000 rows takes the machine's memory when the first state is
made. `mirrormatch.sandbox` starts this script and kills it when it is late. Each line of input is a game as OpenSpiel
writes it, as a JSON string; the answer is a list of the error, or of null without one.
"""

import contextlib
import importlib
import json
import os
import resource
import sys
from typing import Any

MAX_MEMORY_BYTES = 2 * 2**30  # address space; the imports alone map half a GiB
MAX_CPU_S = 20


def main() -> None:
    """Answers requests until the input ends."""
    pyspiel: Any = importlib.import_module("pyspiel")
    importlib.import_module("open_spiel.python.games")
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # drops what the library prints
    for kind, limit in ((resource.RLIMIT_AS, MAX_MEMORY_BYTES), (resource.RLIMIT_CPU, MAX_CPU_S)):
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some; the parent's time limit stays
            resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps([_begin(pyspiel, json.loads(line))]), file=replies, flush=True)


def _begin(pyspiel: Any, name: str) -> str | None:
    """Makes the first state, its actions and a copy of it; returns the error, or None."""
    try:
        state = pyspiel.load_game(name).new_initial_state()
        if state.current_player() >= 0:
            state.legal_actions()
        elif state.is_chance_node():
            state.chance_outcomes()
        str(state.clone())
    except MemoryError:
        return f"its first state needs more than {MAX_MEMORY_BYTES / 2**30:g} GiB of memory"
    except Exception as problem:  # C++ errors of any kind
        return " ".join(str(problem).split()) or type(problem).__name__
    return None


if __name__ == "__main__":
    main()
