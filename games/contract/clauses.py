"""The clauses of the contract for games.

A clause is a function that yields errors, worded for the game's author. Clauses trust nothing: an exception of the game
inside one is a finding too (check.py catches it). The tables at the end name the clauses.
"""

import copy
import math
import random
from collections.abc import Callable, Sequence

from mirrormatch.games.contract.credit import parts_are_dealt_once, rewards_add_up
from mirrormatch.games.contract.growth import COMMON, MAX_GROWTH, find_bomb, list_units, reduce_to_form
from mirrormatch.games.contract.visits import (
    NUM_SAMPLED,
    AnyGame,
    Errors,
    Visit,
    describe_state,
    moves,
    play_random_game,
    replay,
    roles,
    select_distinct,
    variants,
)
from mirrormatch.games.types import CHANCE, OVER, Action, Problem
from mirrormatch.text import one_line, printable

MAX_FORMS = 24  # number of forms of moves whose reading is timed
NUM_REPEATED = 20  # number of games played a second time for comparison
LONG_CHARS = 100_000
TOLERANCE = 1e-9  # allowed error of sums of probabilities and of returns

# Replies that name no move; {0} and {1} are replaced by two different moves.
_JUNK = (
    "", " \n\t ", "...", "xyzzy plugh", "x" * LONG_CHARS, "你好 ✨ ЯЖ", "\x00\x1b[2J\u202e\x07", "\ud800", "<|im_end|>",
    "<script>alert(1)</script>", "I refuse to [{0}]", "I refuse to {0}", "I will never {0}.", "anything but {0}",
    "{0} or {1}", "{0}, {1}", "[{0}] [{1}]", "{0} {1}", "If {0} fails then {1}",
    "[ ] {0}", "!{0}", "<{0}", ".{0}", "${0}", "[{0}",
)  # fmt: skip
_SPELLINGS = ("{0}", "[{0}]", '"{0}"', "'{0}'", " {0}.\n")


# at one state


def _states_are_values(game: AnyGame, visit: Visit) -> Errors:
    again = replay(game, visit.path)
    if again != visit.state or hash(again) != hash(visit.state):
        yield "the same actions lead to another state: states with equal content must be equal and hash alike"


def _apply_leaves_the_state(game: AnyGame, visit: Visit) -> Errors:
    before, key = copy.deepcopy(visit.state), hash(visit.state)
    comparable = before == visit.state
    for action in _next_actions(game, visit):
        if game.apply(visit.state, action) is visit.state:
            yield f"apply({action!r}) returns its argument: it must return a new state"
        if hash(visit.state) != key or (comparable and before != visit.state):
            yield f"apply({action!r}) changes its argument: it must make a new state"


def _next_actions(game: AnyGame, visit: Visit) -> tuple[Action, ...]:
    if visit.role == OVER:
        return ()
    return tuple(a for a, _ in game.chance(visit.state)) if visit.role == CHANCE else moves(game, visit)


def _chance_adds_up(game: AnyGame, visit: Visit) -> Errors:
    if visit.role != CHANCE:
        return
    if not game.info.random:
        yield "info.random is False, but chance acts here"
    dealt = game.chance(visit.state)
    total = sum(p for _, p in dealt)
    if not abs(total - 1) <= TOLERANCE:
        yield f"the probabilities of chance add up to {total}, not to 1"
    if any(not p > 0 for _, p in dealt):
        yield "a chance outcome has no probability above 0: leave it out"
    if len({a for a, _ in dealt}) < len(dealt):
        yield f"a chance outcome is listed twice: {[a for a, _ in dealt]}"
    for action, _ in dealt:
        game.apply(visit.state, action)


def _legal_is_in_order(game: AnyGame, visit: Visit) -> Errors:
    legal = game.legal(visit.state)
    if visit.role in (CHANCE, OVER):
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


def _illegal_is_refused(game: AnyGame, visit: Visit) -> Errors:
    for action in sorted(_illegal_actions(game, visit)):
        try:
            game.apply(visit.state, action)
        except ValueError:
            continue
        except Exception as problem:
            yield f"apply({action!r}) must raise ValueError, not {type(problem).__name__}: {problem}"
        yield f"apply({action!r}) is not allowed here and must raise ValueError"


