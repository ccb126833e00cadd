"""The clauses of the contract that every game keeps.

A clause is a function that yields what is wrong, in words for the game's author. Clauses trust nothing: whatever a game
raises in them is a finding too (contract.py catches it). The tables at the end name them.
"""

import copy
import math
import random
from collections.abc import Callable, Sequence

from mirrormatch.games.contract.visits import (
    NUM_SAMPLED,
    AnyGame,
    Spot,
    Wrongs,
    different,
    moves,
    play,
    replayed,
    roles,
    said,
    twins,
)
from mirrormatch.games.types import CHANCE, OVER, Action, Problem
from mirrormatch.text import one_line, printable

NUM_REPEATED = 20  # how many games are played a second time, to compare
LONG_CHARS = 100_000
TOLERANCE = 1e-9  # of sums of probabilities and of returns

# Replies that name no move; {0} and {1} stand for two different moves.
_JUNK = (
    "", " \n\t ", "...", "xyzzy plugh", "x" * LONG_CHARS, "你好 ✨ ЯЖ", "\x00\x1b[2J\u202e\x07", "\ud800", "<|im_end|>",
    "<script>alert(1)</script>", "I refuse to [{0}]", "I refuse to {0}", "I will never {0}.", "anything but {0}",
    "{0} or {1}", "{0}, {1}", "[{0}] [{1}]", "{0} {1}", "If {0} fails then {1}",
)  # fmt: skip
_SPELLINGS = ("{0}", "[{0}]", '"{0}"', "'{0}'", " {0}.\n")


# at one state


def _states_are_values(game: AnyGame, spot: Spot) -> Wrongs:
    again = replayed(game, spot.path)
    if again != spot.state or hash(again) != hash(spot.state):
        yield "the same actions lead to another state: states with equal content must be equal and hash alike"


def _apply_leaves_the_state(game: AnyGame, spot: Spot) -> Wrongs:
    before, key = copy.deepcopy(spot.state), hash(spot.state)
    comparable = before == spot.state
    for action in _next_actions(game, spot):
        if game.apply(spot.state, action) is spot.state:
            yield f"apply({action!r}) returns the state it was given: it must return a new one"
        if hash(spot.state) != key or (comparable and before != spot.state):
            yield f"apply({action!r}) changes the state it is given: it must make a new one"


def _next_actions(game: AnyGame, spot: Spot) -> tuple[Action, ...]:
    if spot.role == OVER:
        return ()
    return tuple(a for a, _ in game.chance(spot.state)) if spot.role == CHANCE else moves(game, spot)


