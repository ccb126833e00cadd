"""A rule-based player of mini Hanabi: it plays cards that fit, hints at those of its partner, or discards.

It acts on a player's view alone.
"""

from mirrormatch.games.cards.mini_hanabi.knowledge import narrow_knowledge, probability_among
from mirrormatch.games.cards.mini_hanabi.state import COLOURS, Kind, Known, View
from mirrormatch.games.types import Action

BOLD = 0.65  # minimum probability that a card fits for the solver to risk a life that isn't the last


def choose_move(view: View, copies: tuple[int, ...], ranks: int, max_hints: int) -> Action:
    """Applies the first matching rule.

    Args:
        view: the player's view.
        copies: the number of cards of each kind in the whole deck.
        ranks: the highest rank.
        max_hints: the number of hint tokens with which a discard is illegal.
    """
    gone = [n - view.discarded.count(kind) for kind, n in enumerate(copies)]
    for colour, height in enumerate(view.built):
        for rank in range(height):
            gone[colour * ranks + rank] -= 1
    unseen = [n - view.partner.count(kind) for kind, n in enumerate(gone)]
    playable = {c * ranks + height for c, height in enumerate(view.built) if height < ranks}
    mine, may_discard = view.known[view.role], view.hints < max_hints
    fits = [probability_among(known, unseen, playable, ranks) for known in mine]
    best = max(range(len(mine)), key=lambda k: fits[k])
    is_last = not view.deck
    if fits[best] > 1 - 1e-9 or (view.lives > 1 and fits[best] >= (0.01 if is_last else BOLD)):
        return f"play {best + 1}"
    hint = _best_hint(view, gone, playable, ranks, may_discard) if view.hints else ""
    if hint:
        return hint
    if may_discard:
        needed = _needed_kinds(view.built, gone, ranks)
        worth = [probability_among(known, unseen, needed, ranks) for known in mine]
        return f"discard {min(range(len(mine)), key=lambda k: worth[k]) + 1}"
    return f"hint rank {view.partner[0] % ranks + 1}"


def _needed_kinds(built: tuple[int, ...], gone: list[int], ranks: int) -> set[Kind]:
    """The kinds that can still be built, now or later."""
    needed = set[Kind]()
    for colour, height in enumerate(built):
        for kind in range(colour * ranks + height, (colour + 1) * ranks):
            if not gone[kind]:
                break  # no copy is left: the colour ends below it
            needed.add(kind)
    return needed


def _best_hint(view: View, unseen: list[int], playable: set[Kind], ranks: int, may_discard: bool) -> Action:
    """The hint that most improves the partner's knowledge of the cards that fit; "" if none improves it."""
    known, best, most = view.known[1 - view.role], "", 0.0
    before = _rate_knowledge(view.partner, known, unseen, playable, ranks)
    if before >= 1 and may_discard:
        return ""  # the partner already knows a card to play
    for kind in view.partner:
        colour, rank = divmod(kind, ranks)
        for verb, number, action in (
            ("rank", rank, f"hint rank {rank + 1}"),
            ("colour", colour, f"hint colour {COLOURS[colour]}"),
        ):
            narrowed, _ = narrow_knowledge(view.partner, known, verb, number, ranks)
            gain = _rate_knowledge(view.partner, narrowed, unseen, playable, ranks) - before
            if gain > most + 1e-9:
                best, most = action, gain
    return best


def _rate_knowledge(
    hand: tuple[Kind, ...], known: tuple[Known, ...], unseen: list[int], playable: set[Kind], ranks: int
) -> float:
    """Rates the knowledge of a hand: the owner's confidence in cards that fit, less a penalty for wrong confidence."""
    shares = [probability_among(k, unseen, playable, ranks) for k in known]
    return sum(s if kind in playable else -2 * s * s for kind, s in zip(hand, shares, strict=True))
