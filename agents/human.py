"""The agent that is a person at the keyboard.

It knows lines and nothing of colours: a richer screen is another `Terminal`. It shows a decision's own view, never a
state. Reading blocks the event loop, on purpose: there is one keyboard, so questions must not interleave.
"""

import sys
from typing import Any, Protocol

from mirrormatch.agents.core.factory import without_argument
from mirrormatch.agents.core.records import Decision, Reply
from mirrormatch.games.core.game import Game
from mirrormatch.games.core.records import Problem
from mirrormatch.text import printable

HELP = "?"  # typed instead of a move, it shows the rules again


class Terminal(Protocol):
    """Where a person reads and types."""

    def explain(self, game: Game[Any, Any]) -> None:
        """Shows the rules."""
        ...

    def show(self, decision: Decision) -> None:
        """Shows what the person may know and do."""
        ...

    def refuse(self, problem: Problem) -> None:
        """Says why the last line was no move."""
        ...

    def ask(self, decision: Decision) -> str:
        """A typed line.

        Raises:
            EOFError: the person has left.
        """
        ...


class Human:
    """A person, who may mistype as often as it happens."""

    spec = "human"
    patience: int | None = None

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def act(self, decision: Decision) -> Reply:
        """What the person types.

        Raises:
            EOFError: the person has left.
        """
        if decision.problem is None:
            self._terminal.show(decision)
        else:
            self._terminal.refuse(decision.problem)
        while (line := printable(self._terminal.ask(decision)).strip()) in ("", HELP):
            if line:
                self._terminal.explain(decision.game)
        return Reply(answer=line, text=line)


class Lines:
    """Bare lines: questions on stderr, so that results on stdout stay clean, and answers from stdin."""

    def __init__(self) -> None:
        self._explained: set[str] = set()

    def explain(self, game: Game[Any, Any]) -> None:
        self._explained.add(game.info.name)
        _say(f"\n{game.rules()}")

    def show(self, decision: Decision) -> None:
        if decision.game.info.name not in self._explained:
            self.explain(decision.game)
        _say(f"\n{decision.observation.text}\n{legal_moves(decision)}")

    def refuse(self, problem: Problem) -> None:
        _say(f"{problem.detail}.")

    def ask(self, decision: Decision) -> str:
        print(f"{decision.game.info.roles[decision.observation.role]}> ", end="", file=sys.stderr, flush=True)
        return read_line()


def legal_moves(decision: Decision) -> str:
    """The allowed moves as a sentence."""
    legal = decision.observation.legal
    return f"Legal moves: {', '.join(legal)}" if legal is not None else f"Free text; {HELP} shows its form."


def read_line() -> str:
    """A line from stdin, without its end.

    Raises:
        EOFError: there is none.
    """
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr)


AGENT = without_argument(Human.spec, lambda: Human(Lines()))
