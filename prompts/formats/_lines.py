"""The machinery of formats whose answer is a line of its own: the last one, or one after "Answer:"."""

from abc import abstractmethod
from typing import Final

from mirrormatch.games.types import Observation, Problem, ProblemKind
from mirrormatch.prompts.formats._chat import ChatFormat
from mirrormatch.prompts.formats._replies import choose_answer, find_boxes, find_labelled, find_last_line
from mirrormatch.prompts.prompt import Message, Reading

LABEL: Final = "Answer:"


class LineFormat(ChatFormat):
    """Reads a box, the answer behind the label "Answer:", or else the last line."""

    def _own_text(self, reply: str) -> str:
        answer = self.read(reply, truncated=False).answer
        return self.format_answer(answer) if isinstance(answer, str) else super()._own_text(reply)

    def _read_visible(self, thinking: str, visible: str, truncated: bool) -> Reading:
        whole = visible.rpartition("\n")[0] if truncated else visible  # the last line may be half a move
        before, labelled = find_labelled(whole)
        reading = choose_answer(thinking, find_boxes(visible)) or choose_answer(_join(thinking, before), labelled)
        if reading is not None:
            return reading
        if truncated:
            return Reading(thinking, Problem(ProblemKind.TRUNCATED, "cut off before the end of the answer"))
        before, answer = find_last_line(visible)
        if not answer:
            return Reading(thinking, Problem(ProblemKind.NONE, "an empty reply"))
        return Reading(_join(thinking, before), answer)


class RequestFormat(LineFormat):
    """Rules in the system message; the observation and the request of a move in the user message."""

    def question(self, text: str) -> tuple[Message, ...]:
        request = self._request("the solution alone")
        return Message("system", "Solve the problem."), Message("user", f"{text}\n{request}")

    def _system_text(self, rules: str, role: int) -> str:
        return rules

    def _user_text(self, observation: Observation, notice: str) -> str:
        lines = [observation.text]
        if notice:
            lines.append(f"Your last reply was no move: {notice}.")
        return "\n".join([*lines, self._request(_list_moves(observation, self.settings.list_legal))])

    @abstractmethod
    def _request(self, what: str) -> str:
        """The request of an answer; `what` names its form, for example "one of: bet, check"."""


class SteppedFormat(LineFormat):
    """Reasoning without tags: it ends where the line of the answer begins."""

    def format_answer(self, move: str) -> str:
        return f" {move}" if self.settings.thinking else f"{LABEL} {move}"

    def format_thinking(self, thinking: str) -> str:
        return f"{thinking}\n{LABEL}" if self.settings.thinking else ""

    def _without_reasoning(self, visible: str) -> str:
        reasoning, labelled = find_labelled(visible)
        return "\n".join(labelled) if self.settings.thinking and reasoning and labelled else visible


def _list_moves(observation: Observation, is_listed: bool) -> str:
    """The legal moves as the object of a request: "one of: bet, check"; without a list "your move alone"."""
    if not is_listed or observation.legal is None:
        return "your move alone"
    return f"one of: {', '.join(observation.legal)}"


def _join(*parts: str) -> str:
    return "\n".join(filter(None, parts))