def _chance_adds_up(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role != CHANCE:
        return
    if not game.info.random:
        yield "info.random is False, but chance acts here"
    dealt = game.chance(spot.state)
    total = sum(p for _, p in dealt)
    if not abs(total - 1) <= TOLERANCE:
        yield f"the probabilities of chance add up to {total}, not to 1"
    if any(not p > 0 for _, p in dealt):
        yield "a chance outcome has no probability above 0: leave it out"
    if len({a for a, _ in dealt}) < len(dealt):
        yield f"a chance outcome is listed twice: {[a for a, _ in dealt]}"
    for action, _ in dealt:
        game.apply(spot.state, action)


def _legal_is_in_order(game: AnyGame, spot: Spot) -> Wrongs:
    legal = game.legal(spot.state)
    if spot.role in (CHANCE, OVER):
        if legal:
            yield f"legal() lists {legal!r} where no role acts: it must be empty"
    elif legal is None:
        if not game.info.open_text:
            yield "legal() is None here, but info.open_text is False"
    elif not isinstance(legal, tuple) or not all(isinstance(a, str) and a for a in legal):
        yield f"legal() must be a tuple of non-empty str, not {legal!r}"
    elif not legal:
        yield "the role to act has no legal move"
    elif list(legal) != sorted(set(legal)):
        yield f"legal() must be sorted and without repetition: {legal!r}"


def _illegal_is_refused(game: AnyGame, spot: Spot) -> Wrongs:
    for action in sorted(_illegal(game, spot)):
        try:
            game.apply(spot.state, action)
        except ValueError:
            continue
        except Exception as problem:
            yield f"apply({action!r}) must raise ValueError, not {type(problem).__name__}: {problem}"
        yield f"apply({action!r}) is not allowed here and must raise ValueError"


def _illegal(game: AnyGame, spot: Spot) -> set[Action]:
    """Actions of other moments, outcomes run together, and nonsense: all that isn't allowed at the spot."""
    tried = {"", "xyzzy", *spot.path, *game.notation(spot.state).values()}
    if spot.role == CHANCE:
        dealt = [a for a, _ in game.chance(spot.state)]
        return (tried | {"".join(dealt[:2]), "".join(dealt)}) - set(dealt)
    legal = game.legal(spot.state)
    if spot.role == OVER or legal is not None:
        return tried - set(legal or ())
    return {a for a in tried if isinstance(game.parse(spot.state, a), Problem)}


def _observation_is_the_view(game: AnyGame, spot: Spot) -> Wrongs:
    for role in roles(game):
        seen = game.observe(spot.state, role)
        if seen.role != role:
            yield f"observe(state, {role}) is for role {seen.role}"
        if not seen.text.strip() or printable(seen.text) != seen.text:
            yield f"role {role} is shown {seen.text!r}: it must be text without control characters"
        if seen.text != game.render(game.view(spot.state, role)):
            yield f"role {role} is shown something else than render(view): {seen.text!r}"
        if seen.legal != (game.legal(spot.state) if role == spot.role else ()):
            yield f"role {role} is shown the moves {seen.legal!r}: the role to act sees all, the others none"


def _view_is_hashable(game: AnyGame, spot: Spot) -> Wrongs:
    for role in roles(game):
        if hash(game.view(spot.state, role)) != hash(game.view(spot.state, role)):
            yield f"role {role}'s view hashes differently each time: views with equal content must hash alike"


def _alike_is_shown_alike(game: AnyGame, spot: Spot) -> Wrongs:
    for twin in twins(game, spot):
        for role in roles(game):
            if game.view(twin, role) != game.view(spot.state, role):
                continue
            if not game.info.hidden:
                yield f"info.hidden is False, but role {role} can't tell this state from {said(twin)}"
            if game.observe(twin, role) != game.observe(spot.state, role):
                yield f"role {role} has the same view as in {said(twin)} but is shown something else: it must not know"


def _moves_are_read_back(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role < 0:
        return
    free = game.legal(spot.state) is None
    for action in moves(game, spot):
        if game.parse(spot.state, action) != action:
            yield f"parse({action!r}) gives {game.parse(spot.state, action)!r}: a move in its own notation is that move"
        for spelling in _SPELLINGS:
            for text in (spelling.format(action), spelling.format(action.upper())):
                move = game.parse(spot.state, text)
                if isinstance(move, Problem) or not (free or move == action):  # free words may keep their spelling
                    yield f"parse({text!r}) gives {move!r}, not {action!r}: case, brackets and quotes are forgiven"


def _junk_is_no_move(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role < 0:
        return
    legal = game.legal(spot.state)
    options = moves(game, spot)
    # Where anything that is said counts, as a clue does, nothing is junk; what is said must then be kept.
    read = {game.parse(spot.state, text) for text in ("xyzzy plugh", "plugh xyzzy")}
    if legal is None and len(read) > 1 and not any(isinstance(move, Problem) for move in read):
        return
    for pattern in _JUNK:
        if "{1}" in pattern and len(options) < 2:
            continue
        text = pattern.format(options[0], options[-1])
        move = game.parse(spot.state, text)
        if not isinstance(move, Problem) and text not in options:
            yield f"parse({one_line(text, 60)!r}) gives the move {move!r}: it must be a Problem"


def _samples_are_moves(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role < 0:
        return
    legal, view = game.legal(spot.state), game.view(spot.state, spot.role)
    for k in range(NUM_SAMPLED):
        action = game.sample(view, legal, random.Random(k))
        if action != game.sample(view, legal, random.Random(k)):
            yield "sample() gives different moves for equal generators: it must use the generator that it is given"
        if game.parse(spot.state, action) != action:
            yield f"sample() gives {action!r}, which is read as {game.parse(spot.state, action)!r}"
        game.apply(spot.state, action)


def _solution_adds_up(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role < 0 or game.info.solver is None:
        return
    solved = game.solution(game.view(spot.state, spot.role))
    total = sum(p for _, p in solved)
    if not abs(total - 1) <= TOLERANCE or any(p < 0 for _, p in solved):
        yield f"the probabilities of solution() add up to {total}, not to 1, or one is negative: {solved!r}"
    for action, _ in solved:
        if game.parse(spot.state, action) != action:
            yield f"solution() gives {action!r}, which is no move here"
        game.apply(spot.state, action)


def _returns_within_bounds(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role == OVER:
        yield from _out_of_bounds(game, game.returns(spot.state), "returns()")


def _returns_add_up(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role == OVER:
        yield from _not_zero_sum(game, game.returns(spot.state), "returns()")


def _returns_are_shared(game: AnyGame, spot: Spot) -> Wrongs:
    if spot.role == OVER and game.info.cooperative and len(set(game.returns(spot.state))) > 1:
        yield f"returns() gives {game.returns(spot.state)!r}, but info.cooperative is True: all roles get the same"


def _seats_are_equal(game: AnyGame, spot: Spot) -> Wrongs:
    mirrored = game.mirrored(spot.path) if spot.role == OVER else None
    if mirrored is None:
        return
    if game.mirrored(mirrored) != spot.path:
        yield f"mirrored() twice must give the game back: {list(mirrored)} does not"
    other = replayed(game, mirrored)
    if game.to_act(other) != OVER or game.returns(other) != game.returns(spot.state)[::-1]:
        yield f"the same game with the seats exchanged, {list(mirrored)}, must end in the returns the other way round"


def _out_of_bounds(game: AnyGame, returns: tuple[float, ...], source: str) -> Wrongs:
    low, high = game.info.min_return, game.info.max_return
    if len(returns) != len(game.info.roles):
        yield f"{source} gives {returns!r}: it must give one number for each of {len(game.info.roles)} roles"
    if not all(low <= r <= high for r in returns):
        yield f"{source} gives {returns!r}, outside of info.min_return = {low} to info.max_return = {high}"


def _not_zero_sum(game: AnyGame, returns: tuple[float, ...], source: str) -> Wrongs:
    if game.info.zero_sum and not abs(sum(returns)) <= TOLERANCE:
        yield f"{source} gives {returns!r}, which don't add up to 0, but info.zero_sum is True"


# over all games


def _name_is_the_file(game: AnyGame, spots: Sequence[Spot]) -> Wrongs:
    file = type(game).__module__.rpartition(".")[2]
    if "/" not in game.info.name and game.info.name.partition(":")[0] != file:
        yield f"info.name is {game.info.name!r}, but the file is '{file}.py': a game is found by its file's name"


def _facts_make_sense(game: AnyGame, spots: Sequence[Spot]) -> Wrongs:
    info = game.info
    if not info.roles or len(set(info.roles)) < len(info.roles) or not all(info.roles):
        yield f"info.roles must be different names, at least one: {info.roles!r}"
    if not (math.isfinite(info.min_return) and math.isfinite(info.max_return) and info.min_return < info.max_return):
        yield f"info.min_return = {info.min_return} must be below info.max_return = {info.max_return}, both finite"
    if info.win_at is not None and not info.min_return <= info.win_at <= info.max_return:
        yield f"info.win_at = {info.win_at} can never be told: it must lie between info.min_return and info.max_return"
    if info.cooperative and info.zero_sum:
        yield "info.cooperative and info.zero_sum are both True: a game is one or the other"
    if info.version < 1 or info.max_turns < 1:
        yield f"info.version = {info.version} and info.max_turns = {info.max_turns} must be at least 1"
    if not info.source.strip() or not (type(game).__doc__ or "").strip():
        yield "info.source and the class's docstring must say where the game comes from and what it is"
    if not game.rules().strip() or printable(game.rules()) != game.rules():
        yield "rules() must be text without control characters"


def _flags_are_used(game: AnyGame, spots: Sequence[Spot]) -> Wrongs:
    if game.info.random and not any(s.role == CHANCE for s in spots):
        yield f"info.random is True, but chance never acted in {len(spots)} states"
    if game.info.open_text and not any(s.role >= 0 and game.legal(s.state) is None for s in spots):
        yield f"info.open_text is True, but legal() was never None in {len(spots)} states"
    if game.info.hidden and not _hides_something(game, spots):
        yield f"info.hidden is True, but every role could tell all histories apart in {len(spots)} states"


def _hides_something(game: AnyGame, spots: Sequence[Spot]) -> bool:
    at_moves = (s for s in different([s for s in spots if s.role >= 0]))
    return any(
        game.view(twin, role) == game.view(s.state, role)
        for s in at_moves
        for twin in twins(game, s)
        for role in roles(game)
    )


def _forfeits_are_losses(game: AnyGame, spots: Sequence[Spot]) -> Wrongs:
    for spot in (s for s in different(spots) if s.role in roles(game)):
        role = spot.role
        returns = game.forfeited(spot.state, role)
        yield from _out_of_bounds(game, returns, f"forfeited(state, {role})")
        yield from _not_zero_sum(game, returns, f"forfeited(state, {role})")
        if returns[role] > game.info.forfeit:
            yield f"forfeited(state, {role}) gives it {returns[role]}, more than info.forfeit = {game.info.forfeit}"
        if any(r < returns[role] or (r == returns[role] and game.info.zero_sum) for r in _others(returns, role)):
            yield f"forfeited(state, {role}) gives {returns!r}: who fails to move must not profit from it"


def _others(returns: tuple[float, ...], role: int) -> tuple[float, ...]:
    return returns[:role] + returns[role + 1 :]


def _games_repeat(game: AnyGame, spots: Sequence[Spot]) -> Wrongs:
    seeds = list(dict.fromkeys(s.seed for s in spots))
    for k, seed in enumerate(seeds[:NUM_REPEATED]):
        again: list[Spot] = []
        next(play(game, seed, k, again), None)
        if again != [s for s in spots if s.seed == seed]:
            yield f"game {k} (seed {seed}) went differently the second time: keep nothing outside of the state"


AT_A_STATE: dict[str, Callable[[AnyGame, Spot], Wrongs]] = {
    "states are values": _states_are_values,
    "apply leaves the state": _apply_leaves_the_state,
    "chance adds up": _chance_adds_up,
    "legal is in order": _legal_is_in_order,
    "illegal is refused": _illegal_is_refused,
    "observation is the view": _observation_is_the_view,
    "view is hashable": _view_is_hashable,
    "alike is shown alike": _alike_is_shown_alike,
    "moves are read back": _moves_are_read_back,
    "junk is no move": _junk_is_no_move,
    "samples are moves": _samples_are_moves,
    "solution adds up": _solution_adds_up,
    "returns within bounds": _returns_within_bounds,
    "returns add up": _returns_add_up,
    "returns are shared": _returns_are_shared,
    "seats are equal": _seats_are_equal,
}
OVER_ALL: dict[str, Callable[[AnyGame, Sequence[Spot]], Wrongs]] = {
    "name is the file": _name_is_the_file,
    "facts make sense": _facts_make_sense,
    "flags are used": _flags_are_used,
    "forfeits are losses": _forfeits_are_losses,
    "games repeat": _games_repeat,
}
