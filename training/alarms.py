"""Detects a collapsing run from its metrics: shrinking replies, repetition, frozen or illegal play.

Known collapses of self-play: reasoning that falls from thousands of characters to none, "!!!!!" without end, the same
answer to every question.
"""

from collections.abc import Mapping
from statistics import fmean

from mirrormatch.training.config import AlarmSettings

NUM_FIRST = 5  # steps that set a run's normal reply length
NUM_LASTING = 5  # steps in a row after which an alarm counts as lasting


class Alarms:
    """The alarms of one run, checked step by step."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._settings = settings
        self._first_lengths: list[float] = []
        self._in_a_row: dict[str, int] = {}

    def check(self, metrics: Mapping[str, float]) -> list[str]:
        """Returns the names of the alarms that ring after this step."""
        if "reply_tokens" not in metrics:
            return []  # no learner replied in this step
        length = metrics["reply_tokens"]
        if len(self._first_lengths) < NUM_FIRST:
            self._first_lengths.append(length)
        ringing = {
            "shrinking": length < self._settings.shrink * fmean(self._first_lengths),
            "illegal": metrics["illegal"] + metrics["truncated"] > self._settings.illegal,
            "repeating": metrics["repeated"] > self._settings.repeated,
            "frozen": metrics.get("entropy", 1.0) < self._settings.entropy,
        }
        self._in_a_row = {name: self._in_a_row.get(name, 0) + 1 if rings else 0 for name, rings in ringing.items()}
        return [name for name, rings in ringing.items() if rings]

    def lasting_alarm(self) -> str | None:
        """The name of an alarm that has rung for `NUM_LASTING` steps, if `stop` is set; it ends the run."""
        named = [name for name, steps in self._in_a_row.items() if steps >= NUM_LASTING]
        return named[0] if named and self._settings.stop else None
