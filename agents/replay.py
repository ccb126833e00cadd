"""The states that an episode went through, rebuilt from its record."""

from collections.abc import Iterator
from typing import Any

from mirrormatch.agents.types import Episode
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER


def states(game: Game[Any, Any], episode: Episode) -> Iterator[Any]:
    """Every state from the start to the last, chance nodes included.

    Raises:
        UserError: the record doesn't fit the rules, for example because they have changed since.
    """
    if (episode.game, episode.version) != (game.info.name, game.info.version):
        raise UserError(
            f"an episode of {episode.game} version {episode.version} "
            f"can't be replayed by {game.info.name} version {game.info.version}"
        )
    deal = iter(episode.deal)
    moves = (t.action for t in episode.turns if t.action is not None)
    state = game.start()
    yield state
    while (role := game.to_act(state)) != OVER:
        action = next(deal if role == CHANCE else moves, None)
        if action is None:
            return
        try:
            state = game.apply(state, action)
        except ValueError as problem:
            raise UserError(f"the record doesn't fit the rules of {game.info.name}: {problem}") from problem
        yield state
