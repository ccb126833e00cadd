"""The spellings of moves in deal or no deal: how commands, amounts and demands are read and written."""

import functools
import operator
import re

from mirrormatch.games.player_text import normalise
from mirrormatch.games.talk._binding import amount_pattern, join_move, read_amounts, split_move
from mirrormatch.games.talk.deal_or_no_deal.state import ITEMS, Amounts, Move
from mirrormatch.games.types import Action, Problem, ProblemKind

_NUM_CACHED = 4_096  # results of each function that is called again and again
_AMOUNT = amount_pattern(ITEMS)
_DEMAND = re.compile(r"i take ([^.;:]*)")


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def read_move(text: str, counts: Amounts, must_propose: bool) -> Move | Problem:
    """Reads the move in `binding | words`. The binding part is a whole command, never a word inside a sentence."""
    if text.count("|") > 1:
        return Problem(ProblemKind.AMBIGUOUS, "more than one bar: one move at a time")
    binding, words = split_move(text)
    command = normalise(binding)
    if command == "say":
        if must_propose:
            return Problem(ProblemKind.ILLEGAL, "the talk is over: propose what you take")
        return Move("say", None, words)
    if command.startswith(("propose ", "propose:")):
        takes = _read_takes(command.removeprefix("propose").strip(": "), counts)
        return takes if isinstance(takes, Problem) else Move("propose", takes, words)
    return Problem(ProblemKind.NONE, "a move reads 'say | WORDS' or 'propose 1 book 2 hats'")


def _read_takes(text: str, counts: Amounts) -> Amounts | Problem:
    takes = _read_amounts(text, counts)
    if takes is None:
        return Problem(ProblemKind.NONE, "a proposal reads: propose 1 book 2 hats")
    for item, n, there in zip(ITEMS, takes, counts, strict=True):
        if n > there:
            return Problem(
                ProblemKind.ILLEGAL, f"there {'is' if there == 1 else 'are'} only {count_items(there, item)}"
            )
    return takes


@functools.lru_cache(_NUM_CACHED)
def read_demand(words: str, counts: Amounts) -> Amounts | None:
    """The items that the speaker demands, in the words that random players and the solver use."""
    demand = _DEMAND.match(words.casefold())
    takes = _read_amounts(demand[1].strip(), counts) if demand else None
    return takes if takes is not None and all(map(operator.le, takes, counts)) else None


def _read_amounts(text: str, counts: Amounts) -> Amounts | None:
    """Reads the amount of each type; None where the text holds anything else or names a type twice."""
    if text in ("nothing", "everything"):
        return counts if text == "everything" else (0,) * len(ITEMS)
    return read_amounts(text, ITEMS, _AMOUNT)


def spell_move(move: Move) -> Action:
    """The canonical spelling of a move; `read_move` reads it back."""
    binding = "say" if move.takes is None else f"propose {list_items(move.takes)}"
    return join_move(binding, move.words)


@functools.lru_cache(_NUM_CACHED)
def list_items(amounts: Amounts) -> str:
    """The items of every type that is there: `(1, 2, 0)` becomes `"1 book 2 hats"`."""
    return " ".join(count_items(n, item) for n, item in zip(amounts, ITEMS, strict=True) if n) or "nothing"


def count_items(n: int, item: str) -> str:
    """A number of items of one type: `"1 book"`, `"2 books"`."""
    return f"{n} {item}{'s' * (n != 1)}"
