"""Consoles for results on stdout and notes on stderr. Nothing printed here is parsed as markup."""

import sys

from rich import box
from rich.console import Console
from rich.table import Table

_PIPED_COLUMNS = 120  # width of a table in a file, where rich would assume a terminal of 80


def console(plain: bool = False, stderr: bool = False) -> Console:
    """A console on stdout or stderr. Off a terminal, or plain, it writes no escapes."""
    stream = sys.stderr if stderr else sys.stdout
    off = plain or not stream.isatty()
    return Console(
        file=stream,
        markup=False,
        highlight=False,
        emoji=False,
        color_system=None if off else "auto",
        force_terminal=False if off else None,
        width=None if stream.isatty() else _PIPED_COLUMNS,
    )


def can_animate(console: Console) -> bool:
    """Whether the console can draw over what it has drawn."""
    return console.is_terminal and not console.is_dumb_terminal


def note(line: str) -> None:
    """Prints a line of talk on stderr."""
    print(f"mirrormatch: {line}", file=sys.stderr)


def empty_table(columns: tuple[str, ...], numbers: bool = False) -> Table:
    """A table without rows.

    Args:
        columns: the headings.
        numbers: every column but the first holds numbers; otherwise the last one holds text that may wrap.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for k, name in enumerate(columns):
        wraps = not numbers and k == len(columns) - 1
        table.add_column(name, justify="right" if numbers and k else "left", no_wrap=not wraps, overflow="fold")
    return table
