"""The machinery that formats share: a system message, a history of turns, and the checks before a reply is read."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Final

from mirrormatch.games.types import Observation, Problem, ProblemKind
from mirrormatch.prompts.formats._replies import split_thinking
from mirrormatch.prompts.prompt import Exchange, Message, Prompt, Reading

MAX_REPLY_CHARS: Final = 50_000  # longer replies are rejected unparsed
_REPLACED = "\ufffd"  # left by decoders in place of bytes that aren't text
_UNPAIRED = re.compile(f"[{_REPLACED}\ud800-\udfff]")
_OPEN, _CLOSE = "<think>", "</think>"


class ChatFormat(Prompt):
    """The rules in the system message, each observation in a user message, and reasoning in `<think>` tags."""

    def turn(
        self, rules: str, past: Sequence[Exchange], observation: Observation, notice: str = ""
    ) -> tuple[Message, ...]:
        messages = [Message("system", self._system_text(rules, observation.role))]
        for exchange in self._select_history(past):
            messages.append(Message("user", self._user_text(exchange.observation, "")))
            messages.append(self._own_message(exchange))
        messages.append(Message("user", self._user_text(observation, notice)))
        return tuple(messages)

    def read(self, reply: str, truncated: bool) -> Reading:
        if len(reply) > MAX_REPLY_CHARS:
            return Reading(
                "", Problem(ProblemKind.TOO_LONG, f"{len(reply)} characters, at most {MAX_REPLY_CHARS} are read")
            )
        whole = reply.rstrip(_REPLACED) if truncated else reply  # the budget may end within a character
        thinking, visible = split_thinking(whole)
        if _UNPAIRED.search(self._without_reasoning(visible)):
            return Reading(thinking, Problem(ProblemKind.GARBLED, "not valid text"))
        return self._read_visible(thinking, visible, truncated)

    def format_thinking(self, thinking: str) -> str:
        return f"{_OPEN}{thinking}{_CLOSE}" if self.settings.thinking else ""

    @abstractmethod
    def _system_text(self, rules: str, role: int) -> str:
        """The text of the system message for a seat."""

    @abstractmethod
    def _user_text(self, observation: Observation, notice: str) -> str:
        """The text of a user message; `notice` is the error in the last reply, if the move is requested again."""

    @abstractmethod
    def _read_visible(self, thinking: str, visible: str, truncated: bool) -> Reading:
        """Finds the answer in the text outside of the reasoning tags."""

    def _without_reasoning(self, visible: str) -> str:
        """The text outside of the reasoning tags without reasoning that has no tags."""
        return visible

    def _select_history(self, past: Sequence[Exchange]) -> Sequence[Exchange]:
        num_kept = {"state": 0, "bounded": self.settings.history_turns, "full": len(past)}[self.settings.history]
        return past[len(past) - min(num_kept, len(past)) :]

    def _own_message(self, exchange: Exchange) -> Message:
        if self.settings.keep_thoughts:
            return Message("assistant", exchange.reply, exchange.token_ids)
        return Message("assistant", self._own_text(exchange.reply))

    def _own_text(self, reply: str) -> str:
        """An earlier reply without its reasoning."""
        return split_thinking(reply)[1].strip()
