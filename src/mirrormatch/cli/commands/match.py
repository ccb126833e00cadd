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
from mirrormatch.cli.terminal.output import note
from mirrormatch.cli.terminal.progress import show_progress
from mirrormatch.cli.terminal.tables import show_match, warn_about_match
from mirrormatch.errors import UserError
from mirrormatch.evals.arena import MatchResult, run_match
from mirrormatch.games.game import Game
from mirrormatch.text import one_line

_SPEC_CHARS = 60

EpisodeCallback: TypeAlias = Callable[[int, Episode], None]  # called with an episode's position in the match


def run(options: Namespace) -> int:
    """Plays a match and prints its scores."""
    game = games.get(options.game)
    with _save_episodes(options.save) as callback:
        result = run_match_with_progress(game, options.specs, options.episodes, options.seed, callback)
    warn_about_match(result)
    if options.json:
        print(result.scores.model_dump_json(by_alias=True, indent=2))
    else:
        show_match(result)
    return 0


def run_match_with_progress(
    game: Game[Any, Any], specs: list[str], episodes: int, seed: int, callback: EpisodeCallback | None = None
) -> MatchResult:
    """Plays a match with a progress bar on stderr.

    Raises:
        UserError: an agent can't be used, or the person at the keyboard left.
    """
    players = {spec: agents.get(spec) for spec in dict.fromkeys(specs)}
    has_person = any(p.max_retries is None for p in players.values())  # a moving bar would disturb the typing
    title = f"{game.info.name}: {', '.join(specs)}"
    try:
        with _report_usage(players.values()), nullcontext(None) if has_person else show_progress(title) as progress:
            return asyncio.run(run_match(game, [players[s] for s in specs], episodes, seed, progress, callback))
    except EOFError:
        raise UserError("the person at the keyboard left, so there is no result") from None


@contextmanager
def _report_usage(players: Iterable[Agent]) -> Iterator[None]:
    """Prints on stderr the requests, tokens and cost of each model's engine during the block."""
    models = [p for p in players if isinstance(p, LLMAgent)]
    engines = {id(p.engine): p.engine for p in models}
    before = {key: engine.usage for key, engine in engines.items()}
    yield
    for key, engine in engines.items():
        specs = ", ".join(one_line(p.spec, _SPEC_CHARS) for p in models if p.engine is engine)
        note(f"{specs}: {engine.usage.since(before[key])}")


@contextmanager
def _save_episodes(path: Path | None) -> Iterator[EpisodeCallback | None]:
    """Yields a callback that appends episodes to a file in the order of the match; after an interrupt, the rest too."""
    if path is None:
        yield None
        return
    waiting: dict[int, Episode] = {}
    num_saved = 0

    def save(position: int, episode: Episode) -> None:
        nonlocal num_saved
        waiting[position] = episode
        while num_saved in waiting:
            append_episode(path, waiting.pop(num_saved))
            num_saved += 1

    try:
        yield save
    finally:
        for position in sorted(waiting):
            append_episode(path, waiting[position])
