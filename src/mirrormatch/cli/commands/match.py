"""`mirrormatch match`: agents against each other, seats swapped, deals paired."""

import asyncio
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from mirrormatch import agents, games
from mirrormatch.agents.episodes import append_episode
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.types import Agent, Episode
from mirrormatch.cli.terminal.match_table import following, show, warn
from mirrormatch.cli.terminal.output import note, print_json
from mirrormatch.errors import UserError
from mirrormatch.evals.arena import MatchResult, run_match
from mirrormatch.games.game import Game
from mirrormatch.text import one_line

_SPEC_CHARS = 60

Finished: TypeAlias = Callable[[int, Episode], None]


def run(options: Namespace) -> int:
    """Plays and prints."""
    with _saving(options.save) as finished:
        result = played(games.get(options.game), options.specs, options.episodes, options.seed, finished)
    warn(result)
    if options.json:
        print_json(result.scores.model_dump_json(by_alias=True, indent=2))
    else:
        show(result)
    return 0


def played(
    game: Game[Any, Any], specs: list[str], episodes: int, seed: int, finished: Finished | None = None
) -> MatchResult:
    """The finished match, with a progress bar on the way.

    Raises:
        UserError: an agent can't be used or won't go on.
    """
    players = {spec: agents.get(spec) for spec in dict.fromkeys(specs)}
    somebody_types = any(p.max_retries is None for p in players.values())  # beside whom nothing may move
    title = f"{game.info.name}: {', '.join(specs)}"
    try:
        with _told_usage(players.values()), nullcontext(None) if somebody_types else following(title) as progress:
            return asyncio.run(run_match(game, [players[s] for s in specs], episodes, seed, progress, finished))
    except EOFError:
        raise UserError("the person at the keyboard left, so there is no result") from None


@contextmanager
def _told_usage(players: Iterable[Agent]) -> Iterator[None]:
    """Says on stderr what each model's engine did meanwhile: requests, tokens, and what they cost."""
    models = [p for p in players if isinstance(p, LLMAgent)]
    engines = {id(p.engine): p.engine for p in models}
    before = {key: engine.usage for key, engine in engines.items()}
    yield
    for key, engine in engines.items():
        specs = ", ".join(one_line(p.spec, _SPEC_CHARS) for p in models if p.engine is engine)
        note(f"{specs}: {engine.usage.since(before[key])}")


@contextmanager
def _saving(path: Path | None) -> Iterator[Finished | None]:
    """Writes episodes to a file in the order of the match, and at an interrupt whatever else was finished."""
    if path is None:
        yield None
        return
    waiting: dict[int, Episode] = {}
    num_written = 0

    def finished(position: int, episode: Episode) -> None:
        nonlocal num_written
        waiting[position] = episode
        while num_written in waiting:
            append_episode(path, waiting.pop(num_written))
            num_written += 1

    try:
        yield finished
    finally:
        for position in sorted(waiting):
            append_episode(path, waiting[position])
