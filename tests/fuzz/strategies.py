"""Hostile input for the fuzz tests: texts of known pieces, long repetitions, and damaged copies of valid files."""

import json
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

SPELLED = (
    "\\boxed{", "}", "{", "[", "]", "(", ")", "<think>", "</think>", "<answer>", "</answer>", "Answer: ", "**", "`",
    "$", "\\text{", "\\frac{1}{2}", "\\", '"', "'", "“", "«", "\n", "\r\n", "\t", " ", ",", ";", ":", ".", "->", "- ",
    "# ", "<|im_end|>", "<|channel|>final<|message|>", "<|start|>assistant", "analysis", "assistantfinal", "[THINK]",
    "0", "1", "-1", "007", "1e999", "٣", "½", "½½", "１", "\u200b", "\u202e", "\ufe0f", "e\u0301", "🂡", "ß", "İ",
    "\x00", "\x1b[31m", "\ud800", "\ufffd", "\u2028", "\x85", "move", "my final answer is", "I refuse", "yes",
    "no", "none", "\u0600", "\u115f", "\ufff9", "\U0001d173", "\U000e0041", "\ufe00",
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


HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1 << 31, 1 << 63, 10**400, 0.5, -0.0, 1e308, math.inf, -math.inf, math.nan, "", "x" * 5_000,
    "\ud800", "\x1b[2J\u202e", "((a*)*)*$", "aaa", "\0", [], {}, [[]], {"": {}}, ["a", "a"],
)  # fmt: skip
DEPTHS = (10, 900, 100_000)
SEEDS = st.integers(0, 2**63 - 1)


def damaged_json(samples: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """Valid values, in which some parts are replaced, removed or renamed, or whose text is damaged.

    A seed decides, so every part is as likely as any other: Hypothesis prefers the first and the smallest.
    """
    return SEEDS.map(lambda seed: _damage_value(samples, random.Random(seed)))


def damaged_bytes(raw: bytes) -> st.SearchStrategy[bytes]:
    """The bytes as they are, cut, overwritten in one place, doubled, or in deep brackets."""
    return SEEDS.map(lambda seed: _damage_bytes(raw, random.Random(seed)))


def _damage_value(samples: Sequence[Any], rng: random.Random) -> bytes:
    value = rng.choice(samples)
    for _ in range(rng.randrange(4)):
        value = _change_at(value, rng.choice(list(_list_paths(value))), rng)
    raw = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return raw if rng.random() < 0.7 else _damage_bytes(raw, rng)


def _damage_bytes(raw: bytes, rng: random.Random) -> bytes:
    place, depth = rng.randint(0, len(raw)), rng.choice(DEPTHS)
    damages = (
        raw,
        raw[:place],
        raw[:place] + rng.randbytes(rng.randint(1, 4)) + raw[place + rng.randint(0, 4) :],
        raw * 2,
        b"[" * depth + raw + b"]" * depth,
    )
    return rng.choice(damages)


def _list_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The keys and places that lead to each part of a value."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _list_paths(part, (*path, key))


def _change_at(value: Any, path: tuple[str | int, ...], rng: random.Random) -> Any:
    """The value with the part at the path replaced, removed or renamed."""
    if not path:
        return rng.choice(HOSTILE_VALUES)
    key, *rest = path
    if isinstance(value, list):
        assert isinstance(key, int)
        return [*value[:key], _change_at(value[key], tuple(rest), rng), *value[key + 1 :]]
    if rest or rng.random() < 0.8:
        return value | {key: _change_at(value[key], tuple(rest), rng)}
    others = {k: v for k, v in value.items() if k != key}
    return others if rng.random() < 0.5 else others | {"renamed": value[key]}
