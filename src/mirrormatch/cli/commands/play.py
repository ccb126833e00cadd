"""`mirrormatch play`: a person against an agent."""

import asyncio
import contextlib
import random
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mirrormatch import agents, games
from mirrormatch.agents.engines._engine import StreamingEngine
from mirrormatch.agents.episodes import append_episode, replay
from mirrormatch.agents.play import play
from mirrormatch.agents.players.human import Human
from mirrormatch.agents.types import Agent, Decision, Episode, Reply, SelectiveAgent
from mirrormatch.cli.arguments import OPPONENT
from mirrormatch.cli.terminal.output import console
from mirrormatch.cli.terminal.screen import Screen, called, ending, introduce, seating
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import Info

NUM_DEALS = 1_000_000  # seeds to draw from when none is given: short enough to type again


def run(options: Namespace) -> int:
    """Plays until the person has had enough."""
    game = games.get(options.game)
    seat = _seat(game.info, options.seat)
    spec = _opponent(game.info, options.opponent)
    screen = Screen(console(options.plain), options.plain)
    with screen.busy(f"loading {called(spec)}"):
        opponent = agents.get(spec)
        if isinstance(opponent, SelectiveAgent):
            opponent.check(game)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(NUM_DEALS)
    try:
        asyncio.run(_evening(screen, game, opponent, seat, seed, options.save))
    except EOFError:
        screen.say("You left the game.")
    return 0


class Waited:
    """The opponent, with a spinner while it thinks."""

    def __init__(self, agent: Agent, screen: Screen) -> None:
        self.spec = agent.spec
        self.max_retries = agent.max_retries
        self._agent = agent
        self._screen = screen

    async def act(self, decision: Decision) -> Reply:
        with self._screen.busy(f"{called(self.spec)} is thinking") as more, _followed(self._agent, more):
            return await self._agent.act(decision)


@contextlib.contextmanager
def _followed(agent: Agent, more: Callable[[str], None]) -> Iterator[None]:
    """Tells how long a streamed reply is by now. Its words stay hidden: they are the opponent's thoughts."""
    engine = getattr(agent, "engine", None)
    if not isinstance(engine, StreamingEngine):
        yield
        return
    num_chars = 0

    def told(piece: str) -> None:
        nonlocal num_chars
        num_chars = num_chars + len(piece) if piece else 0
        more(f" ({num_chars} characters so far)")

    engine.on_text = told
    try:
        yield
    finally:
        engine.on_text = None


async def _evening(
    screen: Screen, game: Game[Any, Any], opponent: Agent, seat: int, seed: int, save: Path | None
) -> None:
    """One game after the other, on one event loop: an engine belongs to the loop that it started on."""
    num_roles = len(game.info.roles)
    introduce(screen, game, _names(opponent, seat, num_roles), seed)
    while True:
        episode = await play(game, _seated(screen, opponent, seat, num_roles), seed)
        _finish(screen, game, episode, seat, save)
        if not screen.confirm(_question(num_roles)):
            return
        seat = (seat + 1) % num_roles
        screen.gap()
        seating(screen, game.info.roles, _names(opponent, seat, num_roles), seed)


def _finish(screen: Screen, game: Game[Any, Any], episode: Episode, seat: int, save: Path | None) -> None:
    last = list(replay(game, episode))[-1]
    views = [game.observe(last, role).text for role in range(len(episode.seats))]
    ending(screen, game, episode, seat, views)
    if save is not None:
        append_episode(save, episode)


def _seated(screen: Screen, opponent: Agent, seat: int, num_roles: int) -> list[Agent]:
    other: Agent = Human(screen) if isinstance(opponent, Human) else Waited(opponent, screen)
    return [Human(screen) if role == seat else other for role in range(num_roles)]


def _names(opponent: Agent, seat: int, num_roles: int) -> list[str]:
    return ["you" if role == seat else opponent.spec for role in range(num_roles)]


def _question(num_roles: int) -> str:
    return "Rematch with swapped seats on the same deal?" if num_roles > 1 else "The same deal again?"


def _opponent(info: Info, given: str | None) -> str:
    """Who takes the other seats; where there are none, the person themself stands for nobody, which loads nothing.

    Raises:
        UserError: somebody is named in a game for one.
    """
    if len(info.roles) > 1:
        return given or OPPONENT
    if given is not None:
        raise UserError(f"{info.name} is for one player, so nobody plays against you: leave out --opponent")
    return "human"


def _seat(info: Info, given: str) -> int:
    """The role that the person means, counted from 0.

    Raises:
        UserError: there is no such seat.
    """
    by_name = {role.casefold(): k for k, role in enumerate(info.roles)}
    by_name |= {str(k + 1): k for k in range(len(info.roles))}
    if given.casefold() not in by_name:
        if not given.isalpha():
            seats = ", ".join(f"{k} ({role})" for k, role in enumerate(info.roles, start=1))
            raise UserError(f"no seat {given!r} in {info.name}; there are: {seats}")
        raise UnknownName(f"seat of {info.name}", given, info.roles)
    return by_name[given.casefold()]
