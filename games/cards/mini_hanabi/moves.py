"""The moves of mini Hanabi: all that exist, their spellings, and those that are legal."""

import functools

from mirrormatch.games.cards.mini_hanabi.state import COLOURS, Kind
from mirrormatch.games.types import Action

_NUM_CACHED = 65_536  # size of the cache of each pure function; enough for every hand of the small decks


def list_moves(num_colours: int, ranks: int, hand: int) -> dict[Action, tuple[str, int]]:
    """Every move of the game -> its verb and its card, colour or rank, counted from 0."""
    moves = {f"{verb} {k + 1}": (verb, k) for verb in ("discard", "play") for k in range(hand)}
    moves |= {f"hint colour {c}": ("colour", k) for k, c in enumerate(COLOURS[:num_colours])}
    return moves | {f"hint rank {r + 1}": ("rank", r) for r in range(ranks)}


def list_spellings(num_colours: int, ranks: int, hand: int) -> dict[str, Action]:
    """Every spelling of a move -> the move."""
    spellings = {move: move for move in list_moves(num_colours, ranks, hand)}
    for verb in ("discard", "play"):
        for k in range(1, hand + 1):
            spellings |= dict.fromkeys((f"{verb} card {k}", f"{verb} my card {k}", f"{verb}: {k}"), f"{verb} {k}")
    for c in COLOURS[:num_colours]:
        of_colour = (f"hint {c}", f"hint color {c}", f"hint colour: {c}", f"hint color: {c}", f"hint: {c}")
        spellings |= dict.fromkeys(of_colour, f"hint colour {c}")
    for r in range(1, ranks + 1):
        spellings |= dict.fromkeys((f"hint {r}", f"hint {r}s", f"hint rank: {r}", f"hint: {r}"), f"hint rank {r}")
    return spellings


@functools.lru_cache(_NUM_CACHED)
def list_legal(num_cards: int, may_discard: bool, hinted: tuple[Kind, ...], ranks: int) -> tuple[Action, ...]:
    """The sorted legal moves; `hinted` is the partner's hand, or empty if no hint is left."""
    moves = {f"play {k}" for k in range(1, num_cards + 1)}
    if may_discard:
        moves |= {f"discard {k}" for k in range(1, num_cards + 1)}
    for colour, rank in (divmod(kind, ranks) for kind in hinted):
        moves |= {f"hint colour {COLOURS[colour]}", f"hint rank {rank + 1}"}
    return tuple(sorted(moves))
