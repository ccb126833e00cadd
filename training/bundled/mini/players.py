"""Agents that play the corpus: a thinker in a seat, and a rival who chatters."""

from collections.abc import Sequence

from mirrormatch.agents.types import Decision, Reply
from mirrormatch.training.bundled.mini.chatter import KINDS, disturb_move
from mirrormatch.training.bundled.mini.thought import Sight, Thinker


class ThinkingPlayer:
    """A thinker of some skill as an agent. Its reply is the bare move; a prompt formats it when it becomes text.

    Args:
        thinker: the player of this game.
        skill: the probability of a sound move.
    """

    spec = "thinker"
    max_retries: int | None = 0

    def __init__(self, thinker: Thinker, skill: float) -> None:
        self._thinker = thinker
        self._skill = skill

    async def act(self, decision: Decision) -> Reply:
        seen = decision.observation
        sight = Sight(decision.game, decision.view, seen.role, seen.legal, self._skill, decision.rng())
        thought = self._thinker(sight)
        return Reply(answer=thought.move, text=thought.move, thinking=thought.text)


class HostilePlayer(ThinkingPlayer):
    """A thinker whose words are hostile chatter where a move has a place for words. Its replies are not learned.

    Args:
        thinker: the player of this game.
        skill: the probability of a sound move.
        kinds: the kinds of chatter.
    """

    spec = "hostile"
    max_retries: int | None = 1  # chatter is no move in some states: then the plain move follows

    def __init__(self, thinker: Thinker, skill: float, kinds: Sequence[str] = tuple(KINDS)) -> None:
        super().__init__(thinker, skill)
        self._kinds = kinds

    async def act(self, decision: Decision) -> Reply:
        reply = await super().act(decision)
        if decision.problem is not None or decision.observation.legal is not None:
            return reply
        spoken = disturb_move(decision.game.info.name, reply.text, decision.rng(), self._kinds)
        return Reply(answer=spoken, text=spoken)
