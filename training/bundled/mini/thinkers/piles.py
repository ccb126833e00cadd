"""The thinker of nim: it adds piles without carry, in binary."""

import functools
import operator

from mirrormatch.games.board import nim
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_move, join_words


def think_nim(sight: Sight) -> Thought:
    """Names the nim sum before and after its move."""
    view: nim.View = sight.view
    move = draw_move(sight)
    pile, taken = nim.LETTERS.index(move[0]), int(move[1:])
    after = tuple(n - taken * (k == pile) for k, n in enumerate(view.left))
    return Thought(f"{_describe(view.left)}. {move} leaves {_describe(after)}. I take {move}.", move)


def _describe(left: tuple[int, ...]) -> str:
    return f"{join_words(left)}: sum {functools.reduce(operator.xor, left)}, {sum(n > 1 for n in left)} over 1"


THINKERS = {"nim": think_nim}
