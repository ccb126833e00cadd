"""Reads replies: separates the reasoning from the rest and finds the delimited answers. It never guesses.

Models mark their reasoning in different ways: `<think>` (DeepSeek, Qwen), `[THINK]` (Magistral), `<thought>`,
`<reasoning>`, and channels (gpt-oss). All of them are read alike, whatever the prompt asked for.
"""

import re
from collections.abc import Iterable, Iterator

from mirrormatch.games.types import Problem, ProblemKind
from mirrormatch.prompts.prompt import Reading
from mirrormatch.text import strip_latex

MAX_SPELLINGS = 8  # of different answers in one reply; more of them are no spellings of one answer
_OPEN, _CLOSE = "<think>", "</think>"
_TAG = "think|thinking|thought|thoughts|reasoning|seed:think"
_HEADER = r"[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"  # the rest of a channel's header, in gpt-oss
_CLOSING = re.compile(
    rf"</(?:{_TAG})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>"
    rf"|(?:<\|start\|>assistant)?<\|channel\|>final{_HEADER}|<\|start\|>assistant<\|message\|>",
    re.IGNORECASE,
)
_OPENING = re.compile(
    rf"<(?:{_TAG})>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>"
    rf"|(?:<\|start\|>assistant)?<\|channel\|>(?:(?!final){_HEADER})?",
    re.IGNORECASE,
)
_MESSAGE_END = re.compile(r"<\|(?:end|return|call)\|>")  # of a channel's message, in gpt-oss
_BARE_CHANNEL = re.compile(r"\s*analysis(?=[A-Z])")  # gpt-oss behind a server that removes special tokens
_BARE_FINAL = "assistantfinal"
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_LABEL = re.compile(  # of the last line: "Answer:", "**Move:**", "The final answer is"
    r"[\s*_#>]*(?:(?:my|the|your)\s+)?(?:final\s+|next\s+)?(?:answer|move|choice|action)s?[*_]*\s*(?::|is\b:?)[*_]*\s*",
    re.IGNORECASE,
)
# Of any line; "Moves: none." may be quoted from the observation. A match begins on its own line: if it could begin on a
# blank line before, a reply of many line breaks would take time that grows with the square of their number.
_LABELLED = re.compile(
    r"^(?:[^\S\n]|[*_#>])*(?:(?:(?:my|the)\s+)?(?:final\s+)?answer|(?:my|final)\s+(?:move|choice|action))"
    r"[*_]*\s*:[*_]*\s*(\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER_TAG = re.compile(r"</?answer>", re.IGNORECASE)


def split_thinking(reply: str) -> tuple[str, str]:
    """Separates the reasoning from the visible rest. After reasoning that is never closed nothing is visible."""
    finished, _, after = _unify_tags(reply).rpartition(_CLOSE)
    visible, opened, unfinished = after.partition(_OPEN)
    thinking = (finished + unfinished).replace(_OPEN, "").replace(_CLOSE, "").strip()
    return thinking, "" if opened else visible


def _unify_tags(reply: str) -> str:
    """Replaces every mark of reasoning by `<think>` or `</think>`."""
    if _BARE_CHANNEL.match(reply):
        return _OPEN + _BARE_CHANNEL.sub("", reply, count=1).replace(_BARE_FINAL, _CLOSE)
    tagged = _OPENING.sub(_OPEN, _CLOSING.sub(_CLOSE, reply))
    if "<|channel|>" not in reply:
        return tagged
    before, closed, message = tagged.rpartition(_CLOSE)
    thinking = _MESSAGE_END.sub("\n", before)
    return thinking + closed + (_MESSAGE_END.split(message)[0] if closed else message)


def choose_answer(thinking: str, found: Iterable[str]) -> Reading | None:
    """The reading of the delimited answers; None without any.

    Empty answers beside others don't count. Of different ones the reading keeps the spellings.
    """
    answers = {" ".join(strip_latex(a).split()): None for a in found}
    spellings = tuple(filter(None, answers)) or tuple(answers)
    if not spellings:
        return None
    if len(spellings) == 1:
        return Reading(thinking, spellings[0])
    problem = Problem(ProblemKind.AMBIGUOUS, f"{len(spellings)} different answers")
    return Reading(thinking, problem, spellings if len(spellings) <= MAX_SPELLINGS else ())


def find_boxes(text: str) -> Iterator[str]:
    r"""Yields the content of every closed `\boxed{...}` or `\fbox{...}`, braces balanced."""
    opening = _BOX.search(text)
    while opening:
        depth, k = 1, opening.end()
        while k < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[k], 0)
            k += 1
        if not depth:
            yield text[opening.end() : k - 1]
        opening = _BOX.search(text, k)


def find_labelled(text: str) -> tuple[str, list[str]]:
    """The text before the first line with a label like "Answer:", and the rest of each such line."""
    lines = list(_LABELLED.finditer(_ANSWER_TAG.sub("", text)))
    return (text[: lines[0].start()].strip() if lines else ""), [line[1] for line in lines]


def find_last_line(text: str) -> tuple[str, str]:
    """Splits the text before its last line that isn't blank; the line comes without a label like "Answer:"."""
    before, _, line = _ANSWER_TAG.sub("", text).strip().rpartition("\n")
    return before.strip(), strip_label(line)


def strip_label(line: str) -> str:
    """Removes a label like "Answer:" or "My move is" from the beginning of a line."""
    label = _LABEL.match(line)
    return " ".join(line[label.end() if label else 0 :].split())
