"""The agent that plays anything legal."""

from mirrormatch.agents.players._arguments import agent_factory
from mirrormatch.agents.types import Decision, Reply


class RandomAgent:
    """Plays every legal move with equal probability; a free text comes from the game's `sample`."""

    spec = "random"
    max_retries: int | None = 0

    async def act(self, decision: Decision) -> Reply:
        move = decision.game.sample(decision.view, decision.observation.legal, decision.rng())
        return Reply(answer=move, text=move)


AGENT = agent_factory(RandomAgent.spec, RandomAgent)
