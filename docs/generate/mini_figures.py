"""Measures how often a model's replies are moves, in every native game, and prints the tables of docs/mini.md.

    python docs/generate/mini_figures.py SPEC [--replies 500] [--games NAME ...]

The first table has a row for each game: at default settings, at its examples' settings, and without the list of legal
moves in the prompt. The second has a row for each game of talk and a column for each kind of hostile chatter; the rival
there is a thinker of the corpus. Strength is measured by `mirrormatch eval games SPEC --games all`.
"""

import argparse
import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from mirrormatch import agents, games
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.types import Agent, Episode
from mirrormatch.evals.statistics import wilson
from mirrormatch.games.game import Game
from mirrormatch.seeds import derive
from mirrormatch.training.bundled.mini.chatter import KINDS, SLOTS
from mirrormatch.training.bundled.mini.players import HostilePlayer
from mirrormatch.training.bundled.mini.thinkers import find_thinkers

NUM_AT_ONCE = 16  # episodes that run side by side, which an engine batches
HOSTILE_REPLIES = 200  # of each kind of chatter and game
HOSTILE_SKILL = 0.8


class Count(NamedTuple):
    """Number of replies that are moves, and of all replies."""

    moves: int = 0
    replies: int = 0

    def to_text(self) -> str:
        """The share with its 95 % interval, in per cent."""
        if not self.replies:
            return "-"
        low, high = wilson(self.moves, self.replies)
        return f"{self.moves / self.replies:.0%} [{100 * low:.0f}, {100 * high:.0f}]"


def count_moves(names: Sequence[str], seat: Callable[[Game[Any, Any], int], list[Agent]], spec: str, num: int) -> Count:
    """Plays the games in turn until the agent of that spec has given so many replies."""
    found, numbers = Count(), itertools.count()
    while found.replies < num:
        batch = list(itertools.islice(numbers, NUM_AT_ONCE))
        for episode in asyncio.run(_play_batch([games.get(names[k % len(names)]) for k in batch], seat, batch)):
            found = _add(found, episode, spec)
    return found


async def _play_batch(
    chosen: Sequence[Game[Any, Any]], seat: Callable[[Game[Any, Any], int], list[Agent]], numbers: Sequence[int]
) -> Sequence[Episode]:
    def start(game: Game[Any, Any], k: int) -> Callable[[], Any]:
        return lambda: play(game, seat(game, k), derive(k, "figures", game.info.name))

    return await run_all(start(game, k) for game, k in zip(chosen, numbers, strict=True))


def _add(found: Count, episode: Episode, spec: str) -> Count:
    turns = [turn for turn in episode.turns if episode.seats[turn.role] == spec]
    return Count(found.moves + sum(turn.action is not None for turn in turns), found.replies + len(turns))


def measure_games(spec: str, names: Sequence[str], num: int) -> Iterator[str]:
    """Yields the lines of the table of games."""
    listed, unlisted = agents.get(spec), agents.get(f"{spec},list_legal=no")
    yield "| game | default settings | other settings | without the list of moves |"
    yield "|---|---|---|---|"
    for name in names:
        variants = [f"{name}:{given}" for given in games.get(name).examples]
        shown = [count_moves([name], _seat_everywhere(listed), listed.spec, num)]
        shown.append(count_moves(variants, _seat_everywhere(listed), listed.spec, num) if variants else Count())
        shown.append(count_moves([name], _seat_everywhere(unlisted), unlisted.spec, num))
        yield f"| {name} | {' | '.join(count.to_text() for count in shown)} |"


def _seat_everywhere(agent: Agent) -> Callable[[Game[Any, Any], int], list[Agent]]:
    return lambda game, _: [agent] * len(game.info.roles)


def measure_chatter(spec: str, names: Sequence[str], num: int) -> Iterator[str]:
    """Yields the lines of the table of hostile chatter."""
    agent = agents.get(spec)
    yield f"| game | {' | '.join(KINDS)} |"
    yield f"|---|{'---|' * len(KINDS)}"
    for name in names:
        shown = [count_moves([name], _seat_rival(agent, name, kind), agent.spec, num) for kind in KINDS]
        yield f"| {name} | {' | '.join(count.to_text() for count in shown)} |"


def _seat_rival(agent: Agent, name: str, kind: str) -> Callable[[Game[Any, Any], int], list[Agent]]:
    """Seats a rival with this kind of chatter in each seat in turn."""
    rival = HostilePlayer(find_thinkers()[name], HOSTILE_SKILL, (kind,))

    def seat(game: Game[Any, Any], k: int) -> list[Agent]:
        num = len(game.info.roles)
        return [rival if role == k % num else agent for role in range(num)]

    return seat


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", help="the model, as on the command line of mirrormatch")
    parser.add_argument("--replies", type=int, default=500, help="number of replies for each figure")
    parser.add_argument("--games", nargs="+", default=games.registry.names())
    given = parser.parse_args()
    for line in measure_games(given.spec, given.games, given.replies):
        print(line, flush=True)
    print()
    hostile = min(given.replies, HOSTILE_REPLIES)
    for line in measure_chatter(given.spec, [name for name in given.games if name in SLOTS], hostile):
        print(line, flush=True)


if __name__ == "__main__":
    main()
