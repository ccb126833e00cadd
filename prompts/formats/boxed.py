r"""The default prompt: reasoning in `<think>` tags, the answer in `\boxed{}`."""

import re
from collections.abc import Iterator, Sequence

from mirrormatch.games.types import Observation, Problem, ProblemKind
from mirrormatch.prompts.prompt import Exchange, Message, Prompt, Reading

MAX_REPLY_CHARS = 50_000  # longer replies are rejected unparsed
_OPEN, _CLOSE = "<think>", "</think>"
_BOX = "\\boxed{"
_THINK = "Think in <think></think>, then "
_UNPAIRED = re.compile("[\ufffd\ud800-\udfff]")  # left by decoders in place of bytes that aren't text


class Boxed(Prompt):
    r"""Rules in the system message; view, legal moves and the form of the answer in the user message."""

    def turn(
        self, rules: str, past: Sequence[Exchange], observation: Observation, notice: str = ""
    ) -> tuple[Message, ...]:
        messages = [Message("system", f"{rules}\n{self._answer_format('give your move')}")]
        for exchange in self._select_history(past):
            messages.append(Message("user", self._user_text(exchange.observation, "")))
            messages.append(self._own_message(exchange))
        messages.append(Message("user", self._user_text(observation, notice)))
        return tuple(messages)

    def question(self, text: str) -> tuple[Message, ...]:
        return Message("system", f"Solve the problem.\n{self._answer_format('give the answer')}"), Message("user", text)

    def read(self, reply: str, truncated: bool) -> Reading:
        if len(reply) > MAX_REPLY_CHARS:
            return Reading(
                "", Problem(ProblemKind.TOO_LONG, f"{len(reply)} characters, at most {MAX_REPLY_CHARS} are read")
            )
        thinking, visible = _split(reply)
        if _UNPAIRED.search(reply):
            return Reading(thinking, Problem(ProblemKind.GARBLED, "not valid text"))
        answers = {" ".join(a.split()) for a in _find_boxes(visible)}
        if len(answers) == 1:
            return Reading(thinking, answers.pop())
        if answers:
            return Reading(thinking, Problem(ProblemKind.AMBIGUOUS, f"{len(answers)} different answers"))
        if truncated:
            return Reading(thinking, Problem(ProblemKind.TRUNCATED, "cut off before an answer"))
        return Reading(thinking, Problem(ProblemKind.NONE, "no \\boxed{} answer"))

    def format_answer(self, move: str) -> str:
        return f"{_BOX}{move}}}"

    def format_thinking(self, thinking: str) -> str:
        return f"{_OPEN}{thinking}{_CLOSE}" if self.settings.thinking else ""

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

    def _select_history(self, past: Sequence[Exchange]) -> Sequence[Exchange]:
        num_kept = {"state": 0, "bounded": self.settings.history_turns, "full": len(past)}[self.settings.history]
        return past[len(past) - min(num_kept, len(past)) :]

    def _own_message(self, exchange: Exchange) -> Message:
        if self.settings.keep_thoughts:
            return Message("assistant", exchange.reply, exchange.token_ids)
        return Message("assistant", _split(exchange.reply)[1].strip())


def _split(reply: str) -> tuple[str, str]:
    """Separates the reasoning from the visible rest. After reasoning that is never closed nothing is visible."""
    finished, _, after = reply.rpartition(_CLOSE)
    visible, opened, unfinished = after.partition(_OPEN)
    thinking = (finished + unfinished).replace(_OPEN, "").replace(_CLOSE, "").strip()
    return thinking, "" if opened else visible


def _find_boxes(text: str) -> Iterator[str]:
    r"""Yields the content of every closed `\boxed{...}`, braces balanced."""
    start = text.find(_BOX)
    while start >= 0:
        depth, k = 1, start + len(_BOX)
        while k < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[k], 0)
            k += 1
        if not depth:
            yield text[start + len(_BOX) : k - 1]
        start = text.find(_BOX, k)


PROMPT = Boxed
