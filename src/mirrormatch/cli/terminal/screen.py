"""The play and watch screen, in a terminal of 40 columns or more.

Text from a model or a file passes `printable` here and reaches rich as `Text`, which is never parsed as markup.
"""

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from mirrormatch.agents.episode_text import MAX_LINE_CHARS, describe_move, forfeit_sentence, format_return, shorten_text
from mirrormatch.agents.players.human import HELP, describe_legal_moves, read_line
from mirrormatch.agents.spec import HELD
from mirrormatch.agents.types import Decision, Episode, Turn
from mirrormatch.games.game import Game
from mirrormatch.games.types import Problem
from mirrormatch.text import one_line, printable

MAX_COLUMNS = 76  # longer lines are hard to read
_SPEC_CHARS = 32
_ACCENT, _QUIET, _WARNING = "bold cyan", "dim", "yellow"
_RESULT_STYLE = {"win": "bold green", "draw": "bold", "loss": "bold red"}
_RESULT_WORDS = {"win": "You win", "draw": "A draw", "loss": "You lose"}
_SHARED_RESULT = "You share the best result"  # a draw with some players while others lose


class Screen:
    """A terminal, rich or plain, that implements the `Terminal` of a person at the keyboard.

    Args:
        console: the console to print to.
        plain: no colours, no boxes, nothing that moves.
    """

    def __init__(self, console: Console, plain: bool) -> None:
        self._console = console
        self._plain = plain or not console.is_terminal
        self._columns = min(console.width, MAX_COLUMNS)

    def explain(self, game: Game[Any, Any]) -> None:
        self.write(game.rules(), _QUIET)
        self.gap()

    def show(self, decision: Decision, whole: bool = False) -> None:
        self.gap()
        self.block("Your turn", decision.observation.text)
        self.write(describe_legal_moves(decision, whole), _ACCENT)

    def refuse(self, problem: Problem) -> None:
        self.write(f"{_capitalize(one_line(problem.detail, MAX_LINE_CHARS))}. Try again.", _WARNING)

    def ask(self, decision: Decision) -> str:
        return self.prompt(f"{decision.game.info.roles[decision.observation.role]} > ")

    def prompt(self, question: str) -> str:
        """Reads a typed line and echoes it where it comes from a pipe.

        Raises:
            EOFError: the input has ended.
        """
        self._print(_text(question, _ACCENT), end="")
        self._console.file.flush()
        try:
            line = read_line()
        except EOFError:
            self.gap()
            raise
        if not sys.stdin.isatty():
            self.write(line)
        return line

    def confirm(self, question: str) -> bool:
        """Asks a yes-or-no question; the end of the input is a no."""
        try:
            return self.prompt(f"{question} [y/N] ").strip().casefold() in ("y", "yes")
        except EOFError:
            return False

    @contextlib.contextmanager
    def busy(self, title: str) -> Iterator[Callable[[str], None]]:
        """Shows a spinner while the block runs; call the yielded function to append status text."""
        if self._plain:
            yield lambda status_text: None
            return
        with self._console.status(_text(title, _QUIET), spinner="dots") as status:
            yield lambda status_text: status.update(_text(f"{title}{status_text}", _QUIET))

    def heading(self, title: str, rest: str = "") -> None:
        """Prints a title and a subtitle beside it."""
        line = _text(title, _ACCENT)
        line.append(f". {printable(rest)}" if rest else "", style=_QUIET)
        self._print(line)
        self.gap()

    def write(self, text: str, style: str = "") -> None:
        """Prints a paragraph."""
        self._print(_text(text, style))

    def gap(self) -> None:
        """Prints an empty line."""
        self._console.print()

    def block(self, title: str, text: str) -> None:
        """Prints a titled block of lines, under a rule or, in plain text, indented."""
        if self._plain:
            self.write(f"{printable(title)}:")
            self.write("\n".join(f"  {line}" for line in printable(text).split("\n")))
            return
        self._print(Rule(_text(one_line(title, self._columns - 4), _ACCENT), align="left", style=_QUIET))
        self.write(text)

    def _print(self, what: RenderableType, end: str = "\n") -> None:
        """Prints with lines wrapped between words on a terminal and whole in a file."""
        if self._console.file.isatty():
            self._console.print(what, end=end, width=self._columns)
        else:
            self._console.print(what, end=end, soft_wrap=True)


