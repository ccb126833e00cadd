"""`mirrormatch match`: agents against each other, seats swapped, deals paired."""

import asyncio
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirrormatch.commands.core.match_table import following, show, warn
from mirrormatch.commands.core.output import print_json
from mirrormatch.commands.core.parser import SPEC_HELP, Parser, add_json, add_seed, at_least
from mirrormatch.errors import UserError
from mirrormatch.games.core.game import Game

if TYPE_CHECKING:
    from mirrormatch.evals.core.arena import MatchResult

NUM_EPISODES = 200  # +-7 points on a win rate


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("game", metavar="GAME", help="what they play (mirrormatch list games)")
    parser.add_argument("specs", metavar="SPEC", nargs="+", help=f"two or more of {SPEC_HELP}")
    parser.add_argument(
        "--episodes",
        type=at_least(1),
        default=NUM_EPISODES,
        metavar="N",
        help=f"of each pair, rounded up so that every deal meets every seating (default {NUM_EPISODES})",
    )
    add_seed(parser)
    parser.add_argument("--save", type=Path, metavar="FILE", help="append the episodes to a JSONL file")
    add_json(parser)


def run(options: Namespace) -> int:
    """Plays and prints."""
    from mirrormatch import games

    result = played(games.get(options.game), options.specs, options.episodes, options.seed)
    if options.save is not None:
        _save(options.save, result)
    warn(result)
    if options.json:
        print_json(result.scores.model_dump_json(by_alias=True, indent=2))
    else:
        show(result)
    return 0


def played(game: Game[Any, Any], specs: list[str], episodes: int, seed: int) -> "MatchResult":
    """The finished match, with a progress bar on the way.

    Raises:
        UserError: an agent can't be used or won't go on.
    """
    from mirrormatch import agents
    from mirrormatch.evals.core.arena import run_match

    players = {spec: agents.get(spec) for spec in dict.fromkeys(specs)}
    somebody_types = any(p.patience is None for p in players.values())  # beside whom nothing may move
    title = f"{game.info.name}: {', '.join(specs)}"
    try:
        with nullcontext(None) if somebody_types else following(title) as progress:
            return asyncio.run(run_match(game, [players[s] for s in specs], episodes, seed, progress))
    except EOFError:
        raise UserError("the person at the keyboard left, so there is no result") from None


def _save(path: Path, result: "MatchResult") -> None:
    from mirrormatch.agents.core.episodes import append

    for entry in result.played:
        append(path, entry.episode)
