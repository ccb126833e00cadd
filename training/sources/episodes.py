"""Episodes of files: imitation of games that were played before, by any player."""

import random
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mirrormatch import games
from mirrormatch.agents.episodes import read_episodes
from mirrormatch.agents.imitation import encode_turn
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.types import Episode
from mirrormatch.errors import UserError
from mirrormatch.games.types import Outcome
from mirrormatch.prompts.prompt import Exchange
from mirrormatch.seeds import derive
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.source import Context, Experience
from mirrormatch.training.types import MAIN, NoState, Step, Trajectory

_KEPT: dict[str, tuple[Outcome, ...]] = {
    "all": ("win", "draw", "loss"),
    "not_losses": ("win", "draw"),
    "wins": ("win",),
}


class EpisodesSettings(PluginSettings):
    """The settings of `episodes`."""

    files: Annotated[
        tuple[str, ...], Field(min_length=1, description="files of episodes, as `match --save` and runs write them")
    ]
    keep: Annotated[
        Literal["all", "not_losses", "wins"],
        Field(description="seats to imitate, by their outcome; 'wins' is filtered behaviour cloning"),
    ] = "wins"


class Episodes(NoState):
    """Each step takes `play.episodes` episodes of the files; every pass over them has an order of its own.

    The replies are written again in this run's prompt format, reasoning included, and encoded by the model's own
    template, so games of any player can be imitated. Replies that were no moves are left out. The log-probs of these
    replies are unknown, so `nll` is the objective for them.
    """

    Settings = EpisodesSettings
    needs = frozenset({"no_ratio"})

    def __init__(self, settings: EpisodesSettings, context: Context) -> None:
        self._settings = settings
        self._context = context

    async def take(self, step: int) -> Experience:
        agent = self._context.roster.policy(MAIN)
        chosen = [self._episodes[k] for k in self._choose(step)]
        found = [t for number, episode in enumerate(chosen) for t in self._imitate(agent, episode, number, step)]
        return Experience(chosen, found)

    @cached_property
    def _episodes(self) -> Sequence[Episode]:
        """The episodes of this run's games.

        Raises:
            UserError: a file can't be read, or no episode is of these games.
        """
        found = [e for file in self._settings.files for e in read_episodes(Path(file))]
        kept = [e for e in found if e.game in self._context.games and e.version == games.get(e.game).info.version]
        if not kept:
            names = ", ".join(self._context.games)
            raise UserError(f"source episodes: none of the {len(found)} episodes is of {names} in its present version")
        return kept

    def _choose(self, step: int) -> Iterator[int]:
        """Yields the positions of a step's episodes."""
        total, size = len(self._episodes), self._context.episodes
        for number in range(step * size, (step + 1) * size):
            order = list(range(total))
            random.Random(derive(self._context.seed, "episodes", number // total)).shuffle(order)
            yield order[number % total]

    def _imitate(self, agent: LLMAgent, episode: Episode, number: int, step: int) -> Iterator[Trajectory]:
        """Yields a trajectory for each seat that is kept."""
        for role, outcome in enumerate(episode.outcome):
            steps = _encode_role(agent, episode, role) if outcome in _KEPT[self._settings.keep] else ()
            if steps:
                yield Trajectory(
                    episode=number,
                    game=episode.game,
                    role=role,
                    part=episode.parts[role] if episode.parts else games.get(episode.game).info.roles[role],
                    player=MAIN,
                    learner=MAIN,
                    opponents=tuple(seat for k, seat in enumerate(episode.seats) if k != role),
                    deal=episode.seed,
                    sample=episode.sample,
                    born=step,
                    outcome=outcome,
                    forfeit=None,
                    steps=(*steps[:-1], steps[-1]._replace(earned=episode.returns[role])),
                )


def _encode_role(agent: LLMAgent, episode: Episode, role: int) -> tuple[Step, ...]:
    """The moves of one role in the agent's tokens; earlier ones are shown as they were encoded."""
    past, steps = list[Exchange](), list[Step]()
    for turn in episode.turns:
        if turn.role != role or turn.action is None:
            continue
        reply = agent.prompt.format_reply(turn.thinking, turn.action)
        encoded = encode_turn(agent, games.get(episode.game), past, turn.observation, reply)
        unknown = (0.0,) * len(encoded.ids)
        steps.append(Step(encoded.prompt_ids, encoded.ids, unknown, view_key=turn.view_key or 0))
        past.append(Exchange(turn.observation, reply, encoded.ids))
    return tuple(steps)


SOURCE = Episodes
