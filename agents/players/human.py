"""The agent that is a person at the keyboard.

It reads and writes plain lines: a richer screen is another `Terminal`. It shows a decision's own view, never a state.
Reading blocks the event loop, on purpose: there is one keyboard, so prompts must not interleave.
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

HELP = "?"  # typed in place of a move to see the rules again
_LISTED_CHARS = 600  # longest list of moves: eight lines of a terminal
_SHORTEST_RANGE = 11  # fewest whole numbers shown as a range: nine squares are still listed


class Terminal(Protocol):
    """A person's screen and keyboard."""

    def explain(self, game: Game[Any, Any]) -> None:
        """Shows the rules."""
        ...

    def show(self, decision: Decision, whole: bool = False) -> None:
        """Shows the person's view and legal moves; `whole`: all moves, however many there are."""
        ...

    def refuse(self, problem: Problem) -> None:
        """Shows why the last line was no move."""
        ...

    def ask(self, decision: Decision) -> str:
        """Reads a line.

        Raises:
            EOFError: the person has left.
        """
        ...


class Human:
    """A person, with any number of retries."""

    spec = "human"
    max_retries: int | None = None

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def act(self, decision: Decision) -> Reply:
        """Returns the person's line as the reply.

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
    """A terminal of plain lines: stderr for output, which keeps stdout for results, and stdin for input."""

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
    """The legal moves as a sentence: numbers by size, many consecutive ones as a range, long lists shortened.

    Args:
        decision: the decision to make.
        whole: list all moves, however many there are.
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
    """A sort key that puts 9 before 10, and a9 before a10."""
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", move))


def _is_range(moves: Sequence[Action]) -> bool:
    """Whether the moves are many consecutive whole numbers."""
    if len(moves) < _SHORTEST_RANGE or not moves[0].isdecimal():
        return False
    first = int(moves[0])
    return list(moves) == [str(k) for k in range(first, first + len(moves))]


def _num_that_fit(moves: Sequence[Action], num_between: int) -> int:
    """Number of moves that fit into the list, at least one."""
    lengths = itertools.accumulate(len(move) + num_between for move in moves)
    return max(1, sum(length <= _LISTED_CHARS for length in lengths))


def read_line() -> str:
    """Reads a line from stdin, without its line break.

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
