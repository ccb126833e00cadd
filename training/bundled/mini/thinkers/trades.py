"""Thinkers of trade and division: they compute the worth of offers, and give reasons in the words beside them."""

from mirrormatch.games.talk import simple_negotiation
from mirrormatch.games.talk.deal_or_no_deal import state as deal
from mirrormatch.games.talk.deal_or_no_deal.reading import list_items, read_demand
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_any, draw_solution, is_sound

GOODS = simple_negotiation.GOODS
_TALKS = 0.3  # probability that a trade carries a reason
_REST = "; you get the rest."  # the end of a demand, in place of which a reason may be given
_MOST = 2  # units of a good in an offer


def think_negotiation(sight: Sight) -> Thought:
    """Answers an open offer by its worth, or offers one good for another."""
    view: simple_negotiation.View = sight.view
    choice = _answer_offer(sight, view) if view.open_offer is not None else None
    return choice or _make_offer(sight, view)


def _answer_offer(sight: Sight, view: simple_negotiation.View) -> Thought | None:
    """Accepts or denies the offer; None where the thinker prefers a counter-offer."""
    offer = view.open_offer
    assert offer is not None
    gain = _compute_worth(offer.give, view.values) - _compute_worth(offer.get, view.values)
    text = f"I get {spell_sum(offer.give, view.values)} and give {spell_sum(offer.get, view.values)}: {gain:+d}."
    accepts = gain > 0 if is_sound(sight) else sight.rng.random() < 0.5
    if accepts:
        return Thought(f"{text} I accept.", _add_reason(sight, "accept", f"I gain {gain}"))
    if sight.rng.random() < 0.5:
        return Thought(f"{text} I deny.", _add_reason(sight, "deny", f"I would get {gain:+d}"))
    return None


def _make_offer(sight: Sight, view: simple_negotiation.View) -> Thought:
    mine, others, values, rng = view.stocks[view.role], view.stocks[1 - view.role], view.values, sight.rng
    swaps = [(g, h) for g in range(len(GOODS)) for h in range(len(GOODS)) if g != h and mine[g] and others[h]]
    if not swaps:
        return Thought("No trade is possible. I wait.", "say")
    if is_sound(sight):
        most = max(values[h] - values[g] for g, h in swaps)
        swaps = [(g, h) for g, h in swaps if values[h] - values[g] == most]
    g, h = rng.choice(swaps)
    give, get = rng.randint(1, min(_MOST, mine[g])), rng.randint(1, min(_MOST, others[h]))
    text = (
        f"I have {mine[g]} {GOODS[g]} worth {values[g]}; the other has {others[h]} {GOODS[h]}, to me {values[h]}. "
        f"{get}*{values[h]}-{give}*{values[g]}={get * values[h] - give * values[g]:+d}."
    )
    offer = f"offer {give} {GOODS[g]} -> {get} {GOODS[h]}"
    return Thought(f"{text} I offer.", _add_reason(sight, offer, f"you have {others[h]} {GOODS[h]}"))


def _add_reason(sight: Sight, move: str, reason: str) -> str:
    return f"{move} | {reason}" if sight.rng.random() < _TALKS else move


def _compute_worth(amounts: tuple[int, ...], values: tuple[int, ...]) -> int:
    return sum(a * v for a, v in zip(amounts, values, strict=True))


def spell_sum(amounts: tuple[int, ...], values: tuple[int, ...]) -> str:
    """The worth of amounts as a sum: `2*3+1*5=11`."""
    terms = [f"{a}*{v}" for a, v in zip(amounts, values, strict=True) if a] or ["0"]
    return f"{'+'.join(terms)}={_compute_worth(amounts, values)}"


def think_deal(sight: Sight) -> Thought:
    """Computes the worth of what the other leaves and of what it takes itself."""
    view: deal.View = sight.view
    said = []
    demand = read_demand(view.moves[-1].words, view.counts) if view.moves else None
    if demand is not None:
        left = deal.subtract(view.counts, demand)
        said.append(f"The other leaves {list_items(left)}: {spell_sum(left, view.values)} of 10.")
    move = draw_solution(sight) if is_sound(sight) else draw_any(sight)
    if move.endswith(_REST) and sight.rng.random() < _TALKS:
        dearest = max(range(len(deal.ITEMS)), key=lambda k: view.values[k])
        move = f"{move.removesuffix(_REST)}; each {deal.ITEMS[dearest]} is worth {view.values[dearest]} to me."
    takes = _read_takes(move, view)
    if takes is not None:
        said.append(f"{list_items(takes)} is {spell_sum(takes, view.values)} of 10.")
    return Thought(f"{' '.join(said)} I {move.split(' ')[0]}.".strip(), move)


def _read_takes(move: str, view: deal.View) -> deal.Amounts | None:
    """The items that a move demands."""
    words = move.partition("|")[2].strip()
    return read_demand(words, view.counts)


THINKERS = {"deal_or_no_deal": think_deal, "simple_negotiation": think_negotiation}
