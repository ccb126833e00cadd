"""Reads replies: separates the reasoning from the rest and finds the delimited answers. It never guesses."""

import re
from collections.abc import Iterator

from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.prompts.prompt import Reading

_OPEN, _CLOSE = "<think>", "</think>"
_BOX = "\\boxed{"
_LABEL = re.compile(  # "Answer:", "**My move:**", "The final answer is"
    r"[\s*_#>]*(?:(?:my|the|your)\s+)?(?:final\s+|next\s+)?(?:answer|move|choice|action)[*_]*\s*(?::|is\b:?)[*_]*\s*",
    re.IGNORECASE,
)


def split_thinking(reply: str) -> tuple[str, str]:
    """Separates the reasoning from the visible rest. After reasoning that is never closed nothing is visible."""
    finished, _, after = reply.rpartition(_CLOSE)
    visible, opened, unfinished = after.partition(_OPEN)
    thinking = (finished + unfinished).replace(_OPEN, "").replace(_CLOSE, "").strip()
    return thinking, "" if opened else visible


def choose_answer(thinking: str, found: Iterator[str]) -> Reading | None:
    """The reading of the delimited answers; None without any. Two different answers are ambiguous."""
    answers = {" ".join(a.split()) for a in found}
    if len(answers) == 1:
        return Reading(thinking, answers.pop())
    if answers:
        return Reading(thinking, Problem(ProblemKind.AMBIGUOUS, f"{len(answers)} different answers"))
    return None


def find_boxes(text: str) -> Iterator[str]:
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


def find_last_line(text: str) -> tuple[str, str]:
    """Splits the text before its last line that isn't blank; the line comes without a label like "Answer:"."""
    before, _, line = text.strip().rpartition("\n")
    return before.strip(), strip_label(line)


def strip_label(line: str) -> str:
    """Removes a label like "Answer:" or "My move is" from the beginning of a line."""
    label = _LABEL.match(line)
    return " ".join(line[label.end() if label else 0 :].split())
