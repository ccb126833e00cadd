"""A short plain instruction for small instruct models: the move alone, or on the last line."""

from mirrormatch.games.types import Observation
from mirrormatch.prompts.formats._lines import LineFormat, list_moves
from mirrormatch.prompts.prompt import Message


class Plain(LineFormat):
    """Rules in the system message; observation and request with the legal moves in the user message."""

    thinks = False

    def question(self, text: str) -> tuple[Message, ...]:
        request = self._request("the solution alone")
        return Message("system", "Solve the problem."), Message("user", f"{text}\n{request}")

    def format_answer(self, move: str) -> str:
        return move

    def _system_text(self, rules: str, role: int) -> str:
        return rules

    def _user_text(self, observation: Observation, notice: str) -> str:
        lines = [observation.text]
        if notice:
            lines.append(f"Your last reply was no move: {notice}.")
        return "\n".join([*lines, self._request(list_moves(observation, self.settings.list_legal))])

    def _request(self, what: str) -> str:
        return (
            f"Think in <think></think>, then answer with {what}." if self.settings.thinking else f"Answer with {what}."
        )


PROMPT = Plain
