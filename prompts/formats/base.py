"""A dialogue for models without a chat template: its system text describes what the assistant writes."""

from mirrormatch.games.types import Observation
from mirrormatch.prompts.formats._lines import LABEL, SteppedFormat
from mirrormatch.prompts.prompt import Message


class Base(SteppedFormat):
    """Rules and a description of the dialogue first; then observations of the user and moves of the assistant.

    A model that was never taught to follow instructions continues a text, and this text shows what comes next. With
    `thinking` the assistant reasons as in `cot`.
    """

    thinks = False

    def question(self, text: str) -> tuple[Message, ...]:
        system = f"The user poses a problem, and {self._describe_reply('the solution')}"
        return Message("system", system), Message("user", text)

    def format_answer(self, move: str) -> str:
        return super().format_answer(move) if self.settings.thinking else move

    def _system_text(self, rules: str, role: int) -> str:
        return f"{rules}\nThe user describes the game, and {self._describe_reply('one move')}"

    def _describe_reply(self, what: str) -> str:
        if self.settings.thinking:
            return f'the assistant thinks step by step and ends with a line that holds "{LABEL}" and {what}.'
        return f"the assistant answers with {what} and nothing else."

    def _user_text(self, observation: Observation, notice: str) -> str:
        lines = [observation.text]
        if self.settings.list_legal and observation.legal is not None:
            lines.append(f"Legal moves: {', '.join(observation.legal)}.")
        if notice:
            lines.append(f"The last reply was no move: {notice}.")
        return "\n".join(lines)


PROMPT = Base
