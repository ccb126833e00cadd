"""The arguments of every command.

Help and errors in the arguments need this file alone. It imports no command, no model library and nothing that prints.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

from mirrormatch.errors import UnknownName, UserError
from mirrormatch.evals.types import NUM_EPISODES, NUM_ITEMS, NUM_THOUGHTS
from mirrormatch.games.types import Kind
from mirrormatch.seeds import MAX_SEED

NUM_CHECK_GAMES = 200  # random games in which the contract of a game is checked
OPPONENT = "nano"  # the bundled model
EXPLOITABILITY_GAME = "kuhn_poker"  # 12 information states: seconds on a laptop
MAX_COUNT = 1_000_000  # of anything: its records are in memory together
MAX_DELAY_S = 3_600.0
REFRESH_S = 2.0  # of `top`: steps take seconds
HOST = "127.0.0.1"  # this machine only: the server has no password
PORT = 8000

CLASSICS = ("kuhn_poker", "simple_negotiation", "tictactoe")  # SPIRAL's training games: one of each kind
ALL = "all"
GAMES = "games"
TRAINING = ("sources", "matchmakers", "rewards", "estimators", "builders", "objectives")  # kinds of plug-ins
LISTED = (GAMES, "agents", "libraries", "prompts", "engines", "environments", *TRAINING, "benchmarks")
SOLVERS = ("exact", "rules", "none")
YES, NO = "yes", "no"

_SPEC_HELP = (
    "random, optimal, human, nano[+ADAPTER], hf:MODEL, vllm:MODEL, openai:MODEL@URL, ... (mirrormatch list agents)"
)
_SAVE_HELP = "append the episodes to a JSONL file"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UserError` and leaves printing and exiting to its caller.

    Args:
        command: the words after `mirrormatch`.
        summary: one sentence.
        example: a command line that runs.
    """

    def __init__(self, command: str, summary: str, example: str) -> None:
        self._flags: list[str] = []
        self._repeatable: set[str] = set()
        self._example = example
        super().__init__(
            prog=f"mirrormatch {command}",
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        flags = [name for name in names if name.startswith("--")]
        self._flags += flags
        if settings.get("action") == "append":
            self._repeatable |= set(flags)
        return super().add_argument(*names, **settings)

    def register_flags(self, *flags: str) -> None:
        """Registers flags that were added to an argument group."""
        self._flags += flags

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parses the words after the command.

        Raises:
            UserError: an argument is missing, unknown or malformed.
        """
        given = [word.partition("=")[0] for word in words if word.startswith("--")]
        for flag in given:
            if flag not in self._flags:
                raise UnknownName("option", flag, self._flags, f"{self.prog} --help")
            if given.count(flag) > 1 and flag not in self._repeatable:
                raise UserError(f"{flag} is given {given.count(flag)} times, it takes effect once ({self.prog} --help)")
        options, extra = self.parse_known_args(words)
        if extra:
            raise UserError(f"unexpected {extra[0]!r} ({self.prog} --help)")
        return options

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} ({self.prog} --help)")

    def format_help(self) -> str:
        return f"Example: {self._example}\n\n{super().format_help()}"


def configure_play(parser: Parser) -> None:
    """Adds the arguments of `play`."""
    parser.add_argument("game", metavar="GAME", help="what to play (mirrormatch list games)")
    parser.add_argument("--opponent", metavar="SPEC", help=f"{_SPEC_HELP}; default: {OPPONENT}, the bundled model")
    parser.add_argument("--seat", default="1", metavar="K", help="your seat, by number from 1 or by name (default 1)")
    parser.add_argument("--seed", type=_SEED, metavar="S", help="seed of the deal and of the opponent (default: drawn)")
    parser.add_argument("--save", type=_path, metavar="FILE", help=_SAVE_HELP)
    _add_plain(parser)


def configure_match(parser: Parser) -> None:
    """Adds the arguments of `match`."""
    parser.add_argument("game", metavar="GAME", help="the game (mirrormatch list games)")
    parser.add_argument("specs", metavar="SPEC", nargs="+", help=f"two or more of {_SPEC_HELP}")
    _add_count(parser, "--episodes", NUM_EPISODES, "episodes of each pair, rounded up: every deal meets every seating")
    _add_seed(parser)
    parser.add_argument("--save", type=_path, metavar="FILE", help=_SAVE_HELP)
    parser.add_argument("--verbose", action="store_true", help="print number types and threads that were timed")
    _add_json(parser)


def configure_train(parser: Parser) -> None:
    """Adds the arguments of `train`."""
    parser.add_argument("config", metavar="CONFIG", type=_path, help="a TOML file: one whole run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="A.B=C", dest="overrides", help="override a key; may be repeated"
    )
    parser.add_argument(
        "--out", type=_path, metavar="DIR", help="the run's folder (default: runs/ and the config's name)"
    )
    parser.add_argument("--resume", action="store_true", help="continue from the folder's last whole step, if any")
    parser.add_argument("--plan", action="store_true", help="print requests, tokens, memory and hours; start nothing")


def configure_sweep(parser: Parser) -> None:
    """Adds the arguments of `sweep`."""
    parser.add_argument("file", metavar="FILE", type=_path, help="a TOML file: a config, seeds and arms")
    parser.add_argument(
        "--set", action="append", default=[], metavar="A.B=C", dest="overrides", help="override a key in every arm"
    )
    parser.add_argument(
        "--out", type=_path, metavar="DIR", help="the sweep's folder (default: runs/ and the file's name)"
    )
    _add_json(parser)


def configure_eval_games(parser: Parser) -> None:
    """Adds the arguments of `eval games`."""
    _add_spec(parser)
    _add_games(parser)
    _add_count(parser, "--episodes", NUM_EPISODES, "episodes against each opponent in each game")
    _add_seed(parser)
    _add_json(parser)


def configure_eval_exploitability(parser: Parser) -> None:
    """Adds the arguments of `eval exploitability`."""
    _add_spec(parser)
    parser.add_argument(
        "--game",
        default=EXPLOITABILITY_GAME,
        metavar="GAME",
        help=f"a small two-player zero-sum game (default {EXPLOITABILITY_GAME})",
    )
    _add_count(parser, "--thoughts", NUM_THOUGHTS, "thoughts sampled at each information state")
    _add_seed(parser, "seed of the sampled thoughts")
    _add_plain(parser)
    _add_json(parser)


def configure_eval_transfer(parser: Parser) -> None:
    """Adds the arguments of `eval transfer`."""
    _add_spec(parser)
    parser.add_argument(
        "--benchmarks",
        nargs="+",
        metavar="NAME",
        help="only these (default: all of 'mirrormatch list benchmarks' that need no extra)",
    )
    _add_count(parser, "--items", NUM_ITEMS, "problems of each task")
    _add_seed(parser, "seed of the problems and of the sampled answers")
    _add_plain(parser)
    _add_json(parser)


def configure_compare(parser: Parser) -> None:
    """Adds the arguments of `compare`."""
    parser.add_argument("a", metavar="BEFORE", help="a run's folder, which means its newest adapter, or an agent")
    parser.add_argument("b", metavar="AFTER", help="likewise; differences are this one less the first")
    _add_games(parser)
    _add_count(parser, "--episodes", NUM_EPISODES, "episodes in each game against each opponent")
    _add_count(parser, "--thoughts", NUM_THOUGHTS, "thoughts at each information state of a small game")
    _add_count(parser, "--items", NUM_ITEMS, "problems of each task")
    _add_seed(parser, "seed of deals, thoughts and problems")
    _add_plain(parser)
    _add_json(parser)


def configure_report(parser: Parser) -> None:
    """Adds the arguments of `report`."""
    parser.add_argument("run", metavar="RUN", type=_path, help="the folder of a run, finished or not")
    parser.add_argument("--out", type=_path, metavar="FILE", help="the file to write (default RUN/report.html)")


def configure_watch(parser: Parser) -> None:
    """Adds the arguments of `watch`."""
    parser.add_argument("episodes", metavar="EPISODES", type=_path, help="a JSONL file, from a run or from --save")
    parser.add_argument("--episode", type=at_least(1), metavar="N", help="only this one, counted from 1")
    parser.add_argument(
        "--turn-delay", type=_delay, metavar="S", help="seconds to wait after each turn (default: until Enter)"
    )
    _add_plain(parser)


def configure_top(parser: Parser) -> None:
    """Adds the arguments of `top`."""
    parser.add_argument("run", metavar="RUN", type=_path, help="the folder of a run, at work or not")
    parser.add_argument("--once", action="store_true", help="print one frame and end, as it does off a terminal")
    parser.add_argument(
        "--every",
        type=_delay,
        default=REFRESH_S,
        metavar="S",
        help=f"seconds between two frames (default {REFRESH_S:g})",
    )
    _add_plain(parser)


def configure_serve(parser: Parser) -> None:
    """Adds the arguments of `serve`."""
    parser.add_argument(
        "model", metavar="MODEL", help="nano, a folder or an id; settings after commas, as in vllm:MODEL,dtype=bfloat16"
    )
    parser.add_argument("--host", default=HOST, metavar="NAME", help=f"the address to listen on (default {HOST})")
    parser.add_argument(
        "--port", type=at_least(0, 65_535), default=PORT, metavar="N", help=f"default {PORT}; 0 takes any"
    )
    parser.add_argument("--name", metavar="NAME", help="the model's name for clients (default: as given here)")
    parser.add_argument("--log", type=_path, metavar="FILE", help="the server's output (default: a temporary file)")


def configure_list(parser: Parser) -> None:
    """Adds the arguments of `list`."""
    parser.add_argument("kind", metavar="KIND", type=_listed_kind, help=" | ".join(LISTED))
    _add_json(parser)
    only = parser.add_argument_group("only games")
    parser.register_flags("--library", "--players", "--kind", "--hidden", "--chance", "--open-text", "--solver")
    only.add_argument("--library", metavar="NAME", help="of another library (mirrormatch list libraries)")
    only.add_argument("--players", metavar="N", type=at_least(1), help="for this number of players")
    kinds = get_args(Kind)
    only.add_argument(
        "--kind", dest="interests", metavar="KIND", type=one_of("kind", kinds), help=f"of a kind: {' | '.join(kinds)}"
    )
    for name, what in (("hidden", "with hidden information"), ("chance", "of chance"), ("open-text", "of free text")):
        only.add_argument(f"--{name}", metavar="yes|no", type=one_of("answer", (YES, NO)), help=f"{what}, or without")
    only.add_argument(
        "--solver", metavar="SOLVER", type=one_of("solver", SOLVERS), help=f"with a solver: {' | '.join(SOLVERS)}"
    )


def configure_check_game(parser: Parser) -> None:
    """Adds the arguments of `check game`."""
    parser.add_argument(
        "game",
        metavar="NAME",
        help="an installed game, or a Python file (it is run): ./my_game.py; settings may follow: ./my_game.py:goal=21",
    )
    _add_count(parser, "--games", NUM_CHECK_GAMES, "random games to play")
    _add_seed(parser, "seed of the random games")


def configure_doctor(parser: Parser) -> None:
    """Adds the arguments of `doctor`."""
    parser.add_argument(
        "--speed", action="store_true", help="time number types and threads, as the engine does for a larger model"
    )
    _add_json(parser)


def at_least(least: int, most: int = MAX_COUNT) -> Callable[[str], int]:
    """Makes a converter for whole numbers with bounds."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small, it must be {least} or more")
        if value > most:
            raise argparse.ArgumentTypeError(f"{value} is too large, it must be {most} or less")
        return value

    return convert