def _illegal_actions(game: AnyGame, visit: Visit) -> set[Action]:
    """Actions that aren't allowed at the visit: those of other moments, concatenated outcomes, and nonsense."""
    tried = {"", "xyzzy", *visit.path, *game.notation(visit.state).values()}
    if visit.role == CHANCE:
        dealt = [a for a, _ in game.chance(visit.state)]
        return (tried | {"".join(dealt[:2]), "".join(dealt)}) - set(dealt)
    legal = game.legal(visit.state)
    if visit.role == OVER or legal is not None:
        return tried - set(legal or ())
    return {a for a in tried if isinstance(game.parse(visit.state, a), Problem)}


def _observation_is_the_view(game: AnyGame, visit: Visit) -> Errors:
    for role in roles(game):
        seen = game.observe(visit.state, role)
        if seen.role != role:
            yield f"observe(state, {role}) is for role {seen.role}"
        if not seen.text.strip() or printable(seen.text) != seen.text:
            yield f"role {role} is shown {seen.text!r}: it must be text without control characters"
        if seen.text != game.render(game.view(visit.state, role)):
            yield f"role {role} is shown another text than render(view): {seen.text!r}"
        if seen.legal != (game.legal(visit.state) if role == visit.role else ()):
            yield f"role {role} is shown the moves {seen.legal!r}: the role to act sees all, the others none"


def _view_is_hashable(game: AnyGame, visit: Visit) -> Errors:
    for role in roles(game):
        if hash(game.view(visit.state, role)) != hash(game.view(visit.state, role)):
            yield f"role {role}'s view hashes differently each time: views with equal content must hash alike"


def _alike_is_shown_alike(game: AnyGame, visit: Visit) -> Errors:
    for variant in variants(game, visit):
        for role in roles(game):
            if game.view(variant, role) != game.view(visit.state, role):
                continue
            if not game.info.hidden:
                yield f"info.hidden is False, but role {role} can't tell this state from {describe_state(variant)}"
            if game.observe(variant, role) != game.observe(visit.state, role):
                other = describe_state(variant)
                yield f"role {role} has the same view as in {other} but another observation: hidden information leaks"


def _moves_are_read_back(game: AnyGame, visit: Visit) -> Errors:
    if visit.role < 0:
        return
    free = game.legal(visit.state) is None
    for action in moves(game, visit):
        if game.parse(visit.state, action) != action:
            move = game.parse(visit.state, action)
            yield f"parse({action!r}) gives {move!r}: a move in its own notation must be read as that move"
        for spelling in _SPELLINGS:
            for text in (spelling.format(action), spelling.format(action.upper())):
                move = game.parse(visit.state, text)
                if isinstance(move, Problem) or not (free or move == action):  # free words may keep their spelling
                    yield f"parse({text!r}) gives {move!r}, not {action!r}: it must ignore case, brackets and quotes"


def _junk_is_no_move(game: AnyGame, visit: Visit) -> Errors:
    if visit.role < 0:
        return
    legal = game.legal(visit.state)
    options = moves(game, visit)
    # Where every text is a move, a clue for instance, there is no junk; different texts must then be different moves.
    read = {game.parse(visit.state, text) for text in ("xyzzy plugh", "plugh xyzzy")}
    if legal is None and len(read) > 1 and not any(isinstance(move, Problem) for move in read):
        return
    for pattern in _JUNK:
        if "{1}" in pattern and len(options) < 2:
            continue
        text = pattern.format(options[0], options[-1])
        move = game.parse(visit.state, text)
        if not isinstance(move, Problem) and text not in options:
            yield f"parse({one_line(text, 60)!r}) gives the move {move!r}: it must be a Problem"


def _samples_are_moves(game: AnyGame, visit: Visit) -> Errors:
    if visit.role < 0:
        return
    legal, view = game.legal(visit.state), game.view(visit.state, visit.role)
    for k in range(NUM_SAMPLED):
        action = game.sample(view, legal, random.Random(k))
        if action != game.sample(view, legal, random.Random(k)):
            yield "sample() gives different moves for equal generators: it must draw from its argument `rng`"
        if game.parse(visit.state, action) != action:
            yield f"sample() gives {action!r}, which parse() reads as {game.parse(visit.state, action)!r}"
        game.apply(visit.state, action)


