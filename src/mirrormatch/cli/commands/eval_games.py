"""`mirrormatch eval games`: an agent against `random` and `optimal` in every game."""

from argparse import Namespace
from typing import TYPE_CHECKING

from mirrormatch.cli.arguments import SPEC_HELP, Parser, add_games, add_json, add_seed, at_least, chosen_games
from mirrormatch.cli.commands.match import NUM_EPISODES, played
from mirrormatch.cli.terminal.match_table import show, warn
from mirrormatch.cli.terminal.output import print_json

if TYPE_CHECKING:
    from mirrormatch.evals.arena import MatchResult


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    add_games(parser)
    parser.add_argument(
        "--episodes",
        type=at_least(1),
        default=NUM_EPISODES,
        metavar="N",
        help=f"against each opponent in each game (default {NUM_EPISODES})",
    )
    add_seed(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Plays and prints, each match as soon as it is over."""
    from mirrormatch import games
    from mirrormatch.evals.arena import opponent_specs

    chosen = [games.get(name) for name in chosen_games(options.games)]
    results = list["MatchResult"]()
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


def _json(spec: str, results: list["MatchResult"]) -> str:
    from mirrormatch.evals.arena import GamesScores

    scores = GamesScores(spec=spec, matches=tuple(r.scores for r in results))
    return scores.model_dump_json(by_alias=True, indent=2)
