"""Thinkers of games of words: they weigh clues and count what fits."""

from mirrormatch.games.talk import taboo, twenty_questions
from mirrormatch.games.talk.who_is_the_spy import state as spy
from mirrormatch.games.talk.who_is_the_spy.clues import filter_allowed
from mirrormatch.games.talk.who_is_the_spy.solver import compare_words, list_spoken
from mirrormatch.games.talk.who_is_the_spy.words import list_clues
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_any, draw_move, draw_solution, is_sound

_NUM_NAMED = 3  # candidates that a thought names


def think_taboo(sight: Sight) -> Thought:
    """The describer names its word and what it avoids, the guesser the latest clue."""
    view: taboo.View = sight.view
    if view.role == taboo.DESCRIBER:
        entry = taboo.load_entries()[view.target]
        clue = draw_solution(sight) if is_sound(sight) else sight.rng.choice(entry.clues)
        return Thought(f"My word is {view.target}. I avoid {', '.join(entry.forbidden)}.", clue)
    guess = draw_move(sight)
    wrong = ", ".join(view.moves[1::2]) or "none"
    return Thought(f"Clue {len(view.moves) // 2 + 1}: {view.moves[-1]}. Wrong so far: {wrong}. I guess {guess}.", guess)


def think_twenty_questions(sight: Sight) -> Thought:
    """Counts the things that fit all answers, and names the first of them."""
    view: twenty_questions.View = sight.view
    bits = twenty_questions.find_candidates(view.lines)
    things = [thing for k, thing in enumerate(twenty_questions.load_facts().things) if bits >> k & 1]
    named = f": {', '.join(things[:_NUM_NAMED])}" if len(things) <= 2 * _NUM_NAMED else ""
    move = draw_move(sight)
    return Thought(f"Things that fit: {len(things)}{named}. I {'guess' if move.startswith('guess ') else 'ask'}.", move)


def think_spy(sight: Sight) -> Thought:
    """Weighs the clues of each player against its own word."""
    view: spy.View = sight.view
    if len(view.clues) < len(view.players):
        heard = [clue for _, clue in list_spoken(view)]
        allowed = filter_allowed(list_clues(view.word), view)
        sound = is_sound(sight) or not allowed
        clue = draw_solution(sight) if sound else sight.rng.choice(allowed)
        return Thought(f"My word is {view.word}. Clues so far: {len(heard)}. I say: {clue}.", clue)
    fits = {p: 0.0 for p in view.players if p != view.role}
    for p, clue in list_spoken(view):
        if p in fits:
            fits[p] += compare_words(clue, view.word)
    counts = ", ".join(f"player {p + 1} {fit:+g}" for p, fit in fits.items())
    move = draw_solution(sight) if is_sound(sight) else draw_any(sight)
    return Thought(f"Clues that fit {view.word}: {counts}. I vote {move}.", move)


THINKERS = {"taboo": think_taboo, "twenty_questions": think_twenty_questions, "who_is_the_spy": think_spy}
