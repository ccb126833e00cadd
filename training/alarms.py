"""Notices a collapsing run from its metrics: thinking that shrinks, replies that repeat, play that freezes or breaks.

The figures that self-play has been seen to die by: reasoning falling from thousands of characters to none, "!!!!!"
without end, one answer whatever the question.
"""

from collections.abc import Mapping
from statistics import fmean

from mirrormatch.training.config import AlarmSettings

NUM_FIRST = 5  # steps that say what is normal for a run
NUM_LASTING = 5  # steps in a row after which an alarm counts as lasting


class Alarms:
    """Watches one run, step by step."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._settings = settings
        self._first_lengths: list[float] = []
        self._in_a_row: dict[str, int] = {}

    def check(self, metrics: Mapping[str, float]) -> list[str]:
        """The names of the alarms that are ringing after this step."""
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

    def lasting(self) -> str | None:
        """The name of an alarm that has lasted long enough to end the run, where the settings ask for that."""
        named = [name for name, steps in self._in_a_row.items() if steps >= NUM_LASTING]
        return named[0] if named and self._settings.stop else None
