"""`mirrormatch eval games`: an agent against `random` and `optimal` in every game."""

from argparse import Namespace
from collections.abc import Sequence

from mirrormatch import games
from mirrormatch.cli.arguments import ALL
from mirrormatch.cli.commands.match import run_match_with_progress
from mirrormatch.cli.terminal.tables import show_match, warn_about_match
from mirrormatch.evals.arena import GamesScores, MatchResult, opponent_specs


def run(options: Namespace) -> int:
    """Plays every match and prints each as soon as it is over."""
    chosen = [games.get(name) for name in resolve_games(options.games)]
    results = list[MatchResult]()
    for game in chosen:
        for opponent in opponent_specs(game.info):
            specs = [options.spec, opponent] if opponent else [options.spec]
            result = run_match_with_progress(game, specs, options.episodes, options.seed)
            results.append(result)
            warn_about_match(result)
            if not options.json:
                show_match(result)
    if options.json:
        scores = GamesScores(spec=options.spec, matches=tuple(r.scores for r in results))
        print(scores.model_dump_json(by_alias=True, indent=2))
    return 0


def resolve_games(names: Sequence[str]) -> list[str]:
    """Replaces `all` by the name of every game."""
    return games.names() if list(names) == [ALL] else list(names)
