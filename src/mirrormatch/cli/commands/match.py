"""`mirrormatch match`: agents against each other, seats swapped, deals paired."""

import asyncio
import itertools
import os
import re
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

from mirrormatch import agents, games
from mirrormatch.agents.engines._engine import LocalEngine
from mirrormatch.agents.episodes import append_episode, check_episodes_file
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import check_spec
from mirrormatch.agents.types import Agent, Episode
from mirrormatch.cli.terminal.output import note
from mirrormatch.cli.terminal.progress import show_progress
from mirrormatch.cli.terminal.tables import show_match, warn_about_match
from mirrormatch.errors import UserError
from mirrormatch.evals.arena import MatchResult, check_match, run_match
from mirrormatch.games.game import Game
from mirrormatch.text import one_line

_SPEC_CHARS = 60

EpisodeCallback: TypeAlias = Callable[[int, Episode], None]  # called with an episode's position in the match


def run(options: Namespace) -> int:
    """Plays a match and prints its scores."""
    game = games.get(options.game)
    saver = EpisodeSaver(options.save) if options.save is not None else None
    result = run_match_with_progress(game, options.specs, options.episodes, options.seed, saver, options.verbose)
    warn_about_match(result)
    if options.json:
        print(result.scores.model_dump_json(by_alias=True, indent=2))
    else:
        show_match(result)
    if saver is not None and saver.problem is not None:
        sys.stdout.flush()
        raise UserError(f"{saver.problem}; it holds {saver.num_saved} of the {len(result.episodes)} episodes")
    return 0


class EpisodeSaver:
    """Appends episodes to a file in the order of the match, as long as they can be written.

    Attributes:
        path: the file.
        num_saved: number of episodes in it.
        problem: why the following ones aren't, a full disk for example; None if nothing failed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.num_saved = 0
        self.problem: UserError | None = None
        self._waiting: dict[int, Episode] = {}

    def save(self, position: int, episode: Episode) -> None:
        """Takes a finished episode, and appends those whose turn it is."""
        self._waiting[position] = episode
        while self.num_saved in self._waiting and self.problem is None:
            self._append(self._waiting.pop(self.num_saved))

    def finish(self) -> None:
        """Appends the rest, of a match that ended early."""
        for position in sorted(self._waiting):
            if self.problem is None:
                self._append(self._waiting[position])

    def _append(self, episode: Episode) -> None:
        try:
            append_episode(self.path, episode)
            self.num_saved += 1
        except UserError as problem:
            self.problem = problem
            note(f"{problem}; the match goes on, and no more episodes are saved")


def run_match_with_progress(
    game: Game[Any, Any],
    specs: list[str],
    episodes: int,
    seed: int,
    saver: EpisodeSaver | None = None,
    is_verbose: bool = False,
) -> MatchResult:
    """Plays a match with a progress bar on stderr.

    Args:
        game: the rules.
        specs: the players.
        episodes: number of episodes per pair.
        seed: the match's seed.
        saver: receives the finished episodes. Without one, they are written to a new file in the current folder when
            the match ends early.
        is_verbose: print how models compute, too.

    Raises:
        UserError: an agent can't be used, a server gave up, or the person at the keyboard left.
    """
    check_match(game, specs)
    for spec in dict.fromkeys(specs):  # before the first model is loaded
        check_spec(spec, game)
    if saver is not None:
        check_episodes_file(saver.path)
    players = {spec: agents.get(spec) for spec in dict.fromkeys(specs)}
    has_person = any(p.max_retries is None for p in players.values())  # a moving bar would disturb the typing
    title = f"{game.info.name}: {', '.join(specs)}"
    with _keep_episodes(game, saver) as callback, _report_usage(players.values(), is_verbose):
        with nullcontext(None) if has_person else show_progress(title) as progress:
            try:
                return asyncio.run(run_match(game, [players[s] for s in specs], episodes, seed, progress, callback))
            except EOFError:
                raise UserError("the person at the keyboard left, so there is no result") from None


@contextmanager
def _keep_episodes(game: Game[Any, Any], saver: EpisodeSaver | None) -> Iterator[EpisodeCallback]:
    """Yields a callback for finished episodes: after an error its message gives the number and the file of them."""
    finished: dict[int, Episode] = {}

    def keep(position: int, episode: Episode) -> None:
        finished[position] = episode
        if saver is not None:
            saver.save(position, episode)

    try:
        try:
            yield keep
        finally:
            if saver is not None:
                saver.finish()
    except UserError as problem:
        if not finished:
            raise
        in_order = [finished[k] for k in sorted(finished)]
        kept = saver.path if saver is not None and saver.problem is None else _write_unfinished(game, in_order)
        raise UserError(f"{problem}; the {len(finished)} finished episodes are in {str(kept)!r}") from None


def _write_unfinished(game: Game[Any, Any], episodes: Iterable[Episode]) -> Path:
    """Writes the episodes of a match that ended early to a new file: in the current folder, or a temporary one."""
    folder = Path() if os.access(".", os.W_OK) else Path(tempfile.mkdtemp())
    stem = f"unfinished-{re.sub('[^a-z0-9]+', '-', game.info.name)}"
    path = next(p for k in itertools.count(1) if not (p := folder / f"{stem}-{k}.jsonl").exists())
    for episode in episodes:
        append_episode(path, episode)
    return path


@contextmanager
def _report_usage(players: Iterable[Agent], is_verbose: bool) -> Iterator[None]:
    """Prints on stderr the requests, tokens and cost of each model's engine during the block.

    Verbose: also the number types and threads that were timed, and the choice.
    """
    models = [p for p in players if isinstance(p, LLMAgent)]
    engines = {id(p.engine): p.engine for p in models}
    before = {key: engine.usage for key, engine in engines.items()}
    yield
    for key, engine in engines.items():
        specs = ", ".join(one_line(p.spec, _SPEC_CHARS) for p in models if p.engine is engine)
        how = f" ({engine.computation})" if isinstance(engine, LocalEngine) and "measured" in engine.computation else ""
        note(f"{specs}{how}: {engine.usage.since(before[key])}")
        if is_verbose and isinstance(engine, LocalEngine):
            note(f"{specs} computes in {'; '.join([engine.computation, *engine.timings])}")