def _solution_adds_up(game: AnyGame, visit: Visit) -> Errors:
    if visit.role < 0 or game.info.solver is None:
        return
    solved = game.solution(game.view(visit.state, visit.role))
    total = sum(p for _, p in solved)
    if not abs(total - 1) <= TOLERANCE or any(p < 0 for _, p in solved):
        yield f"the probabilities of solution() add up to {total}, not to 1, or one is negative: {solved!r}"
    for action, _ in solved:
        if game.parse(visit.state, action) != action:
            yield f"solution() gives {action!r}, which isn't a move here"
        game.apply(visit.state, action)


def _returns_within_bounds(game: AnyGame, visit: Visit) -> Errors:
    if visit.role == OVER:
        yield from _check_bounds(game, game.returns(visit.state), "returns()")


def _returns_add_up(game: AnyGame, visit: Visit) -> Errors:
    if visit.role == OVER:
        yield from _check_zero_sum(game, game.returns(visit.state), "returns()")


def _returns_are_shared(game: AnyGame, visit: Visit) -> Errors:
    if visit.role == OVER and game.info.cooperative and len(set(game.returns(visit.state))) > 1:
        yield f"returns() gives {game.returns(visit.state)!r}, but info.cooperative is True: all roles get the same"


def _seats_are_equal(game: AnyGame, visit: Visit) -> Errors:
    swapped = game.swap_seats(visit.path) if visit.role == OVER else None
    if swapped is None:
        return
    if game.swap_seats(swapped) != visit.path:
        yield f"swap_seats() twice must return the original game: {list(swapped)} does not"
    other = replay(game, swapped)
    if game.to_act(other) != OVER or game.returns(other) != game.returns(visit.state)[::-1]:
        yield f"the same game with the seats exchanged, {list(swapped)}, must end with the returns exchanged"


def _check_bounds(game: AnyGame, returns: tuple[float, ...], source: str) -> Errors:
    low, high = game.info.min_return, game.info.max_return
    if len(returns) != len(game.info.roles):
        yield f"{source} gives {returns!r}: it must give one number for each of {len(game.info.roles)} roles"
    if not all(low <= r <= high for r in returns):
        yield f"{source} gives {returns!r}, outside of info.min_return = {low} to info.max_return = {high}"


def _check_zero_sum(game: AnyGame, returns: tuple[float, ...], source: str) -> Errors:
    if game.info.zero_sum and not abs(sum(returns)) <= TOLERANCE:
        yield f"{source} gives {returns!r}, which don't add up to 0, but info.zero_sum is True"


# over all games


def _name_is_the_file(game: AnyGame, visits: Sequence[Visit]) -> Errors:
    found_by = type(game).__module__.split(".")[-2:]  # the file, or the folder of a game that has one
    if "/" not in game.info.name and game.info.name.partition(":")[0] not in found_by:
        yield f"info.name is {game.info.name!r}, but the file is '{found_by[-1]}.py': they must be equal"


def _facts_make_sense(game: AnyGame, visits: Sequence[Visit]) -> Errors:
    info = game.info
    if not info.roles or len(set(info.roles)) < len(info.roles) or not all(info.roles):
        yield f"info.roles must be different names, at least one: {info.roles!r}"
    if not (math.isfinite(info.min_return) and math.isfinite(info.max_return) and info.min_return < info.max_return):
        yield f"info.min_return = {info.min_return} must be below info.max_return = {info.max_return}, both finite"
    if info.win_at is not None and not info.min_return <= info.win_at <= info.max_return:
        yield f"info.win_at = {info.win_at} must lie between info.min_return and info.max_return"
    if info.cooperative and info.zero_sum:
        yield "info.cooperative and info.zero_sum are both True: a game is one or the other"
    if info.version < 1 or info.max_turns < 1:
        yield f"info.version = {info.version} and info.max_turns = {info.max_turns} must be at least 1"
    if not info.source.strip() or not (type(game).__doc__ or "").strip():
        yield "info.source must name the game's origin, and the class's docstring must describe the game"
    if not game.rules().strip() or printable(game.rules()) != game.rules():
        yield "rules() must be text without control characters"


