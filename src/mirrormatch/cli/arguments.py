"""Arguments of one command, whose mistakes name the nearest and whose help opens with an example."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from mirrormatch.errors import UnknownName, UserError

CLASSICS = ("kuhn_poker", "simple_negotiation", "tictactoe")  # one of each kind, and what SPIRAL trains on
ALL = "all"
SPEC_HELP = (
    "random, optimal, human, nano[+ADAPTER], hf:MODEL, vllm:MODEL, openai:MODEL@URL, ... (mirrormatch list agents)"
)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UserError` and leaves printing and exiting to its caller.

    Args:
        command: the words after `mirrormatch`.
        summary: one sentence.
        example: a command line that runs.
    """

    def __init__(self, command: str, summary: str, example: str) -> None:
        self._flags: list[str] = []
        self._example = example
        super().__init__(
            prog=f"mirrormatch {command}",
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        self._flags += [name for name in names if name.startswith("--")]
        return super().add_argument(*names, **settings)

    def note_flags(self, *flags: str) -> None:
        """Makes flags known that were added to a group."""
        self._flags += flags

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The options.

        Raises:
            UserError: something is missing, unknown or of the wrong form.
        """
        for flag in (word.partition("=")[0] for word in words if word.startswith("--")):
            if flag not in self._flags:
                raise UnknownName("option", flag, self._flags, f"{self.prog} --help")
        options, extra = self.parse_known_args(words)
        if extra:
            raise UserError(f"unexpected {extra[0]!r} ({self.prog} --help)")
        return options

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} ({self.prog} --help)")

    def format_help(self) -> str:
        return f"Example: {self._example}\n\n{super().format_help()}"


def add_games(parser: Parser) -> None:
    """The option that says in which games something is measured."""
    parser.add_argument(
        "--games",
        nargs="+",
        metavar="GAME",
        default=list(CLASSICS),
        help=f"in these (default: {' '.join(CLASSICS)}); {ALL!r} is every game of 'mirrormatch list games'",
    )


def chosen_games(names: Sequence[str]) -> list[str]:
    """The games that `--games` means."""
    from mirrormatch import games

    return games.names() if list(names) == [ALL] else list(names)


def add_json(parser: Parser) -> None:
    """The option for machines."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_seed(parser: Parser, help: str = "of chance and of the agents' own decisions (default 0)") -> None:
    """The option that makes a run repeatable."""
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=help)


def add_plain(parser: Parser) -> None:
    """The option for screen readers and pipes."""
    parser.add_argument("--plain", action="store_true", help="plain text: no colours, no boxes, nothing that moves")


def at_least(least: int) -> Callable[[str], int]:
    """A converter for whole numbers with a lower bound."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small, it must be {least} or more")
        return value

    return number


def one_of(kind: str, allowed: Sequence[str]) -> Callable[[str], str]:
    """A converter for a word out of a closed set."""

    def word(text: str) -> str:
        if text not in allowed:
            raise UnknownName(kind, text, allowed)
        return text

    return word
