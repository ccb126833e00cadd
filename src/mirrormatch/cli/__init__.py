"""The command line: finds the command, parses its arguments, runs it and turns a user's mistake into one line.

A command's module in `commands/` is imported when its arguments are valid: help and errors in the arguments load
`arguments.py` alone.
"""

import contextlib
import importlib
import io
import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import NamedTuple, Protocol, cast

from mirrormatch import __version__
from mirrormatch.cli import arguments
from mirrormatch.cli.arguments import Parser
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.text import one_line

DONE, BROKEN_PIPE, USER_ERROR, INTERRUPTED = 0, 1, 2, 130  # exit codes; 1 is also that of a failed check
_MAX_ERROR_CHARS = 1_000
_COLUMN = 26  # where the summaries start in the overview


class CommandModule(Protocol):
    """The interface of a module in `commands/`."""

    def run(self, options: Namespace) -> int:
        """Runs the command and returns the exit code."""
        ...


class Command(NamedTuple):
    """One command.

    Attributes:
        name: one word or two.
        configure: adds the command's arguments to a parser.
        arguments: its required arguments, for the overview.
        summary: its effect in a few words, for the overview.
        example: a command line that runs.
    """

    name: str
    configure: Callable[[Parser], None]
    arguments: str
    summary: str
    example: str

    @property
    def module(self) -> str:
        """The dotted name of the module that defines `run`."""
        return f"mirrormatch.cli.commands.{self.name.replace(' ', '_')}"


