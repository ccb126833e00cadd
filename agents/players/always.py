"""The agent that always makes the same move: the simplest opponent that can be exploited."""

from mirrormatch.agents.types import Decision, Reply
from mirrormatch.errors import UserError

_EXAMPLE = "always:bet/call"


class AlwaysAgent:
    """`always:bet/call` makes the first of these moves that is legal, and the first legal move where none is.

    Its best response is easy to find and to compute, so a learner against it shows what it is able to learn.
    """

    max_retries: int | None = 0

    def __init__(self, argument: str = "") -> None:
        self.spec = f"always:{argument}"
        self._moves = [move.strip() for move in argument.split("/") if move.strip()]
        if not self._moves:
            raise UserError(f"agent 'always' needs its moves, in the order of preference: {_EXAMPLE}")

    async def act(self, decision: Decision) -> Reply:
        """Replies with the preferred legal move; in games of free text, with the first of its moves."""
        legal = decision.observation.legal
        move = self._moves[0] if legal is None else next((m for m in self._moves if m in legal), legal[0])
        return Reply(answer=move, text=move)


AGENT = AlwaysAgent
