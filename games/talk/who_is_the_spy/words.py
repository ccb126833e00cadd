"""The bundled pairs of similar words, and the clues that fit each word."""

import functools
import json
from pathlib import Path
from typing import NamedTuple

# Clues that fit any word, for use when the bundled ones are used up: more than the longest game has.
ANYTHING = (
    "I like it", "you know it", "nice to have", "not too common", "seen in photos", "it has a name", "quite ordinary",
    "it can be big", "it can be small", "known for ages", "you have seen it", "I think of it often", "hard to describe",
    "common enough", "useful to many", "many people like it", "some people avoid it", "found in a city",
    "not found everywhere", "you could touch it", "it comes in many kinds", "I met it last week", "it may be costly",
    "it may be cheap", "it may be old", "it may be new", "talked about a lot", "it is not a secret", "there is a shape",
    "my family knows it", "easy to guess", "everybody has a view on it",
)  # fmt: skip

_DATA = Path(__file__).parents[1] / "data" / "who_is_the_spy.json"


class Pair(NamedTuple):
    """Two similar words with clues that fit both and clues that fit only one of them."""

    words: tuple[str, str]
    shared: tuple[str, ...]
    own: tuple[tuple[str, ...], tuple[str, ...]]


@functools.cache
def index_words() -> dict[str, tuple[Pair, int]]:
    """Word -> its pair and its index in the pair."""
    return {word: (pair, side) for pair in _load_pairs() for side, word in enumerate(pair.words)}


@functools.cache
def index_pairs() -> dict[str, Pair]:
    """Both words as chance draws them, `"apple/peach"` -> their pair."""
    return {"/".join(pair.words): pair for pair in _load_pairs()}


@functools.cache
def list_clues(word: str) -> tuple[str, ...]:
    """The bundled clues that fit the word."""
    pair, side = index_words()[word]
    return pair.shared + pair.own[side]


@functools.cache
def _load_pairs() -> tuple[Pair, ...]:
    rows = json.loads(_DATA.read_text(encoding="utf-8"))
    return tuple(
        Pair((r["words"][0], r["words"][1]), tuple(r["shared"]), (tuple(r["own"][0]), tuple(r["own"][1]))) for r in rows
    )
