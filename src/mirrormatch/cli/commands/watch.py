"""`mirrormatch watch`: recorded episodes, turn by turn, with all hidden information."""

import itertools
import re
import sys
import time
from argparse import Namespace
from typing import Any

from mirrormatch import games
from mirrormatch.agents.episode_text import describe_move, result_sentence, shorten_text
from mirrormatch.agents.episodes import read_episodes, replay
from mirrormatch.agents.players.human import read_line
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.cli.terminal.output import console
from mirrormatch.cli.terminal.screen import Screen, short_spec, show_seating
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import OVER, Observation

_NAMES_A_FILE = re.compile(r"(?:file|filename|root|path)\s*=", re.IGNORECASE)


def run(options: Namespace) -> int:
    """Shows the episodes in order."""
    screen = Screen(console(options.plain), options.plain)
    if _is_stepping(options.turn_delay):
        screen.write("Enter shows the next turn, Ctrl-C leaves.\n", "dim")
    first = options.episode or 1
    last = options.episode
    shown = 0
    try:
        for shown, episode in enumerate(itertools.islice(read_episodes(options.episodes), first - 1, last), start=1):
            _show(screen, episode, first + shown - 1, options.turn_delay)
    except EOFError:
        return 0
    if not shown:
        raise UserError(f"{str(options.episodes)!r} has no episode {first}")
    return 0


def _show(screen: Screen, episode: Episode, number: int, delay_s: float | None) -> None:
    roles = _roles(episode)
    screen.heading(f"Episode {number}: {episode.game}")
    show_seating(screen, roles, episode.seats, episode.seed)
    for k, turn in enumerate(episode.turns, start=1):
        screen.gap()
        _show_turn(screen, f"{k}. {roles[turn.role]} ({short_spec(episode.seats[turn.role])})", turn)
        _wait(delay_s)
    screen.gap()
    if view := _last_view(episode):
        screen.block(f"The end, as {roles[view.role]} sees it", view.text)
    screen.write(f"The end: {result_sentence(episode, roles)}", "bold")
    screen.gap()


def _show_turn(screen: Screen, title: str, turn: Turn) -> None:
    screen.block(title, turn.observation.text)
    if turn.thinking:
        screen.write(f"Thinks: {shorten_text(turn.thinking)}", "dim")
    screen.write(f"{'Plays' if turn.problem is None else 'Replies'}: {describe_move(turn)}", "bold")


def _is_stepping(delay_s: float | None) -> bool:
    """Whether a person at a terminal sets the pace."""
    return delay_s is None and sys.stdin.isatty() and sys.stdout.isatty()


def _wait(delay_s: float | None) -> None:
    """Waits for some seconds, or for Enter.

    Raises:
        EOFError: the person has left.
    """
    if _is_stepping(delay_s):
        read_line()
    else:
        time.sleep(max(0.0, delay_s or 0.0))


def _roles(episode: Episode) -> tuple[str, ...]:
    """Names of the roles, or their numbers if the game can't be loaded."""
    try:
        roles = _load_game(episode.game).info.roles
    except UserError:
        roles = ()
    numbers = tuple(f"player {k}" for k in range(1, len(episode.seats) + 1))
    return roles if len(roles) == len(numbers) else numbers


def _load_game(name: str) -> Game[Any, Any]:
    """Loads an episode's game, but none whose name says which file of this machine to open.

    Raises:
        UserError: the game can't be loaded, or its name holds the name of a file.
    """
    if _NAMES_A_FILE.search(name):
        raise UserError(f"{name!r} opens a file; an episode's game is never loaded from one")
    return games.get(name)


def _last_view(episode: Episode) -> Observation | None:
    """The final view of the last player to move; None if the episode can't be replayed."""
    try:
        game = _load_game(episode.game)
        *_, last = replay(game, episode)
    except UserError:
        return None
    return game.observe(last, episode.turns[-1].role) if game.to_act(last) == OVER and episode.turns else None
