"""The agent that plays a game's own solution."""

from mirrormatch.agents.core.factory import without_argument
from mirrormatch.agents.core.records import Decision, Reply
from mirrormatch.errors import UserError


class OptimalAgent:
    """Samples a move from the game's `solution`.

    How good that is, the game declares in `info.solver`: `"exact"` is an equilibrium or minimax, so nobody beats it on
    average in a zero-sum game (tictactoe, Kuhn poker); `"rules"` is a sensible player by rules of thumb, which can be
    beaten (the negotiation). `mirrormatch list games` shows which.
    """

    spec = "optimal"
    patience: int | None = 0

    async def act(self, decision: Decision) -> Reply:
        """A move from the solution.

        Raises:
            UserError: the game has no solution.
        """
        info = decision.game.info
        if info.solver is None:
            raise UserError(
                f"agent 'optimal' can't play {info.name!r}: the game has no solver (mirrormatch list games)"
            )
        moves, probabilities = zip(*decision.game.solution(decision.view), strict=True)
        move = decision.rng().choices(moves, probabilities)[0]
        return Reply(answer=move, text=move)


AGENT = without_argument(OptimalAgent.spec, OptimalAgent)
