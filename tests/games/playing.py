"""Helpers that play a game in tests: by texts, or by solvers and random players."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from mirrormatch.games import CHANCE, OVER, Action, Problem, ProblemKind


def play_texts(game: Any, state: Any, texts: Iterable[str]) -> Any:
    """The state after the texts, each read as an agent's reply; every one must be a move."""
    for text in texts:
        move = game.parse(state, text)
        assert not isinstance(move, Problem), f"{text!r}: {move}"
        state = game.apply(state, move)
    return state


def play_game(game: Any, solvers: Sequence[bool], seed: int) -> tuple[Any, list[Action]]:
    """Plays a game between solvers and random players; returns its last state and all actions.

    Args:
        game: the rules.
        solvers: whether the player in each seat is the solver.
        seed: the seed of chance and of every player.
    """
    rng, state, path = random.Random(seed), game.start(), list[Action]()
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE or solvers[role]:
            options = game.chance(state) if role == CHANCE else game.solution(game.view(state, role))
            path.append(rng.choices([a for a, _ in options], [p for _, p in options])[0])
        else:
            path.append(game.sample(game.view(state, role), game.legal(state), rng))
        state = game.apply(state, path[-1])
    return state, path


def problem_kind(game: Any, state: Any, text: str) -> ProblemKind:
    """The kind of problem with the text, which must not be a move."""
    move = game.parse(state, text)
    assert isinstance(move, Problem), f"{text!r} was read as {move!r}"
    return move.kind