_SEED = at_least(0, MAX_SEED)


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty path was given")  # it would be the current folder
    return Path(text)


def _delay(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if math.isnan(value) or not 0 <= value <= MAX_DELAY_S:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds from 0 to {MAX_DELAY_S:g}")
    return value


def one_of(kind: str, allowed: Sequence[str]) -> Callable[[str], str]:
    """Makes a converter for a word out of a closed set."""

    def convert(text: str) -> str:
        if text not in allowed:
            raise UnknownName(kind, text, allowed)
        return text

    return convert


def _listed_kind(text: str) -> str:
    if text == "bridges":
        raise UserError("'bridges' are called libraries: mirrormatch list libraries")
    return one_of("kind", LISTED)(text)


def _add_spec(parser: Parser) -> None:
    parser.add_argument("spec", metavar="SPEC", help=_SPEC_HELP)


def _add_games(parser: Parser) -> None:
    parser.add_argument(
        "--games",
        nargs="+",
        metavar="GAME",
        default=list(CLASSICS),
        help=f"in these (default: {' '.join(CLASSICS)}); {ALL!r} is every game of 'mirrormatch list games'",
    )


def _add_count(parser: Parser, flag: str, default: int, what: str) -> None:
    parser.add_argument(flag, type=at_least(1), default=default, metavar="N", help=f"{what} (default {default})")


def _add_seed(parser: Parser, help: str = "seed of chance and of the agents' decisions") -> None:
    parser.add_argument("--seed", type=_SEED, default=0, metavar="S", help=f"{help} (default 0)")


def _add_plain(parser: Parser) -> None:
    """For screen readers and pipes."""
    parser.add_argument("--plain", action="store_true", help="plain text: no colours, no boxes, nothing that moves")


def _add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")
