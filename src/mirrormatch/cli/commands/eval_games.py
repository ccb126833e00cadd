"""`mirrormatch eval games`: an agent against `random` and `optimal` in every game."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from mirrormatch import games
from mirrormatch.agents.spec import check_spec
from mirrormatch.cli.arguments import ALL
from mirrormatch.cli.commands.match import run_match_with_progress
from mirrormatch.cli.terminal.tables import show_match, warn_about_match
from mirrormatch.errors import UserError
from mirrormatch.evals.arena import GamesScores, MatchResult, opponent_specs
from mirrormatch.games.game import Game


def run(options: Namespace) -> int:
    """Plays every match and prints each as soon as it is over; as JSON together, also after an error in one of them."""
    chosen = [games.get(name) for name in resolve_games(options.games)]
    for game in chosen:  # before the first match, which may take an hour
        check_spec(options.spec, game)
    results = list[MatchResult]()
    try:
        _play_all(options, chosen, results)
    except UserError:
        if options.json and results:
            _print_json(options.spec, results)
        raise
    if options.json:
        _print_json(options.spec, results)
    return 0


def _play_all(options: Namespace, chosen: Sequence[Game[Any, Any]], results: list[MatchResult]) -> None:
    for game in chosen:
        for opponent in opponent_specs(game.info):
            specs = [options.spec, opponent] if opponent else [options.spec]
            result = run_match_with_progress(game, specs, options.episodes, options.seed)
            results.append(result)
            warn_about_match(result)
            if not options.json:
                show_match(result)


def _print_json(spec: str, results: Sequence[MatchResult]) -> None:
    scores = GamesScores(spec=spec, matches=tuple(r.scores for r in results))
    print(scores.model_dump_json(by_alias=True, indent=2))


def resolve_games(names: Sequence[str]) -> list[str]:
    """Replaces `all` by the name of every game.

    Raises:
        UserError: other names beside it.
    """
    if ALL in names and len(names) > 1:
        raise UserError(f"{ALL!r} is every game: write --games {ALL} alone, or name the games")
    return games.names() if list(names) == [ALL] else list(names)
