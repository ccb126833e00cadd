"""What a person sees: rules, views, problems and endings, in a terminal of 40 columns or more.

Whatever came from a model or a file passes `printable` here, and reaches rich as `Text`, which is never read as markup.
"""

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from mirrormatch.agents.episode_text import (
    MAX_LINE_CHARS,
    describe_move,
    forfeit_sentence,
    format_return,
    shorten_text,
)
from mirrormatch.agents.players.human import HELP, describe_legal_moves, read_line
from mirrormatch.agents.types import Decision, Episode, Turn
from mirrormatch.games.game import Game
from mirrormatch.games.types import Problem
from mirrormatch.text import one_line, printable

MAX_COLUMNS = 76  # longer lines are hard to read
_SPEC_CHARS = 32
_ACCENT, _QUIET, _WARNING = "bold cyan", "dim", "yellow"
_RESULT_STYLE = {"win": "bold green", "draw": "bold", "loss": "bold red"}
_RESULT_WORDS = {"win": "You win", "draw": "A draw", "loss": "You lose"}
_SHARED = "You share the best result"  # a draw with some, while others have lost


class Screen:
    """A terminal, rich or plain. It is a `Terminal` for people at the keyboard.

    Args:
        console: where to print.
        plain: no colours, no boxes, nothing that moves.
    """

    def __init__(self, console: Console, plain: bool) -> None:
        self._console = console
        self._plain = plain or not console.is_terminal
        self._columns = min(console.width, MAX_COLUMNS)

    def explain(self, game: Game[Any, Any]) -> None:
        self.say(game.rules(), _QUIET)
        self.gap()

    def show(self, decision: Decision, whole: bool = False) -> None:
        self.gap()
        self.block("Your turn", decision.observation.text)
        self.say(describe_legal_moves(decision, whole), _ACCENT)

    def refuse(self, problem: Problem) -> None:
        self.say(f"{_capital(one_line(problem.detail, MAX_LINE_CHARS))}. Try again.", _WARNING)

    def ask(self, decision: Decision) -> str:
        return self.prompt(f"{decision.game.info.roles[decision.observation.role]} > ")

    def prompt(self, question: str) -> str:
        """A typed line; where nobody sees the typing, it is echoed.

        Raises:
            EOFError: there is none.
        """
        self._print(_text(question, _ACCENT), end="")
        self._console.file.flush()
        try:
            line = read_line()
        except EOFError:
            self.gap()
            raise
        if not sys.stdin.isatty():
            self.say(line)
        return line

    def confirm(self, question: str) -> bool:
        """Whether the answer is yes; no answer is a no."""
        try:
            return self.prompt(f"{question} [y/N] ").strip().casefold() in ("y", "yes")
        except EOFError:
            return False

    @contextlib.contextmanager
    def busy(self, what: str) -> Iterator[Callable[[str], None]]:
        """A spinner while something takes its time; what is called with more to say shows that beside it."""
        if self._plain:
            yield lambda more: None
            return
        with self._console.status(_text(what, _QUIET), spinner="dots") as status:
            yield lambda more: status.update(_text(f"{what}{more}", _QUIET))

    def heading(self, title: str, rest: str = "") -> None:
        """A title and a few words about it."""
        line = _text(title, _ACCENT)
        line.append(f". {printable(rest)}" if rest else "", style=_QUIET)
        self._print(line)
        self.gap()

    def say(self, text: str, style: str = "") -> None:
        """A paragraph."""
        self._print(_text(text, style))

    def gap(self) -> None:
        """An empty line."""
        self._console.print()

    def block(self, title: str, text: str) -> None:
        """Some lines that belong together, under a rule or indented."""
        if self._plain:
            self.say(f"{printable(title)}:")
            self.say("\n".join(f"  {line}" for line in printable(text).split("\n")))
            return
        self._print(Rule(_text(one_line(title, self._columns - 4), _ACCENT), align="left", style=_QUIET))
        self.say(text)

    def _print(self, what: RenderableType, end: str = "\n") -> None:
        """Wraps between words on a terminal; a file keeps its lines whole."""
        if self._console.file.isatty():
            self._console.print(what, end=end, width=self._columns)
        else:
            self._console.print(what, end=end, soft_wrap=True)


def introduce(screen: Screen, game: Game[Any, Any], seats: Sequence[str], seed: int) -> None:
    """The title, the rules, and who sits where."""
    screen.heading(titled(game.info.name), (inspect.getdoc(type(game)) or "").partition("\n")[0])
    screen.explain(game)
    seating(screen, game.info.roles, seats, seed)
    screen.say(f"Type a move, or {HELP} for the rules. Ctrl-D leaves.", _QUIET)


def titled(name: str) -> str:
    """A game's name as a title: `"Liars dice (players=4)"`. A game of another library keeps the name it is got by."""
    if "/" in name:
        return name
    own_name, _, given = name.partition(":")
    return own_name.replace("_", " ").capitalize() + (f" ({given.replace(',', ', ')})" if given else "")


def seating(screen: Screen, roles: Sequence[str], seats: Sequence[str], seed: int) -> None:
    """Who sits where, and the seed that makes the deal repeatable."""
    places = ", ".join(f"{role}: {called(who)}" for role, who in zip(roles, seats, strict=True))
    screen.say(f"{_capital(places)}. Seed {seed}.")


def ending(screen: Screen, game: Game[Any, Any], episode: Episode, seat: int, views: Sequence[str]) -> None:
    """The result in words, and then all that was hidden: the others' views and reasoning.

    Args:
        screen: where to show it.
        game: the rules.
        episode: what happened.
        seat: the person's role.
        views: per role, the last view in words.
    """
    roles = game.info.roles
    screen.gap()
    screen.block("The end", views[seat])
    screen.say(result(episode, seat, roles), _RESULT_STYLE[episode.outcome[seat]])
    screen.gap()
    for role, who in enumerate(episode.seats):
        if role == seat:
            continue
        if game.info.hidden:
            screen.block(f"What {called(who)} saw ({roles[role]})", views[role])
            screen.gap()
        if replies := reasoning(t for t in episode.turns if t.role == role):
            screen.block(f"What {called(who)} thought ({roles[role]})", replies)
            screen.gap()


def called(spec: str) -> str:
    """An agent's spec, short enough for a sentence."""
    return one_line(spec, _SPEC_CHARS)


def result(episode: Episode, seat: int, roles: Sequence[str]) -> str:
    """Who won, from one seat: `"You win: +2 (second: -2)."`."""
    others = ", ".join(f"{roles[r]}: {format_return(x)}" for r, x in enumerate(episode.returns) if r != seat)
    shared = episode.outcome[seat] == "draw" and "loss" in episode.outcome
    words = _SHARED if shared else _RESULT_WORDS[episode.outcome[seat]]
    line = f"{words}: {format_return(episode.returns[seat])}{others and f' ({others})'}."
    return " ".join(filter(None, [forfeit_sentence(episode, roles), line]))


def reasoning(turns: Iterator[Turn]) -> str:
    """One paragraph per reply: what was thought, and what it came to. Empty when nobody thought or went wrong."""
    told = list(turns)
    if not any(t.thinking or t.problem for t in told):
        return ""
    return "\n".join(
        f"{k}. {shorten_text(t.thinking) or '(nothing)'}\n-> {describe_move(t)}" for k, t in enumerate(told, start=1)
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
