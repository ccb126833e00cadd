"""Thinkers of dice and bids: they count odds."""

from mirrormatch.games.cards import goofspiel, liars_dice, pig_dice
from mirrormatch.training.bundled.mini.thought import (
    Sight,
    Thought,
    draw_any,
    draw_move,
    draw_solution,
    is_sound,
    join_words,
)

_BY_VALUE = 0.5  # probability that a sound player of Pig compares what a roll gains and loses


def think_pig(sight: Sight) -> Thought:
    """Compares what a roll gains over all faces of the die with what a 1 loses."""
    race: pig_dice.Race = sight.view.race
    settings = sight.game.settings
    assert isinstance(settings, pig_dice.PigSettings)
    sides, total = settings.sides, race.total
    mine, gain = race.scores[race.role], sum(range(2, settings.sides + 1))
    text = f"Score {mine}+{total}={mine + total}. Of {sides} rolls: gain {gain}, lose {total}."
    if len(sight.legal or ()) == 1:
        move = pig_dice.STOP
    elif is_sound(sight):
        by_value = pig_dice.ROLL if gain > total else pig_dice.STOP
        move = by_value if sight.rng.random() < _BY_VALUE else draw_solution(sight)
    else:
        move = draw_any(sight)
    return Thought(f"{text} I {move}.", move)


def think_liars_dice(sight: Sight) -> Thought:
    """Counts how many of the other dice the last bid and its own need."""
    view: liars_dice.View = sight.view
    settings = sight.game.settings
    assert isinstance(settings, liars_dice.LiarsDiceSettings)
    unseen = settings.dice * (settings.players - 1)
    said = [f"I have {join_words(view.dice)}, {unseen} dice are hidden."]
    if view.calls:
        said.append(_describe_need(view.calls[-1], view.dice, settings.faces))
    move = draw_move(sight)
    if move != liars_dice.LIAR:
        said.append(_describe_need(move, view.dice, settings.faces))
    return Thought(f"{' '.join(said)} {'Liar!' if move == liars_dice.LIAR else f'I bid {move}.'}", move)


def _describe_need(bid: str, dice: str, faces: int) -> str:
    number, face = (int(word) for word in bid.split("x"))
    own = sum(int(die) in (face, faces) for die in dice)
    return f"{bid} needs {max(number - own, 0)} hidden."


def think_goofspiel(sight: Sight) -> Thought:
    """Names the prize, both hands and the points."""
    view: goofspiel.View = sight.view
    settings = sight.game.settings
    assert isinstance(settings, goofspiel.GoofspielSettings)
    bids = view.bids[: len(view.bids) // 2 * 2]
    prize = view.prizes[len(bids) // 2]
    hands = [[c for c in range(1, settings.cards + 1) if c not in bids[seat::2]] for seat in (0, 1)]
    points = [0, 0]
    for k, value in enumerate(view.prizes[: len(bids) // 2]):
        if bids[2 * k] != bids[2 * k + 1]:
            points[int(bids[2 * k] < bids[2 * k + 1])] += value
    me, other = view.role, 1 - view.role
    text = f"Prize {prize}. Points {points[me]} to {points[other]}. Mine: {join_words(hands[me])}."
    move = draw_move(sight)
    return Thought(f"{text} Other's: {join_words(hands[other])}. I bid {move}.", move)


THINKERS = {"goofspiel": think_goofspiel, "liars_dice": think_liars_dice, "pig_dice": think_pig}
