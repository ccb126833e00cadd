"""A few games before a run: whether the model makes moves at all, and how long its replies and prompts are.

A model whose replies are no moves loses every game alike, so there is nothing to learn from. What to change is known
here; whether the run begins all the same is its user's choice.
"""

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import NamedTuple

from mirrormatch import games, prompts
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.seeds import derive
from mirrormatch.text import one_line
from mirrormatch.training.config import RunConfig

NUM_GAMES = 20
ENOUGH = 0.5  # share of moves among the replies below which there is a warning
_REPLY_CHARS = 60


class Preflight(NamedTuple):
    """The games played before a run.

    Attributes:
        episodes: the games, with their tokens.
        seconds: duration of all of them.
    """

    episodes: Sequence[Episode]
    seconds: float

    @property
    def replies(self) -> list[Turn]:
        """Every reply of a model."""
        return [turn for episode in self.episodes for turn in episode.turns if turn.completion is not None]

    @property
    def num_moves(self) -> int:
        """The number of replies that are moves."""
        return sum(turn.problem is None for turn in self.replies)

    def warning(self) -> str:
        """The line about a model that hardly makes a move, with what helps; empty for any other model."""
        replies = self.replies
        if self.num_moves >= ENOUGH * len(replies):
            return ""
        wrong = [(turn, turn.problem.kind) for turn in replies if turn.problem is not None]
        ((kind, _),) = Counter(kind for _, kind in wrong).most_common(1)
        example = one_line(next(turn.reply for turn, k in wrong if k is kind), _REPLY_CHARS)
        num_cut = sum(turn.completion is not None and turn.completion.finish == "length" for turn, _ in wrong)
        longer = f"a larger play.max_tokens ({num_cut} were cut off), " if num_cut else ""
        return (
            f"{self.num_moves} of {len(replies)} replies were moves; most others are {kind.value}, like {example!r}. "
            f"What helps: {longer}prompt.examples = 4 (moves of other games), prompt.format = 'plain' "
            "(the move alone), or a larger model"
        )


def play_preflight(
    config: RunConfig, engine: Engine, adapter: str | None = None, num_games: int = NUM_GAMES
) -> Preflight:
    """Plays a few games of a run with its model in all seats, prompted and sampled as in the run.

    Args:
        config: the run's settings.
        engine: the inference engine.
        adapter: the loaded adapter that the run starts from.
        num_games: number of games.
    """
    settings = config.play
    agent = LLMAgent(
        spec=config.model,
        engine=engine,
        prompt=prompts.get(config.prompt.format, config.prompt.settings),
        sampling=Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature),
        adapter=adapter,
        max_retries=settings.patience,
    )

    def play_one(k: int) -> Awaitable[Episode]:
        game = games.get(settings.games[k % len(settings.games)])
        return play(game, [agent] * len(game.info.roles), derive(config.seed, "preflight", k))

    began = time.perf_counter()
    episodes = asyncio.run(run_all(functools.partial(play_one, k) for k in range(num_games)))
    return Preflight(episodes, time.perf_counter() - began)