def introduce(screen: Screen, game: Game[Any, Any], seats: Sequence[str], seed: int) -> None:
    """Prints the title, the rules and the seating."""
    screen.heading(game_title(game.info.name), (inspect.getdoc(type(game)) or "").partition("\n")[0])
    screen.explain(game)
    show_seating(screen, game.info.roles, seats, seed)
    screen.write(f"Type a move, or {HELP} for the rules. Ctrl-D leaves.", _QUIET)


def game_title(name: str) -> str:
    """A game's name as a title: `"Liars dice (players=4)"`. A game of another library keeps its full name."""
    if "/" in name:
        return name
    own_name, _, given = name.partition(":")
    return own_name.replace("_", " ").capitalize() + (f" ({given.replace(',', ', ')})" if given else "")


def show_seating(screen: Screen, roles: Sequence[str], seats: Sequence[str], seed: int) -> None:
    """Prints each role's player and the seed that repeats the deal."""
    places = ", ".join(f"{role}: {short_spec(spec)}" for role, spec in zip(roles, seats, strict=True))
    screen.write(f"{_capitalize(places)}. Seed {seed}.")


def show_ending(screen: Screen, game: Game[Any, Any], episode: Episode, seat: int, views: Sequence[str]) -> None:
    """Prints the result in words and then the other players' hidden views and reasoning.

    Args:
        screen: the screen to print to.
        game: the rules.
        episode: the finished episode.
        seat: the person's role.
        views: each role's last view in words.
    """
    roles = game.info.roles
    screen.gap()
    screen.block("The end", views[seat])
    screen.write(describe_result(episode, seat, roles), _RESULT_STYLE[episode.outcome[seat]])
    screen.gap()
    for role, spec in enumerate(episode.seats):
        if role == seat:
            continue
        if game.info.hidden:
            screen.block(f"What {short_spec(spec)} saw ({roles[role]})", views[role])
            screen.gap()
        if replies := format_reasoning(t for t in episode.turns if t.role == role):
            screen.block(f"What {short_spec(spec)} thought ({roles[role]})", replies)
            screen.gap()


def short_spec(spec: str) -> str:
    """An agent's spec, short enough for a sentence, without the setting that `play` adds."""
    return one_line(spec.removesuffix(HELD), _SPEC_CHARS)


def describe_result(episode: Episode, seat: int, roles: Sequence[str]) -> str:
    """The result from one seat's view: `"You win: +2 (second: -2)."`."""
    others = ", ".join(f"{roles[r]}: {format_return(x)}" for r, x in enumerate(episode.returns) if r != seat)
    is_shared = episode.outcome[seat] == "draw" and "loss" in episode.outcome
    words = _SHARED_RESULT if is_shared else _RESULT_WORDS[episode.outcome[seat]]
    line = f"{words}: {format_return(episode.returns[seat])}{others and f' ({others})'}."
    return " ".join(filter(None, [forfeit_sentence(episode, roles), line]))


def format_reasoning(turns: Iterator[Turn]) -> str:
    """One paragraph per reply; empty for replies that are all moves without reasoning.

    It is the reasoning and the move, or the whole reply where that is no move.
    """
    replies = list(turns)
    if not any(t.thinking or t.problem for t in replies):
        return ""
    numbered = enumerate(replies, start=1)
    return "\n".join(f"{k}. {_reply_text(turn) or '(nothing)'}\n-> {describe_move(turn)}" for k, turn in numbered)


def _reply_text(turn: Turn) -> str:
    if turn.problem is None:
        return shorten_text(turn.thinking)
    parts = [turn.reply] if turn.thinking in turn.reply else [turn.thinking, turn.reply]
    return "\n".join(filter(None, map(shorten_text, parts)))


def _capitalize(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
