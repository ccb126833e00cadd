"""The thinker of text quests: it names what it carries, seeks and finds closed."""

from mirrormatch.games.puzzles.text_quest.state import View, list_closed
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_move


def think_quest(sight: Sight) -> Thought:
    """Says what it carries, what is closed here, and what it still seeks."""
    view: View = sight.view
    assert view.goal is not None
    here = view.rooms[view.here]
    carried = ", ".join(view.carried) or "nothing"
    closed = ", ".join(f"{name} {barred}" for name, barred, _ in list_closed(here)) or "nothing"
    sought = ", ".join(thing for thing in view.goal.things if thing not in view.carried) or "nothing"
    move = draw_move(sight)
    return Thought(f"In the {here.name} with {carried}. Closed: {closed}. I seek {sought}. I {move}.", move)


THINKERS = {"text_quest": think_quest}