def _flags_are_used(game: AnyGame, visits: Sequence[Visit]) -> Errors:
    if game.info.random and not any(s.role == CHANCE for s in visits):
        yield f"info.random is True, but chance never acted in {len(visits)} states"
    if game.info.open_text and not any(s.role >= 0 and game.legal(s.state) is None for s in visits):
        yield f"info.open_text is True, but legal() was never None in {len(visits)} states"
    if game.info.hidden and not _hides_something(game, visits):
        yield f"info.hidden is True, but every role could tell all histories apart in {len(visits)} states"


def _hides_something(game: AnyGame, visits: Sequence[Visit]) -> bool:
    at_moves = (s for s in select_distinct([s for s in visits if s.role >= 0]))
    return any(
        game.view(variant, role) == game.view(s.state, role)
        for s in at_moves
        for variant in variants(game, s)
        for role in roles(game)
    )


def _forfeits_are_losses(game: AnyGame, visits: Sequence[Visit]) -> Errors:
    for visit in (s for s in select_distinct(visits) if s.role in roles(game)):
        role = visit.role
        returns = game.forfeit_returns(visit.state, role)
        yield from _check_bounds(game, returns, f"forfeit_returns(state, {role})")
        yield from _check_zero_sum(game, returns, f"forfeit_returns(state, {role})")
        if returns[role] > game.info.forfeit:
            yield f"forfeit_returns(state, {role}) gives {returns!r}: role {role} gets more than info.forfeit"
        if any(r < returns[role] or (r == returns[role] and game.info.zero_sum) for r in _without(returns, role)):
            yield f"forfeit_returns(state, {role}) gives {returns!r}: failing to move must not pay"


def _without(returns: tuple[float, ...], role: int) -> tuple[float, ...]:
    return returns[:role] + returns[role + 1 :]


def _games_repeat(game: AnyGame, visits: Sequence[Visit]) -> Errors:
    seeds = list(dict.fromkeys(s.seed for s in visits))
    for k, seed in enumerate(seeds[:NUM_REPEATED]):
        again: list[Visit] = []
        next(play_random_game(game, seed, k, again), None)
        if again != [s for s in visits if s.seed == seed]:
            yield f"game {k} (seed {seed}) differs when played again: keep nothing outside of the state"


def _reading_is_quick(game: AnyGame, visits: Sequence[Visit]) -> Errors:
    for visit, units in _list_timed(game, visits):
        for prefix, unit in units:
            if bomb := find_bomb(lambda text, visit=visit: game.parse(visit.state, text), prefix, unit):  # type: ignore[misc]
                yield (
                    f"parse({prefix!r} + {bomb.num_units} * {unit!r} + {bomb.end!r}) takes {bomb.whole_s:.3f} s after "
                    f"{list(visit.path)}, and half of it {bomb.half_s:.3f} s: twice the length may take {MAX_GROWTH:g} "
                    "times as long; write the regular expression with one way to split a text"
                )


def _list_timed(game: AnyGame, visits: Sequence[Visit]) -> list[tuple[Visit, list[tuple[str, str]]]]:
    """A visit for each form that moves and other spellings have, with the texts to be repeated there."""
    timed: dict[tuple[bool, str], tuple[Visit, list[tuple[str, str]]]] = {}
    for visit in (s for s in select_distinct(visits) if s.role in roles(game)):
        is_free = game.legal(visit.state) is None
        spellings = dict.fromkeys((*moves(game, visit), *game.notation(visit.state)))
        for form, spelling in {reduce_to_form(s): s for s in spellings}.items():
            if len(timed) < MAX_FORMS and (is_free, form) not in timed:
                timed[is_free, form] = visit, [*dict.fromkeys(list_units(spelling))]
    seen = set[int]()
    for visit, units in timed.values():
        if id(visit) not in seen:
            seen.add(id(visit))
            units[:0] = [("", unit) for unit in COMMON]  # the shortest first: growth shows before a call takes minutes
    return list(timed.values())


AT_A_STATE: dict[str, Callable[[AnyGame, Visit], Errors]] = {
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
    "rewards add up": rewards_add_up,
    "parts are dealt once": parts_are_dealt_once,
}
OVER_ALL: dict[str, Callable[[AnyGame, Sequence[Visit]], Errors]] = {
    "name is the file": _name_is_the_file,
    "facts make sense": _facts_make_sense,
    "flags are used": _flags_are_used,
    "forfeits are losses": _forfeits_are_losses,
    "games repeat": _games_repeat,
    "reading is quick": _reading_is_quick,
}