_RUN = "runs/kuhn_nano"  # the folder of `mirrormatch train configs/kuhn_nano.toml`
COMMANDS = (
    Command("play", arguments.configure_play, "GAME", "play against an agent", "mirrormatch play kuhn_poker"),
    Command(
        "match",
        arguments.configure_match,
        "GAME SPEC SPEC",
        "let agents play each other",
        "mirrormatch match kuhn_poker optimal random --episodes 200",
    ),
    Command(
        "train",
        arguments.configure_train,
        "CONFIG",
        "fine-tune an adapter by self-play",
        "mirrormatch train configs/kuhn_nano.toml",
    ),
    Command(
        "sweep",
        arguments.configure_sweep,
        "FILE",
        "train several settings over several seeds",
        "mirrormatch sweep configs/sweeps/kuhn_baselines.toml",
    ),
    Command(
        "eval games",
        arguments.configure_eval_games,
        "SPEC",
        "measure an agent in every game",
        "mirrormatch eval games random --games tictactoe --episodes 50",
    ),
    Command(
        "eval exploitability",
        arguments.configure_eval_exploitability,
        "SPEC",
        "measure what a best response wins",
        "mirrormatch eval exploitability nano",
    ),
    Command(
        "eval transfer",
        arguments.configure_eval_transfer,
        "SPEC",
        "measure reasoning outside the games",
        "mirrormatch eval transfer nano",
    ),
    Command(
        "compare",
        arguments.configure_compare,
        "BEFORE AFTER",
        "paired differences of runs or agents",
        f"mirrormatch compare nano {_RUN}",
    ),
    Command(
        "report",
        arguments.configure_report,
        "RUN",
        "write a run's report as one HTML page",
        f"mirrormatch report {_RUN}",
    ),
    Command(
        "watch",
        arguments.configure_watch,
        "EPISODES",
        "replay recorded episodes",
        f"mirrormatch watch {_RUN}/episodes/step-000099.jsonl --episode 1",
    ),
    Command("top", arguments.configure_top, "RUN", "a run as it trains: curves and a game", f"mirrormatch top {_RUN}"),
    Command(
        "serve",
        arguments.configure_serve,
        "MODEL",
        "serve a model with vLLM, adapters included",
        "mirrormatch serve nano --port 8000",
    ),
    Command("list", arguments.configure_list, "KIND", "list games, agents and all plug-ins", "mirrormatch list games"),
    Command(
        "check game",
        arguments.configure_check_game,
        "NAME",
        "test a game against the contract",
        "mirrormatch check game kuhn_poker",
    ),
    Command(
        "doctor",
        arguments.configure_doctor,
        "",
        "print versions, devices and what is missing",
        "mirrormatch doctor --json",
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code.

    Args:
        argv: the words after the program's name; those of this process by default.
    """
    _replace_bad_characters()
    try:
        with _immediate_interrupts():
            code = _run(list(sys.argv[1:] if argv is None else argv))
            sys.stdout.flush()
            return code
    except UserError as problem:
        _print_error(f"mirrormatch: error: {one_line(str(problem), _MAX_ERROR_CHARS)}")
        return USER_ERROR
    except MemoryError:
        _print_error("mirrormatch: error: out of memory; a smaller game, model or number of games at once needs less")
        return USER_ERROR
    except BrokenPipeError:
        _close_stdout()
        return BROKEN_PIPE
    except OSError as problem:  # a full disk, a file that may not be written or was removed meanwhile
        place = f"{problem.filename!r}: " if problem.filename is not None else ""
        _print_error(f"mirrormatch: error: {one_line(f'{place}{problem.strerror or problem}', _MAX_ERROR_CHARS)}")
        return USER_ERROR
    except KeyboardInterrupt as interruption:
        words = "; ".join(["mirrormatch: interrupted", *map(str, interruption.args)])
        _print_error(f"\n{words}" if sys.stderr.isatty() else words)
        return INTERRUPTED


def _run(words: list[str]) -> int:
    if not words:
        print(overview(), end="", file=sys.stderr)
        return USER_ERROR
    if words[0] in ("-h", "--help"):
        print(overview(), end="")
        return DONE
    if words[0] == "help":  # `help COMMAND` is `COMMAND --help`
        return _run([*words[1:], "--help"])
    if words[0] == "--version":
        print(f"mirrormatch {__version__}")
        return DONE
    command, rest = _find_command(words)
    if command is None:
        print(overview(words[0]), end="")
        return DONE
    parser = Parser(command.name, command.summary, command.example)
    command.configure(parser)
    if "-h" in rest or "--help" in rest:
        print(parser.format_help(), end="")
        return DONE
    options = parser.parse(rest)
    return cast(CommandModule, importlib.import_module(command.module)).run(options)


def _find_command(words: list[str]) -> tuple[Command | None, list[str]]:
    """Splits the words into a command and the words after it; the command is None for the help of a group."""
    first = words[0]
    if first.startswith("-"):
        raise UnknownName("option", first, ("--help", "--version"))
    by_name = {c.name: c for c in COMMANDS}
    if first in by_name:
        return by_name[first], words[1:]
    if not (group := [name for name in by_name if name.startswith(f"{first} ")]):
        raise UnknownName("command", first, {name.split()[0] for name in by_name}, "mirrormatch --help")
    if len(words) == 1:
        raise UserError(f"'mirrormatch {first}' needs one more word: {', '.join(group)} (mirrormatch {first} --help)")
    if words[1] in ("-h", "--help", "help"):
        return None, []
    if (name := f"{first} {words[1]}") not in by_name:
        raise UnknownName("command", name, group, f"mirrormatch {first} --help")
    return by_name[name], words[2:]


def overview(group: str = "") -> str:
    """The help text of the program, or of the commands whose first word is `group`."""
    shown = [c for c in COMMANDS if not group or c.name.split()[0] == group]
    lines = [f"  {f'{c.name} {c.arguments}':<{_COLUMN}}{c.summary}" for c in shown]
    return (
        f"Example: {shown[0].example}\n\n"
        "Mirrormatch: self-play for language models.\n\n"
        f"usage: mirrormatch {group or 'COMMAND'} ...\n\n" + "\n".join(lines) + "\n\n"
        "Help on a command: mirrormatch COMMAND --help\n"
    )


def _print_error(line: str) -> None:
    print(line, file=sys.stderr)


def _replace_bad_characters() -> None:
    """Replaces characters that a terminal can't encode by question marks."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Calls Python's default handler, under a name that asyncio doesn't replace with its own handler."""
    signal.default_int_handler(number, frame)


@contextlib.contextmanager
def _immediate_interrupts() -> Iterator[None]:
    """Makes Ctrl-C raise at once; asyncio would only cancel a task, which may be waiting for the keyboard."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # another handler is set: in a background job, one that ignores Ctrl-C
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _close_stdout() -> None:
    """Redirects stdout to null after its reader has closed the pipe: the flush at exit would raise again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
