"""`mirrormatch play`: a person against an agent."""

import asyncio
import contextlib
import random
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mirrormatch import agents, games
from mirrormatch.agents.engines._engine import holds_replies, stream_replies
from mirrormatch.agents.episodes import append_episode, check_episodes_file, replay
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.players.human import Human
from mirrormatch.agents.spec import check_spec, split_settings
from mirrormatch.agents.types import Agent, Decision, Episode, Reply, SelectiveAgent, seat_name
from mirrormatch.cli.arguments import OPPONENT
from mirrormatch.cli.terminal.output import console
from mirrormatch.cli.terminal.screen import Screen, introduce, short_spec, show_ending, show_seating
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import Info, ProblemKind

NUM_DEALS = 1_000_000  # seeds to draw from when none is given: short enough to retype


def run(options: Namespace) -> int:
    """Plays games until the person leaves."""
    game = games.get(options.game)
    seat = _parse_seat(game.info, options.seat)
    spec = _choose_opponent(game.info, options.opponent)
    if options.save is not None:
        check_episodes_file(options.save)
    check_spec(spec, game)
    screen = Screen(console(options.plain), options.plain)
    with screen.busy(f"loading {short_spec(spec)}"):
        opponent = agents.get(spec, constrain=True)
        if isinstance(opponent, SelectiveAgent):
            opponent.check(game)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(NUM_DEALS)
    try:
        asyncio.run(_play_games(screen, game, opponent, seat, seed, options.save))
    except EOFError:
        screen.write("You left the game.")
    return 0


class SpinnerAgent:
    """Shows a spinner while the agent that it wraps thinks."""

    def __init__(self, agent: Agent, screen: Screen) -> None:
        self.spec = agent.spec
        self.record_name = seat_name(agent)
        self.max_retries = agent.max_retries
        self._agent = agent
        self._screen = screen

    async def act(self, decision: Decision) -> Reply:
        title = f"{short_spec(self.spec)} is thinking"
        with self._screen.busy(title) as show, show_reply_length(self._agent, show):
            return await self._agent.act(decision)


@contextlib.contextmanager
def show_reply_length(agent: Agent, show: Callable[[str], None]) -> Iterator[None]:
    """Shows the length of a streamed reply during the block. Its text stays hidden: it is the opponent's thinking."""
    if not isinstance(agent, LLMAgent):
        yield
        return
    num_chars = 0

    def count(piece: str) -> None:
        nonlocal num_chars
        num_chars = num_chars + len(piece) if piece else 0
        show(f" ({num_chars} characters so far)")

    with stream_replies(agent.engine, count):
        yield


async def _play_games(
    screen: Screen, game: Game[Any, Any], opponent: Agent, seat: int, seed: int, save: Path | None
) -> None:
    """Plays one game after the other on one event loop: an engine belongs to the loop that it started on."""
    num_roles = len(game.info.roles)
    introduce(screen, game, _names(opponent, seat, num_roles), seed)
    while True:
        episode = await play(game, _seat_players(screen, opponent, seat, num_roles), seed)
        _conclude(screen, game, episode, seat, save)
        if cure := suggest_settings(opponent, [t.problem.kind for t in episode.turns if t.problem and t.role != seat]):
            screen.write(cure)
        if not screen.confirm(_question(num_roles)):
            return
        seat = (seat + 1) % num_roles
        screen.gap()
        show_seating(screen, game.info.roles, _names(opponent, seat, num_roles), seed)


def suggest_settings(opponent: Agent, problems: Sequence[ProblemKind]) -> str:
    """What to try against replies that are no moves; empty without any, and for an opponent without settings."""
    if not (problems and isinstance(opponent, LLMAgent)):
        return ""
    settings = ["constrain=yes"] if holds_replies(opponent.engine) and not opponent.constrain else []
    if ProblemKind.TRUNCATED in problems:
        settings.append(f"max_tokens={4 * opponent.sampling.max_tokens}")
    settings += ["prompt=plain", "examples=2"]
    replies = "1 reply was no move" if len(problems) == 1 else f"{len(problems)} replies were no moves"
    return f"{replies}. To try: --opponent {split_settings(opponent.spec)[0]},{','.join(settings)}"


def _conclude(screen: Screen, game: Game[Any, Any], episode: Episode, seat: int, save: Path | None) -> None:
    last = list(replay(game, episode))[-1]
    views = [game.observe(last, role).text for role in range(len(episode.seats))]
    show_ending(screen, game, episode, seat, views)
    if save is not None:
        append_episode(save, episode)


def _seat_players(screen: Screen, opponent: Agent, seat: int, num_roles: int) -> list[Agent]:
    other: Agent = Human(screen) if isinstance(opponent, Human) else SpinnerAgent(opponent, screen)
    return [Human(screen) if role == seat else other for role in range(num_roles)]


def _names(opponent: Agent, seat: int, num_roles: int) -> list[str]:
    return ["you" if role == seat else opponent.spec for role in range(num_roles)]


def _question(num_roles: int) -> str:
    return "Rematch with swapped seats on the same deal?" if num_roles > 1 else "The same deal again?"


def _choose_opponent(info: Info, given: str | None) -> str:
    """The spec of the opponent; `human` in a single-player game, so no model is loaded.

    Raises:
        UserError: an opponent is given in a single-player game.
    """
    if len(info.roles) > 1:
        return OPPONENT if given is None else given
    if given is not None:
        raise UserError(f"{info.name} is a single-player game without opponents: leave out --opponent")
    return "human"


def _parse_seat(info: Info, given: str) -> int:
    """Converts a seat's name or its number from 1 to a role, counted from 0.

    Raises:
        UserError: the game has no such seat.
    """
    by_name = {role.casefold(): k for k, role in enumerate(info.roles)}
    by_name |= {str(k + 1): k for k in range(len(info.roles))}
    if given.casefold() not in by_name:
        if not given.isalpha():
            seats = ", ".join(f"{k} ({role})" for k, role in enumerate(info.roles, start=1))
            raise UserError(f"no seat {given!r} in {info.name}; there are: {seats}")
        raise UnknownName(f"seat of {info.name}", given, info.roles)
    return by_name[given.casefold()]
