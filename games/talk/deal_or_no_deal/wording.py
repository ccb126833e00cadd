"""The texts that a game of deal or no deal shows. They are made from a player's view alone."""

import functools

from mirrormatch.games.player_text import quote_message
from mirrormatch.games.talk.deal_or_no_deal.reading import count_items, spell_move
from mirrormatch.games.talk.deal_or_no_deal.scoring import score_points
from mirrormatch.games.talk.deal_or_no_deal.state import ITEMS, Amounts, Move, View

_NUM_CACHED = 4_096  # results of each function that is called again and again


def render_view(view: View, objective: str, num_turns: int) -> str:
    """The items, the player's own values and all moves, then the turn or the result."""
    role, counts, values, moves, begins, points = view
    if begins < 0:
        return "The items are not dealt yet."
    speakers = ("You", "Other") if begins == role else ("Other", "You")
    text = f"{_describe_items(counts, values)}\n"
    for k, move in enumerate(moves):
        text += f"{speakers[k % 2]}: {_show_move(move)}\n"
    if points is not None:
        return text + _describe_result(points, role, objective)
    if moves and moves[-1].kind == "propose":
        return text + (
            "The talk is over: you must propose." if _player_to_move(view) == role else "Wait for the other."
        )
    if len(moves) >= num_turns:
        return text + "The talk is over: both must propose."
    return f"{text}Turn {len(moves) + 1} of {num_turns}."


def _player_to_move(view: View) -> int:
    return (view.begins + len(view.moves)) % 2


@functools.lru_cache(_NUM_CACHED)
def _describe_items(counts: Amounts, values: Amounts) -> str:
    items = ", ".join(count_items(n, item) for n, item in zip(counts, ITEMS, strict=True))
    worth = ", ".join(f"each {item} {v}" for v, item in zip(values, ITEMS, strict=True))
    return f"Items: {items}.\nWorth to you: {worth}."


@functools.lru_cache(_NUM_CACHED)
def _show_move(move: Move) -> str:
    """A move as a player sees it; a hidden proposal is only mentioned."""
    is_hidden = move.kind == "propose" and move.takes is None
    binding = "ends the talk with a secret proposal" if is_hidden else spell_move(move._replace(words=""))
    return f"{binding} {quote_message(move.words)}" if move.words else binding


def _describe_result(points: tuple[int, int], role: int, objective: str) -> str:
    if points == (0, 0):
        return "No deal: the proposals are not exactly all items. Your score: 0."
    score = score_points(points, objective)[role]
    worth = f"worth {points[role]} to you; what the other takes is worth {points[1 - role]} to it"
    return f"Deal: what you take is {worth}. Your score: {score:.0f}."
