r"""The machinery of formats that ask for reasoning in `<think>` tags and an answer in `\boxed{}`."""

from mirrormatch.games.types import Observation, Problem, ProblemKind
from mirrormatch.prompts.formats._chat import ChatFormat
from mirrormatch.prompts.formats._replies import choose_answer, find_boxes
from mirrormatch.prompts.prompt import Message, Reading

_THINK = "Think in <think></think>, then "


class BoxFormat(ChatFormat):
    r"""Rules in the system message; view, legal moves and the form of the answer in the user message."""

    def question(self, text: str) -> tuple[Message, ...]:
        return Message("system", f"Solve the problem.\n{self._answer_format('give the answer')}"), Message("user", text)

    def format_answer(self, move: str) -> str:
        return f"\\boxed{{{move}}}"

    def _system_text(self, rules: str, role: int) -> str:
        return f"{rules}\n{self._answer_format('give your move')}"

    def _answer_format(self, what: str) -> str:
        if self.settings.thinking:
            return f"{_THINK}{what} in \\boxed{{}}."
        return f"{what.capitalize()} in \\boxed{{}}."

    def _user_text(self, observation: Observation, notice: str) -> str:
        lines = [observation.text]
        if self.settings.list_legal and observation.legal is not None:
            lines.append(f"Legal moves: {', '.join(observation.legal)}.")
        if notice:
            lines.append(f"Your last reply was no move: {notice}.")
        return "\n".join(lines)

    def _read_visible(self, thinking: str, visible: str, truncated: bool) -> Reading:
        if reading := choose_answer(thinking, find_boxes(visible)):
            return reading
        if truncated:
            return Reading(thinking, Problem(ProblemKind.TRUNCATED, "cut off before an answer"))
        return Reading(thinking, Problem(ProblemKind.NONE, "no \\boxed{} answer"))
