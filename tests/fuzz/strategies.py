"""Hostile input for the fuzz tests: texts of known pieces, long repetitions, and damaged copies of valid files."""

import json
import math
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

SPELLED = (
    "\\boxed{", "}", "{", "[", "]", "(", ")", "<think>", "</think>", "<answer>", "</answer>", "Answer: ", "**", "`",
    "$", "\\text{", "\\frac{1}{2}", "\\", '"', "'", "“", "«", "\n", "\r\n", "\t", " ", ",", ";", ":", ".", "->", "- ",
    "# ", "<|im_end|>", "<|channel|>final<|message|>", "<|start|>assistant", "analysis", "assistantfinal", "[THINK]",
    "0", "1", "-1", "007", "1e999", "٣", "½", "½½", "１", "\u200b", "\u202e", "\ufe0f", "e\u0301", "🂡", "ß", "İ",
    "\x00", "\x1b[31m", "\ud800", "\ufffd", "\u2028", "\x85", "move", "my final answer is", "I refuse", "yes",
    "no", "none",
)  # fmt: skip
MAX_REPEATED = 2_000


def texts(*pieces: str) -> st.SearchStrategy[str]:
    """Texts made of the pieces, of known ones and of any characters."""
    piece = st.sampled_from([*pieces, *SPELLED]) | st.text(max_size=8)
    mixed = st.lists(piece, max_size=12).map("".join)
    repeated = st.tuples(st.lists(piece, min_size=1, max_size=3).map("".join), st.integers(2, MAX_REPEATED)).map(
        lambda both: (both[0] * both[1])[: 4 * MAX_REPEATED]
    )
    given = st.sampled_from(pieces or ("",))
    return given | mixed | st.tuples(repeated, mixed).map("".join) | given.flatmap(_damaged_text)


def _damaged_text(text: str) -> st.SearchStrategy[str]:
    place = st.integers(0, len(text))
    return st.tuples(place, st.sampled_from(SPELLED) | st.text(max_size=2), place).map(
        lambda parts: text[: parts[0]] + parts[1] + text[parts[2] :]
    )


HOSTILE_VALUES = st.sampled_from(
    (None, True, -1, 0, 1 << 31, 1 << 63, 10**400, 0.5, -0.0, 1e308, math.inf, -math.inf, math.nan, "", "x" * 5_000)
) | st.text(max_size=6)
NESTED_VALUES = st.recursive(
    HOSTILE_VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@st.composite
def damaged_json(draw: st.DrawFn, samples: Sequence[Any]) -> bytes:
    """A valid value, in which some parts are replaced, removed or added, or whose text is cut or overwritten."""
    value = json.loads(json.dumps(draw(st.sampled_from(samples))))
    for _ in range(draw(st.integers(0, 3))):
        value = _change(draw, value)
    raw = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    return draw(damaged_bytes(raw))


@st.composite
def damaged_bytes(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes as they are, cut, overwritten in one place, repeated, or in deep brackets."""
    how = draw(st.sampled_from(("whole", "whole", "cut", "overwritten", "doubled", "deep")))
    place = draw(st.integers(0, len(raw)))
    if how == "cut":
        return raw[:place]
    if how == "overwritten":
        return raw[:place] + draw(st.binary(min_size=1, max_size=4)) + raw[place + draw(st.integers(0, 4)) :]
    if how == "deep":
        depth = draw(st.sampled_from((10, 900, 100_000)))
        return b"[" * depth + raw + b"]" * depth
    return raw * 2 if how == "doubled" else raw


def _change(draw: st.DrawFn, value: Any) -> Any:
    """The value with one part of it changed, somewhere inside."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        action = draw(st.sampled_from(("inside", "inside", "inside", "remove", "rename")))
        if action == "inside":
            return value | {key: _change(draw, value[key])}
        rest = {k: v for k, v in value.items() if k != key}
        return rest if action == "remove" else rest | {draw(st.text(max_size=5)): value[key]}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        k = draw(st.integers(0, len(value) - 1))
        return [*value[:k], _change(draw, value[k]), *value[k + 1 :]]
    return draw(NESTED_VALUES)
