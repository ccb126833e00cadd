"""The agent that plays a game's own solution."""

from typing import Any

from mirrormatch.agents.players._arguments import agent_factory
from mirrormatch.agents.types import Decision, Reply
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game


class OptimalAgent:
    """Samples a move from the game's `solution`.

    The game declares its quality in `info.solver`: `"exact"` is an equilibrium or minimax, unbeatable on average in a
    zero-sum game (tictactoe, Kuhn poker); `"rules"` is a sensible player by rules of thumb, which can be beaten (the
    negotiation). `mirrormatch list games` shows it.
    """

    spec = "optimal"
    max_retries: int | None = 0

    def check(self, game: Game[Any, Any]) -> None:
        """Raises `UserError` if the game has no solution."""
        if game.info.solver is None:
            name = game.info.name
            raise UserError(f"agent 'optimal' can't play {name!r}: the game has no solver (mirrormatch list games)")

    async def act(self, decision: Decision) -> Reply:
        """Replies with a move drawn from the solution."""
        moves, probabilities = zip(*decision.game.solution(decision.view), strict=True)
        move = decision.rng().choices(moves, probabilities)[0]
        return Reply(answer=move, text=move)


AGENT = agent_factory(OptimalAgent.spec, OptimalAgent)
