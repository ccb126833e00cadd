"""Players of mixed strength that write a short thought before each move: the nano model's teachers.

They see a view, like every agent. Some of their moves are sound and some are not, on purpose: the model that imitates
them must be beatable, which leaves self-play something to improve.
"""

import random
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from mirrormatch.agents.types import Decision, Reply
from mirrormatch.games.board import tictactoe
from mirrormatch.games.cards import kuhn_poker
from mirrormatch.games.talk import simple_negotiation
from mirrormatch.prompts.prompt import Prompt

GOODS = simple_negotiation.GOODS


class Choice(NamedTuple):
    """A thought and the move that follows from it."""

    thinking: str
    move: str


Player: TypeAlias = Callable[[Decision, random.Random], Choice]


class ThinkingAgent:
    """An agent that writes a player's thought and move in the prompt's format."""

    max_retries: int | None = 0

    def __init__(self, player: Player, prompt: Prompt) -> None:
        self.spec = f"teacher:{player.__name__}"
        self._player = player
        self._prompt = prompt

    async def act(self, decision: Decision) -> Reply:
        choice = self._player(decision, decision.rng())
        text = self._prompt.format_thinking(choice.thinking) + self._prompt.format_answer(choice.move)
        return Reply(answer=choice.move, text=text, thinking=choice.thinking)


# Kuhn poker: probability of a bet or a call, by card. Neither an equilibrium nor hopeless: the player bets the queen,
# calls too often with the jack and sometimes folds a king.
_BOLDNESS = {"J": 0.4, "Q": 0.5, "K": 0.65}
_WINS = {"J": 0, "Q": 1, "K": 2}  # number of the opponent's two possible cards that lose to this one
_RATING = {"J": "weak", "Q": "middling", "K": "strong"}


def kuhn(decision: Decision, rng: random.Random) -> Choice:
    """Evaluates its card, sometimes in numbers, and acts on it more often than not."""
    view: kuhn_poker.View = decision.view
    wins = _WINS[view.card]
    facing = "bet" in view.moves
    bold = rng.random() < _BOLDNESS[view.card]
    move = ("call" if bold else "fold") if facing else ("bet" if bold else "check")
    others = " or ".join(c for c in kuhn_poker.CARDS if c != view.card)
    thoughts = [f"My card is {view.card}. The other has {others}.", f"I win {wins} of 2 cases."]
    if facing and rng.random() < 0.5:
        thoughts.append(f"A call gives {wins}*2-{2 - wins}*2={4 * wins - 4}. A fold gives -2.")
    elif rng.random() < 0.5:
        thoughts.append(f"My card is {_RATING[view.card]}.")
    return Choice(" ".join([*thoughts, f"I {move}."]), move)


_SOUND_SQUARE = 0.6  # probability that a tic-tac-toe player looks for wins and blocks


def squares(decision: Decision, rng: random.Random) -> Choice:
    """Wins or blocks when it looks for that, otherwise takes a random square."""
    view: tictactoe.View = decision.view
    own, others = tictactoe.MARKS[view.role], tictactoe.MARKS[1 - view.role]
    free = decision.observation.legal or ()
    if rng.random() < _SOUND_SQUARE:
        for mark, word in ((own, "win"), (others, "block")):
            done = [_find_completed_line(view.cells, mark, s) for s in free]
            found = [(s, line) for s, line in zip(free, done, strict=True) if line]
            if found:
                square, line = rng.choice(found)
                return Choice(f"{mark} has {' '.join(line)}. I {word} at {square}.", square)
        if "5" in free:
            return Choice("The center is free. I take 5.", "5")
    square = rng.choice(free)
    return Choice(f"Free: {' '.join(free)}. I take {square}.", square)


def _find_completed_line(cells: str, mark: str, square: str) -> tuple[str, ...]:
    """The two squares with the mark in a line that `square` completes, or nothing."""
    k = int(square) - 1
    for line in tictactoe.LINES:
        rest = [c for c in line if c != k]
        if k in line and all(cells[c] == mark for c in rest):
            return tuple(tictactoe.SQUARES[c] for c in rest)
    return ()


_SOUND_TRADE = 0.6  # probability that a trader computes the worth of a trade before a move
_TALKS = 0.25  # probability that a move carries a message
_PHRASES = ("fair deal", "too little", "I need this", "think again", "last offer", "good for both")


def trader(decision: Decision, rng: random.Random) -> Choice:
    """Computes the worth of offers, with some probability, and offers one good for another."""
    view: simple_negotiation.View = decision.view
    choice = _answer_offer(view, rng) if view.open_offer is not None else None
    choice = choice or _make_offer(view, rng)
    if rng.random() < _TALKS:
        return Choice(choice.thinking, f"{choice.move} | {rng.choice(_PHRASES)}")
    return choice


def _answer_offer(view: simple_negotiation.View, rng: random.Random) -> Choice | None:
    """Accepts or denies the open offer; None where the player prefers a counter-offer."""
    offer = view.open_offer
    assert offer is not None
    reckoned = f"I get {_spell_out_sum(offer.give, view.values)} and give {_spell_out_sum(offer.get, view.values)}."
    gain = _worth(offer.give, view.values) - _worth(offer.get, view.values)
    good = gain > 0 if rng.random() < _SOUND_TRADE else rng.random() < 0.5
    if good:
        return Choice(f"{reckoned} I accept.", "accept")
    return Choice(f"{reckoned} I deny.", "deny") if rng.random() < 0.4 else None


def _make_offer(view: simple_negotiation.View, rng: random.Random) -> Choice:
    mine, others, values = view.stocks[view.role], view.stocks[1 - view.role], view.values
    swaps = [(g, h) for g in range(3) for h in range(3) if g != h and mine[g] and others[h]]
    if not swaps:
        return Choice("Nothing to trade. I wait.", "say")
    if rng.random() < _SOUND_TRADE:
        most = max(values[h] - values[g] for g, h in swaps)
        swaps = [(g, h) for g, h in swaps if values[h] - values[g] == most]
    g, h = rng.choice(swaps)
    give = rng.randint(1, min(2, mine[g]))
    get = rng.randint(1, min(2, others[h]))
    thinking = f"I have {mine[g]} {GOODS[g]}. {GOODS[g]} is worth {values[g]} and {GOODS[h]} {values[h]}. I offer."
    return Choice(thinking, f"offer {give} {GOODS[g]} -> {get} {GOODS[h]}")


def _worth(amounts: tuple[int, ...], values: tuple[int, ...]) -> int:
    return sum(a * v for a, v in zip(amounts, values, strict=True))


def _spell_out_sum(amounts: tuple[int, ...], values: tuple[int, ...]) -> str:
    terms = [f"{a}*{v}" for a, v in zip(amounts, values, strict=True) if a]
    return f"{'+'.join(terms)}={_worth(amounts, values)}"


PLAYERS: dict[str, Player] = {"kuhn_poker": kuhn, "tictactoe": squares, "simple_negotiation": trader}
