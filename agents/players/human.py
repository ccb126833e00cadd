"""The agent that is a person at the keyboard.

It knows lines and nothing of colours: a richer screen is another `Terminal`. It shows a decision's own view, never a
state. Reading blocks the event loop, on purpose: there is one keyboard, so questions must not interleave.
"""

import itertools
import re
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from mirrormatch.agents.players._arguments import agent_factory
from mirrormatch.agents.types import Decision, Reply
from mirrormatch.games.game import Game
from mirrormatch.games.types import Action, Problem
from mirrormatch.text import printable

HELP = "?"  # typed instead of a move, it shows the rules again
_LISTED_CHARS = 600  # of a list of moves: eight lines of a terminal
_SHORTEST_RANGE = 11  # whole numbers that are told as a range: nine squares are still listed


class Terminal(Protocol):
    """Where a person reads and types."""

    def explain(self, game: Game[Any, Any]) -> None:
        """Shows the rules."""
        ...

    def show(self, decision: Decision, whole: bool = False) -> None:
        """Shows what the person may know and do; `whole`: every move, however many there are."""
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
    max_retries: int | None = None

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
                self._terminal.show(decision, whole=True)
        return Reply(answer=line, text=line)


class Lines:
    """Bare lines: questions on stderr, so that results on stdout stay clean, and answers from stdin."""

    def __init__(self) -> None:
        self._explained: set[str] = set()

    def explain(self, game: Game[Any, Any]) -> None:
        self._explained.add(game.info.name)
        _print(f"\n{game.rules()}")

    def show(self, decision: Decision, whole: bool = False) -> None:
        if decision.game.info.name not in self._explained:
            self.explain(decision.game)
        _print(f"\n{decision.observation.text}\n{describe_legal_moves(decision, whole)}")

    def refuse(self, problem: Problem) -> None:
        _print(f"{problem.detail}.")

    def ask(self, decision: Decision) -> str:
        print(f"{decision.game.info.roles[decision.observation.role]}> ", end="", file=sys.stderr, flush=True)
        return read_line()


def describe_legal_moves(decision: Decision, whole: bool = False) -> str:
    """The allowed moves as a sentence: numbers by their size, many of them as a range, and not more than can be read.

    Args:
        decision: what is to be decided.
        whole: every move, however many there are.
    """
    legal = decision.observation.legal
    if legal is None:
        return f"Free text; {HELP} shows its form."
    moves = sorted(legal, key=_size_key)
    if _is_range(moves):
        return f"Legal moves: {moves[0]} to {moves[-1]}"
    between = "; " if any("," in move for move in moves) else ", "
    listed = moves if whole else moves[: _num_that_fit(moves, len(between))]
    more = f" … and {len(moves) - len(listed)} more; {HELP} lists them all" if len(listed) < len(moves) else ""
    return f"Legal moves: {between.join(listed)}{more}"


def _size_key(move: Action) -> tuple[tuple[int, str], ...]:
    """Sorts 9 before 10, and a9 before a10."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", move))


def _is_range(moves: Sequence[Action]) -> bool:
    """Whether they are many whole numbers in a row."""
    if len(moves) < _SHORTEST_RANGE or not moves[0].isdecimal():
        return False
    first = int(moves[0])
    return list(moves) == [str(k) for k in range(first, first + len(moves))]


def _num_that_fit(moves: Sequence[Action], num_between: int) -> int:
    """How many of the first moves can be listed; one is, however long."""
    lengths = itertools.accumulate(len(move) + num_between for move in moves)
    return max(1, sum(length <= _LISTED_CHARS for length in lengths))


def read_line() -> str:
    """A line from stdin, without its end.

    Raises:
        EOFError: there is none.
    """
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def _print(text: str) -> None:
    print(printable(text), file=sys.stderr)


AGENT = agent_factory(Human.spec, lambda: Human(Lines()))
