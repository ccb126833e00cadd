"""A player's knowledge of a card: how a hint narrows it, and the probabilities that it leaves."""

import functools

from mirrormatch.games.cards.mini_hanabi.state import Kind, Known

_NUM_CACHED = 65_536  # size of the cache of each pure function; enough for every hand of the small decks


@functools.lru_cache(_NUM_CACHED)
def narrow_knowledge(
    hand: tuple[Kind, ...], known: tuple[Known, ...], verb: str, number: int, ranks: int
) -> tuple[tuple[Known, ...], str]:
    """Returns the knowledge of the hand after the hint, and the rendered numbers of the matching cards."""
    narrowed, matching, bit = list[Known](), list[str](), 1 << number
    for k, (kind, (colours, rank_bits)) in enumerate(zip(hand, known, strict=True), 1):
        colour, rank = divmod(kind, ranks)
        matches = number == (colour if verb == "colour" else rank)
        if verb == "colour":
            colours &= bit if matches else ~bit
        else:
            rank_bits &= bit if matches else ~bit
        narrowed.append((colours, rank_bits))
        if matches:
            matching.append(str(k))
    return tuple(narrowed), f" (card{'s' * (len(matching) > 1)} {', '.join(matching)})"


def probability_among(known: Known, unseen: list[int], among: set[Kind], ranks: int) -> float:
    """The probability that a card with this knowledge is of one of the kinds."""
    possible = [
        kind for kind, n in enumerate(unseen) if n and known[0] >> kind // ranks & 1 and known[1] >> kind % ranks & 1
    ]
    return sum(unseen[kind] for kind in possible if kind in among) / (sum(unseen[kind] for kind in possible) or 1)
