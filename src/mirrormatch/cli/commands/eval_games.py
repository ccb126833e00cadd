"""`mirrormatch eval games`: an agent against `random` and `optimal` in every game."""

from argparse import Namespace
from collections.abc import Sequence

from mirrormatch import games
from mirrormatch.cli.arguments import ALL
from mirrormatch.cli.commands.match import played
from mirrormatch.cli.terminal.match_table import show, warn
from mirrormatch.cli.terminal.output import print_json
from mirrormatch.evals.arena import GamesScores, MatchResult, opponent_specs


def run(options: Namespace) -> int:
    """Plays and prints, each match as soon as it is over."""
    chosen = [games.get(name) for name in chosen_games(options.games)]
    results = list[MatchResult]()
    for game in chosen:
        for opponent in opponent_specs(game.info):
            specs = [options.spec, opponent] if opponent else [options.spec]
            result = played(game, specs, options.episodes, options.seed)
            results.append(result)
            warn(result)
            if not options.json:
                show(result)
    if options.json:
        print_json(_json(options.spec, results))
    return 0


def chosen_games(names: Sequence[str]) -> list[str]:
    """The names of the games that `--games` means."""
    return games.names() if list(names) == [ALL] else list(names)


def _json(spec: str, results: list[MatchResult]) -> str:
    scores = GamesScores(spec=spec, matches=tuple(r.scores for r in results))
    return scores.model_dump_json(by_alias=True, indent=2)
