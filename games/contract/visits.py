"""States to ask a game's contract at: those that random games come by, and their twins.

Nothing here judges a game; the clauses do. A game may raise anywhere.
"""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action
from mirrormatch.seeds import derive

NUM_STATES = 300  # at how many different states the clauses are asked
NUM_TWINS = 12  # of one state: how many histories that differ from its own in one place
NUM_SAMPLED = 3  # random moves drawn at one state
MAX_DEALT_IN_A_ROW = 1_000  # chance that never hands over to a player

AnyGame: TypeAlias = Game[Any, Any]
Wrongs: TypeAlias = Iterator[str]  # what is wrong, and what it should be


class Spot(NamedTuple):
    """A state that a game came by: who acts, every action since the start (chance's too), and the game's seed."""

    state: Any
    role: int
    path: tuple[Action, ...]
    seed: int


def play(game: AnyGame, seed: int, style: int, spots: list[Spot]) -> Wrongs:
    """One game, its states appended to `spots`. Game 0 always takes the first move, game 1 the last, others any."""
    rng = random.Random(seed)
    state, path = game.start(), tuple[Action, ...]()
    num_moves = num_dealt = 0
    while (role := game.to_act(state)) != OVER:
        spots.append(Spot(state, role, path, seed))
        if role != CHANCE and role not in roles(game):
            yield f"to_act() is {role!r}: it must be CHANCE, OVER or one of {len(roles(game))} roles, counted from 0"
        if role == CHANCE:
            action = rng.choice(game.chance(state))[0]
            num_dealt += 1
        else:
            legal = game.legal(state)
            options = [game.sample(game.view(state, role), None, rng)] if legal is None else legal
            action = {0: options[0], 1: options[-1]}.get(style) or rng.choice(options)
            num_moves, num_dealt = num_moves + 1, 0
        if num_moves > game.info.max_turns:
            yield f"the game goes on after {game.info.max_turns} moves: end it, or raise info.max_turns"
        if num_dealt > MAX_DEALT_IN_A_ROW:
            yield f"chance acted {num_dealt} times in a row: it must hand over to a role or end the game"
        state, path = game.apply(state, action), (*path, action)
    spots.append(Spot(state, OVER, path, seed))


def different(spots: Sequence[Spot]) -> list[Spot]:
    """At most `NUM_STATES` different states, spread evenly over the play."""
    by_content = list({said(s.state): s for s in spots}.values())
    return by_content[:: max(1, math.ceil(len(by_content) / NUM_STATES))]


def replayed(game: AnyGame, path: Sequence[Action]) -> Any:
    """The state that the actions lead to from the start."""
    state = game.start()
    for action in path:
        state = game.apply(state, action)
    return state


def twins(game: AnyGame, spot: Spot) -> Iterator[Any]:
    """Other states of the same role whose history differs in one place: other cards, another move somebody made."""
    options = list[tuple[int, Action]]()
    state = game.start()
    for k, action in enumerate(spot.path):
        others = [a for a, _ in game.chance(state)] if game.to_act(state) == CHANCE else game.legal(state) or ()
        options += [(k, a) for a in others if a != action]
        state = game.apply(state, action)
    rng = random.Random(derive(spot.seed, "twins", *spot.path))
    for k, other in rng.sample(options, min(len(options), NUM_TWINS)):
        try:
            twin = replayed(game, (*spot.path[:k], other, *spot.path[k + 1 :]))
        except ValueError:
            continue  # the rest of the history isn't allowed after this one
        if game.to_act(twin) == spot.role and twin != spot.state:
            yield twin


def roles(game: AnyGame) -> range:
    """Every role's number."""
    return range(len(game.info.roles))


def moves(game: AnyGame, spot: Spot) -> tuple[Action, ...]:
    """The legal moves; where the text is free, what random players and the solver would say."""
    legal = game.legal(spot.state)
    if legal is not None:
        return legal
    view = game.view(spot.state, spot.role)
    rng = random.Random(derive(spot.seed, "moves", *spot.path))
    sampled = {game.sample(view, None, rng) for _ in range(NUM_SAMPLED)}
    solved = {action for action, _ in game.solution(view)} if game.info.solver else set[Action]()
    return tuple(sorted(sampled | solved))


def said(state: Any) -> str:
    """The state in words, whatever it is."""
    try:
        return repr(state)
    except Exception as problem:
        return f"<a state at {id(state):#x} whose repr raises {type(problem).__name__}>"
