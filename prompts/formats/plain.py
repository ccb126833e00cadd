"""A short plain instruction for small instruct models: the move alone, or on the last line."""

from mirrormatch.games.types import Observation, Problem, ProblemKind
from mirrormatch.prompts.formats._chat import ChatFormat
from mirrormatch.prompts.formats._replies import choose_answer, find_boxes, find_last_line
from mirrormatch.prompts.prompt import Message, Reading


class Plain(ChatFormat):
    """Rules in the system message; observation and request with the legal moves in the user message."""

    thinks = False

    def question(self, text: str) -> tuple[Message, ...]:
        return Message("system", "Solve the problem."), Message(
            "user", f"{text}\n{self._request('the solution alone')}"
        )

    def format_answer(self, move: str) -> str:
        return move

    def _system_text(self, rules: str) -> str:
        return rules

    def _user_text(self, observation: Observation, notice: str) -> str:
        lines = [observation.text]
        if notice:
            lines.append(f"Your last reply was no move: {notice}.")
        is_listed = self.settings.list_legal and observation.legal is not None
        what = f"one of: {', '.join(observation.legal or ())}" if is_listed else "your move alone"
        return "\n".join([*lines, self._request(what)])

    def _request(self, what: str) -> str:
        return (
            f"Think in <think></think>, then answer with {what}." if self.settings.thinking else f"Answer with {what}."
        )

    def _read_visible(self, thinking: str, visible: str, truncated: bool) -> Reading:
        if reading := choose_answer(thinking, find_boxes(visible)):
            return reading
        if truncated:  # the last line may be half a move
            return Reading(thinking, Problem(ProblemKind.TRUNCATED, "cut off before the end of the answer"))
        before, answer = find_last_line(visible)
        if not answer:
            return Reading(thinking, Problem(ProblemKind.NONE, "an empty reply"))
        return Reading("\n".join(filter(None, (thinking, before))), answer)


PROMPT = Plain
