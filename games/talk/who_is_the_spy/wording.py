"""The texts that a game of who is the spy shows. They are made from a player's view alone."""

import functools

from mirrormatch.games.player_text import quote_message
from mirrormatch.games.talk.who_is_the_spy.state import TIE, Ending, Round, View

_NUM_CACHED = 8_192  # results of each function that is called again and again


def render_view(view: View, num_players: int, num_rounds: int) -> str:
    """The player's word, the finished rounds, the round in play, and the request for a move or the result."""
    role, players = view.role, view.players
    if not view.word:
        return "The words are not dealt yet."
    text = f"You are player {role + 1} of {num_players}. Your word: {view.word}.\n"
    for number, done in enumerate(view.rounds, 1):
        text += _describe_round(number, done, role)
    if view.ending is not None:
        return text + _describe_ending(view.ending, role, view.ending.spy in players)
    text += f"Round {len(view.rounds) + 1} of {num_rounds}. Still in: {_list_players(players, role)}.\n"
    for k, clue in enumerate(view.clues):
        text += f"{_name_player(players[k], role)}: {_quote(clue)}\n"
    return text + _request_move(view)


@functools.lru_cache(_NUM_CACHED)
def _describe_round(number: int, done: Round, role: int) -> str:
    """A finished round."""
    lines = [f"Round {number}:"]
    lines += [f"{_name_player(p, role)}: {_quote(clue)}" for p, clue in zip(done.players, done.clues, strict=True)]
    votes = zip(done.players, done.votes, strict=True)
    lines.append("Votes: " + ", ".join(f"{_name_player(p, role)} -> {_name_player(v, role)}" for p, v in votes) + ".")
    lines.append("A tie: no player is out." if done.out == TIE else f"Out: {_name_player(done.out, role)}.")
    return "\n".join(lines) + "\n"


def _request_move(view: View) -> str:
    role, players, vote = view.role, view.players, view.vote
    if role not in players:
        return "You are out."
    if len(view.clues) < len(players):
        turn = players[len(view.clues)]
        return "Your turn: give a clue to your word." if turn == role else f"Player {turn + 1} gives a clue."
    return _request_vote(players, role) if vote is None else f"You voted for player {vote + 1}."


@functools.cache
def _request_vote(players: tuple[int, ...], role: int) -> str:
    return f"Vote now: {_list_players(tuple(p for p in players if p != role), role)}."


def _describe_ending(ending: Ending, role: int, spy_won: bool) -> str:
    spy = "You were" if ending.spy == role else f"Player {ending.spy + 1} was"
    winner = "spy has" if spy_won else "others have"
    return f"{spy} the spy, with the word {ending.spy_word}; all others had {ending.word}. The {winner} won."


@functools.cache
def _name_player(player: int, role: int) -> str:
    return "You" if player == role else f"Player {player + 1}"


@functools.cache
def _list_players(players: tuple[int, ...], role: int) -> str:
    return ", ".join("you" if p == role else f"player {p + 1}" for p in players)


@functools.lru_cache(_NUM_CACHED)
def _quote(clue: str) -> str:
    return quote_message(clue)
