"""A rule-based player of who is the spy: it counts which clues fit its word better than the similar one.

It acts on a player's view alone.
"""

import functools

from mirrormatch.games.talk.who_is_the_spy.clues import filter_allowed, reduce_text
from mirrormatch.games.talk.who_is_the_spy.state import View
from mirrormatch.games.talk.who_is_the_spy.words import ANYTHING, index_words
from mirrormatch.games.types import Action

_NUM_CACHED = 8_192  # results of each function that is called again and again
_LONG_WORD = 3  # only longer words of a clue count


def choose_moves(view: View) -> tuple[tuple[Action, float], ...]:
    """A clue that blends in, or equal chances of a vote for each player who differs most."""
    fits = {p: 0.0 for p in view.players if p != view.role}
    everybody = 0.0
    for p, clue in list_spoken(view):
        if p != view.role:
            fit = compare_words(clue, view.word)
            everybody += fit
            if p in fits:
                fits[p] += fit
    is_spy = -everybody > max(-fit for fit in fits.values())
    if len(view.clues) < len(view.players):
        return ((_choose_clue(view, is_spy, everybody), 1.0),)
    # A spy votes for the player whom the others, with the other word, will suspect.
    aim = max(fits.values()) if is_spy else min(fits.values())
    aims = [p for p, fit in fits.items() if fit == aim]
    return tuple((str(p + 1), 1 / len(aims)) for p in aims)


def _choose_clue(view: View, is_spy: bool, evidence: float) -> str:
    """The rule-based player's clue: one that fits both words, until the evidence favours one of them."""
    pair, side = index_words()[view.word]
    mine, others = pair.own[side], pair.own[1 - side]
    wanted = (*others, *pair.shared) if is_spy else (*mine, *pair.shared) if evidence > 0 else (*pair.shared, *mine)
    return (filter_allowed(wanted, view) or filter_allowed(ANYTHING, view))[0]


def list_spoken(view: View) -> list[tuple[int, str]]:
    """Every clue so far with its player."""
    past = [spoken for done in view.rounds for spoken in zip(done.players, done.clues, strict=True)]
    return past + list(zip(view.players, view.clues, strict=False))


@functools.lru_cache(_NUM_CACHED)
def compare_words(clue: str, word: str) -> float:
    """1 for a clue that fits the word better than the similar one, -1 for the contrary, 0 without evidence."""
    pair, side = index_words()[word]
    both = _list_long_words(" ".join(pair.shared))
    mine, others = (_list_long_words(" ".join((*pair.own[s], pair.words[s]))) - both for s in (side, 1 - side))
    words = _list_long_words(clue)
    lead = len(words & mine - others) - len(words & others - mine)
    return float((lead > 0) - (lead < 0))


def _list_long_words(text: str) -> frozenset[str]:
    return frozenset(word for word in map(reduce_text, text.split()) if len(word) > _LONG_WORD)
