"""The thinker of mini Hanabi: it names the cards that fit next, and what is known of a hand."""

from mirrormatch.games.cards.mini_hanabi.state import COLOURS, Known, View
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_move


def think_hanabi(sight: Sight) -> Thought:
    """For a hint it names the partner's cards, otherwise what it knows of the card in question."""
    view: View = sight.view
    num_colours = len(view.built)
    ranks = sight.game.settings.ranks  # type: ignore[attr-defined]  # of MiniHanabiSettings
    fits = ", ".join(f"{COLOURS[c]} {n + 1}" for c, n in enumerate(view.built) if n < ranks)
    move = draw_move(sight)
    verb, *rest = move.split()
    if verb == "hint":
        cards = ", ".join(f"{COLOURS[kind // ranks]} {kind % ranks + 1}" for kind in view.partner)
        return Thought(f"Next: {fits}. Partner: {cards}. {view.hints} hints left. I {move}.", move)
    known = _describe(view.known[view.role][int(rest[0]) - 1], num_colours, ranks)
    return Thought(f"Next: {fits}. My card {rest[0]} is {known}. {view.lives} lives left. I {move}.", move)


def _describe(known: Known, num_colours: int, ranks: int) -> str:
    colours = [COLOURS[c] for c in range(num_colours) if known[0] >> c & 1]
    numbers = [str(r + 1) for r in range(ranks) if known[1] >> r & 1]
    return f"{' or '.join(colours)}, {' or '.join(numbers)}"


THINKERS = {"mini_hanabi": think_hanabi}
