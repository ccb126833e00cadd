"""The texts that a game of mini Hanabi shows: the moves, the piles, and the hands with their owners' knowledge."""

import functools

from mirrormatch.games.cards.mini_hanabi.state import COLOURS, Kind, Known

_NUM_CACHED = 65_536  # size of the cache of each pure function; enough for every hand of the small decks


def add_move(past: tuple[str, str], role: int, move: str) -> tuple[str, str]:
    """Appends a move to the moves as rendered for each player."""
    first, second = past
    between = "; " if first else ""
    if role == 0:
        return f"{first}{between}You: {move}", f"{second}{between}Partner: {move}"
    return f"{first}{between}Partner: {move}", f"{second}{between}You: {move}"


@functools.lru_cache(_NUM_CACHED)
def render_piles(built: tuple[int, ...]) -> str:
    """Renders the number of cards built of each colour."""
    return ", ".join(f"{c} {n}" for c, n in zip(COLOURS, built, strict=False))


@functools.lru_cache(_NUM_CACHED)
def render_heap(discarded: tuple[Kind, ...], cards: tuple[str, ...]) -> str:
    """Renders the discarded cards."""
    return ", ".join(cards[kind] for kind in discarded) or "none"


@functools.lru_cache(_NUM_CACHED)
def render_hand(
    known: tuple[Known, ...], kinds: tuple[Kind, ...], cards: tuple[str, ...], num_colours: int, ranks: int
) -> str:
    """Renders a hand, one card a line: the partner's cards and knowledge, or the own knowledge if `kinds` is empty."""
    lines = [_render_knowledge(k, num_colours, ranks) for k in known]
    if kinds:
        lines = [f"{cards[kind]}; knows: {line}" for kind, line in zip(kinds, lines, strict=True)]
    return "\n".join(f"  {k}: {line}" for k, line in enumerate(lines, 1))


def _render_knowledge(known: Known, num_colours: int, ranks: int) -> str:
    """Renders the owner's knowledge of a card: `red or green, any rank`."""
    colours = [COLOURS[k] for k in range(num_colours) if known[0] >> k & 1]
    numbers = [str(r + 1) for r in range(ranks) if known[1] >> r & 1]
    of_colour = "any colour" if len(colours) == num_colours else " or ".join(colours)
    of_rank = "any rank" if len(numbers) == ranks else f"rank {' or '.join(numbers)}"
    return f"{of_colour}, {of_rank}"
