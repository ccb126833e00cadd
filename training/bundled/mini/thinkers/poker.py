"""Thinkers of poker: they count the cards that they beat, and compare expected values."""

from mirrormatch.games.cards import kuhn_poker, leduc_poker, number_poker
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_any, draw_solution, is_sound

_NUM_OF_A_RANK = 2  # cards of each rank in Leduc's deck


def think_kuhn(sight: Sight) -> Thought:
    """Counts the cards that lose to its own; after a bet it compares a call and a fold."""
    view: kuhn_poker.View = sight.view
    others = [c for c in kuhn_poker.CARDS if c != view.card]
    wins = sum(kuhn_poker.CARDS.index(c) < kuhn_poker.CARDS.index(view.card) for c in others)
    said = [f"I have {view.card}, the other {others[0]} or {others[1]}.", f"I beat {wins} of 2."]
    if view.moves and view.moves[-1] == "bet":
        said.append(f"Call: {wins}*2-{2 - wins}*2={4 * wins - 4}. Fold: -1*2=-2.")
    move = draw_solution(sight) if is_sound(sight) else draw_any(sight)
    return Thought(f"{' '.join(said)} I {move}.", move)


def think_leduc(sight: Sight) -> Thought:
    """Counts the unseen cards that it beats, ties and loses to."""
    view: leduc_poker.View = sight.view
    seen = view.card + view.public
    unseen = [card for card in leduc_poker.CARDS for _ in range(_NUM_OF_A_RANK - seen.count(card))]
    own = _rank(view.card, view.public)
    beaten, tied = (sum(f(_rank(card, view.public), own) for card in unseen) for f in (int.__lt__, int.__eq__))
    public = f" The public card is {view.public}." if view.public else ""
    count = f"Of {len(unseen)} unseen cards I beat {beaten}, tie {tied}, lose to {len(unseen) - beaten - tied}."
    move = draw_solution(sight) if is_sound(sight) else draw_any(sight)
    return Thought(f"I have {view.card}.{public} {count} I {move}.", move)


def _rank(card: str, public: str) -> int:
    """The strength of a card: a pair with the public card beats everything."""
    return len(leduc_poker.CARDS) if card == public else leduc_poker.CARDS.index(card)


def think_number_poker(sight: Sight) -> Thought:
    """Compares the expected values of its two moves; the second player takes every hand for one that bets."""
    view: number_poker.View = sight.view
    assert view.numbers is not None
    return _think_second(sight, view.numbers) if view.role else _think_first(sight, view.numbers)


def _think_first(sight: Sight, numbers: number_poker.Numbers) -> Thought:
    half, stake, strong = numbers.half, numbers.half + numbers.bet, sight.view.hand == number_poker.STRONG
    wins = 10 - numbers.turns_in if strong else numbers.turns_in
    checked, called = (2 * wins - 10) * half, (2 * wins - 10) * stake
    text = (
        f"I am {sight.view.hand}: I win {wins} of 10. Check: {wins}*{half}-{10 - wins}*{half}={checked}. "
        f"Called: {wins}*{stake}-{10 - wins}*{stake}={called}. Folded: 10*{half}={10 * half}."
    )
    move = draw_solution(sight) if is_sound(sight) else draw_any(sight)
    return Thought(f"{text} I {move}.", move)


def _think_second(sight: Sight, numbers: number_poker.Numbers) -> Thought:
    half, stake = numbers.half, numbers.half + numbers.bet
    strong, turns = numbers.strong_in, numbers.turns_in
    wins = strong * turns + (10 - strong) * (10 - turns)
    called, folded = (2 * wins - 100) * stake, -100 * half
    text = (
        f"If all hands bet I win {strong}*{turns}+{10 - strong}*{10 - turns}={wins} of 100. "
        f"Call: {wins}*{stake}-{100 - wins}*{stake}={called}. Fold: -100*{half}={folded}."
    )
    if is_sound(sight):
        by_value = number_poker.CALL if called >= folded else number_poker.FOLD
        move = by_value if sight.rng.random() < 0.5 else draw_solution(sight)
    else:
        move = draw_any(sight)
    return Thought(f"{text} I {move}.", move)


THINKERS = {"kuhn_poker": think_kuhn, "leduc_poker": think_leduc, "number_poker": think_number_poker}
