"""Consoles for results on stdout and notes on stderr. Nothing printed here is parsed as markup."""

import sys

from rich import box
from rich.console import Console
from rich.table import Table

_PIPED_COLUMNS = 120  # a table in a file is not cut to an imaginary terminal of 80


def console(plain: bool = False, stderr: bool = False) -> Console:
    """A console for results, or for talk. Off a terminal, or plain, it writes no escapes."""
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


def note(line: str) -> None:
    """One line of talk."""
    print(f"mirrormatch: {line}", file=sys.stderr)


def print_json(text: str) -> None:
    """One JSON object on stdout."""
    print(text)


def table(columns: tuple[str, ...], numbers: bool = False) -> Table:
    """An empty table.

    Args:
        columns: the headings.
        numbers: every column but the first holds numbers; otherwise the last one holds a text that may wrap.
    """
    empty = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for k, name in enumerate(columns):
        wraps = not numbers and k == len(columns) - 1
        empty.add_column(name, justify="right" if numbers and k else "left", no_wrap=not wraps, overflow="fold")
    return empty
