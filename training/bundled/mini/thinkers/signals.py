"""The thinker of the signalling game: it counts what each signal has meant."""

from mirrormatch.games.talk import lewis_signaling
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_move

STATES, SIGNALS = lewis_signaling.STATES, lewis_signaling.SIGNALS


def think_lewis(sight: Sight) -> Thought:
    """The sender counts the guesses after each signal, the receiver the states behind the signal that it sees."""
    view: lewis_signaling.View = sight.view
    move = draw_move(sight)
    if view.role == lewis_signaling.SENDER:
        state = view.now.state
        right = [SIGNALS[r.signal] for r in view.past if r.guess == state]
        counts = ", ".join(f"{s} {right.count(s)}" for s in dict.fromkeys(right)) or "none"
        return Thought(f"I see {STATES[state]}. Signals that led to it: {counts}. I send {move}.", move)
    behind = [STATES[r.state] for r in view.past if r.signal == view.now.signal]
    counts = ", ".join(f"{s} {behind.count(s)}" for s in dict.fromkeys(behind)) or "none"
    return Thought(f"I hear {SIGNALS[view.now.signal]}. States behind it so far: {counts}. I guess {move}.", move)


THINKERS = {"lewis_signaling": think_lewis}
