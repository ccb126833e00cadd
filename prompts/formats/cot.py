"""Zero-shot chain of thought: step by step in plain text, then the move in a line that begins with "Answer:"."""

from mirrormatch.games.types import Observation
from mirrormatch.prompts.formats._lines import LABEL, SteppedFormat, list_moves
from mirrormatch.prompts.prompt import Message


class ChainOfThought(SteppedFormat):
    """Rules in the system message; observation, request and "Let's think step by step." in the user message."""

    def question(self, text: str) -> tuple[Message, ...]:
        request = self._request("the solution alone")
        return Message("system", "Solve the problem."), Message("user", f"{text}\n{request}")

    def _system_text(self, rules: str, role: int) -> str:
        return rules

    def _user_text(self, observation: Observation, notice: str) -> str:
        lines = [observation.text]
        if notice:
            lines.append(f"Your last reply was no move: {notice}.")
        return "\n".join([*lines, self._request(list_moves(observation, self.settings.list_legal))])

    def _request(self, what: str) -> str:
        request = f'End with a line that holds "{LABEL}" and {what}.'
        return f"{request}\nLet's think step by step." if self.settings.thinking else request


PROMPT = ChainOfThought
