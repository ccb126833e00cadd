"""States for the contract check: visited by random games, plus variants with one action changed.

Nothing here evaluates a game; the clauses do. A game may raise in every call.
"""

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action
from mirrormatch.seeds import derive

NUM_STATES = 300  # number of different states at which the clauses are evaluated
NUM_VARIANTS = 12  # number of histories, for one state, that differ from its own in one place
NUM_SAMPLED = 3  # random moves drawn at one state
MAX_DEALT_IN_A_ROW = 1_000  # more chance moves in a row than this count as an endless loop

AnyGame: TypeAlias = Game[Any, Any]
Errors: TypeAlias = Iterator[str]  # each describes an error and the correct behaviour


class Visit(NamedTuple):
    """A state that a random game went through.

    Attributes:
        state: the state itself.
        role: the role to act, `CHANCE` or `OVER`.
        path: every action since the start, chance's included.
        seed: the game's seed.
    """

    state: Any
    role: int
    path: tuple[Action, ...]
    seed: int


def play_random_game(game: AnyGame, seed: int, style: int, visits: list[Visit]) -> Errors:
    """Plays one game and appends its states to `visits`.

    Args:
        game: the game to play.
        seed: seed of the game's generator.
        style: 0 always takes the first legal move, 1 the last one, other numbers a random one.
        visits: the list to which the visited states are appended.
    """
    rng = random.Random(seed)
    state, path = game.start(), tuple[Action, ...]()
    num_moves = num_dealt = 0
    while (role := game.to_act(state)) != OVER:
        visits.append(Visit(state, role, path, seed))
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
            yield f"the game continues after {game.info.max_turns} moves: end it, or increase info.max_turns"
        if num_dealt > MAX_DEALT_IN_A_ROW:
            yield f"chance acted {num_dealt} times in a row: it must hand over to a role or end the game"
        state, path = game.apply(state, action), (*path, action)
    visits.append(Visit(state, OVER, path, seed))


def select_distinct(visits: Sequence[Visit]) -> list[Visit]:
    """Selects at most `NUM_STATES` different states, spread evenly over all games."""
    by_content = list({describe_state(s.state): s for s in visits}.values())
    return by_content[:: max(1, math.ceil(len(by_content) / NUM_STATES))]


def replay(game: AnyGame, path: Sequence[Action]) -> Any:
    """Applies the actions from the start and returns the state that they lead to."""
    state = game.start()
    for action in path:
        state = game.apply(state, action)
    return state


def variants(game: AnyGame, visit: Visit) -> Iterator[Any]:
    """Yields states with the same role to act whose history differs in one place: another card, another move."""
    options = list[tuple[int, Action]]()
    state = game.start()
    for k, action in enumerate(visit.path):
        others = [a for a, _ in game.chance(state)] if game.to_act(state) == CHANCE else game.legal(state) or ()
        options += [(k, a) for a in others if a != action]
        state = game.apply(state, action)
    rng = random.Random(derive(visit.seed, "twins", *visit.path))
    for k, other in rng.sample(options, min(len(options), NUM_VARIANTS)):
        try:
            variant = replay(game, (*visit.path[:k], other, *visit.path[k + 1 :]))
        except ValueError:
            continue  # the rest of the history isn't allowed after this one
        if game.to_act(variant) == visit.role and variant != visit.state:
            yield variant


def roles(game: AnyGame) -> range:
    """The number of every role."""
    return range(len(game.info.roles))


def moves(game: AnyGame, visit: Visit) -> tuple[Action, ...]:
    """The legal moves; where the text is free, samples of random players and the solver's moves."""
    legal = game.legal(visit.state)
    if legal is not None:
        return legal
    view = game.view(visit.state, visit.role)
    rng = random.Random(derive(visit.seed, "moves", *visit.path))
    sampled = {game.sample(view, None, rng) for _ in range(NUM_SAMPLED)}
    solved = {action for action, _ in game.solution(view)} if game.info.solver else set[Action]()
    return tuple(sorted(sampled | solved))


def describe_state(state: Any) -> str:
    """Returns the state's repr, or a substitute if its `__repr__` raises."""
    try:
        return repr(state)
    except Exception as problem:
        return f"<a state at {id(state):#x} whose repr raises {type(problem).__name__}>"
