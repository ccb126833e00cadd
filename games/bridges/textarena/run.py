"""One live environment of TextArena, kept apart from everything else in the process.

TextArena draws from the global generators, prints, and may raise on a player's words; none of that leaves this file. It
doesn't know what a state of ours is: it plays forward only.
"""

import contextlib
import functools
import importlib
import io
import math
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from mirrormatch.errors import UserError
from mirrormatch.games.bridges.textarena.facts import Facts
from mirrormatch.games.bridges.textarena.words import without_tags
from mirrormatch.games.types import OVER
from mirrormatch.seeds import derive
from mirrormatch.text import one_line, printable

MAX_INVALID = 10  # in a row, then the player forfeits; the most patient environment allows 10
NUM_TRIED = 20  # seeds in place of one with which an environment can't begin
_FAULT_CHARS = 200
_ALONE = threading.RLock()  # the global generators are the environment's while it runs
_CACHED_SPECS = 1_024
_DRAWING = tuple(  # the functions of the module `random` that draw from its one hidden generator
    name for name, function in vars(random).items() if isinstance(getattr(function, "__self__", None), random.Random)
)

Message: TypeAlias = tuple[int, str, Any]  # who says it (-1: the referee), what, and TextArena's kind of message
Result = TypeVar("Result")


class Moment(NamedTuple):
    """What is so after so many replies.

    Attributes:
        role: whose turn it is, or `OVER`.
        num_known: how many messages of `messages` each role had got by then.
        messages: for each role; they only ever grow.
        names: what the senders are called.
        num_invalid: invalid replies in a row.
        fault: how the environment failed on the last reply, which then counts as not said; empty where it didn't.
        rewards: one for each role, when the environment has ended the game.
        reason: why it ended, in the environment's words.
    """

    role: int
    num_known: tuple[int, ...]
    messages: tuple[list[Message], ...]
    names: dict[int, str]
    num_invalid: int = 0
    fault: str = ""
    rewards: tuple[float, ...] | None = None
    reason: str = ""


class Unusable(Exception):
    """Rewards or a player to move that can't be used."""


class Run:
    """A fresh environment, reset with a seed; `say` plays it forward.

    Args:
        spec: as TextArena registers it.
        facts: what is known of it.
        num_players: who plays.
        seed: of the environment, for `reset`.

    Raises:
        UserError: the environment can't begin, with this seed nor with others.
    """

    def __init__(self, spec: Any, facts: Facts, num_players: int, seed: int) -> None:
        self._spec, self._facts, self._num_players, self._seed = spec, facts, num_players, seed
        self._accepted = list[str]()
        self._messages: tuple[list[Message], ...] = tuple([] for _ in range(num_players))
        self._begin()
        self.moment = self._now()

    def say(self, text: str) -> Moment:
        """What is so after the player to move has said the text."""
        before, role, turn = self.moment, self.moment.role, self._base.state.turn
        assert role != OVER, "the game is over"
        try:
            self._step(text)
            after = self._now()
        except Exception as problem:  # the code is foreign, and a player's words make it run
            self._begin_again()
            after = before._replace(
                num_invalid=before.num_invalid + 1,
                fault=one_line(f"{type(problem).__name__}: {problem}", _FAULT_CHARS),
            )
        else:
            self._accepted.append(text)
            if after.role == role and self._base.state.turn == turn:
                after = after._replace(num_invalid=before.num_invalid + 1)
        self.moment = after
        return after

    def _begin(self) -> None:
        """Makes the environment and resets it. A seed with which it raises is passed over for one derived from it."""
        problem: Exception | None = None
        for k in range(NUM_TRIED):
            seed = derive(self._seed, "textarena", k) % 2**31 if k else self._seed
            generator = random.Random(seed)
            self._drawing = {name: getattr(generator, name) for name in _DRAWING}
            self._numpy = _numpy_started(seed) if _uses_numpy(self._spec.entry_point) else None
            try:
                self._alone(functools.partial(self._reset, seed))
            except Exception as raised:  # the code is foreign
                problem = raised
            else:
                return
        raise UserError(f"textarena's {self._spec.id!r} can't begin: {type(problem).__name__}: {problem}") from problem

    def _reset(self, seed: int) -> None:
        self._base = env = loaded(self._spec.entry_point)(**self._spec.kwargs)
        env.env_id, env.entry_point = self._spec.id, self._spec.entry_point
        for wrapper in wrappers(self._spec, "ActionWrapper"):
            env = wrapper(env)
        env.reset(num_players=self._num_players, seed=seed)
        self._env, state = env, self._base.state
        _mend(state)
        self._collect()

    def _begin_again(self) -> None:
        """The environment as it was before it failed, by saying again all that it took."""
        known = self._messages
        self._messages = tuple([] for _ in known)  # the same once more
        self._begin()
        for text in self._accepted:
            self._step(text)
        self._messages = known

    def _step(self, text: str) -> None:
        self._alone(functools.partial(self._stepped, text))

    def _stepped(self, text: str) -> None:
        self._env.step(text)
        self._collect()

    def _collect(self) -> None:
        """Takes the new messages of all roles out of the environment."""
        state = self._base.state
        fresh = dict[int, list[Message]]()
        if not state.done:
            role, fresh_of_role = self._base.get_observation()  # some add to it what they always show
            fresh[role] = list(fresh_of_role)
        for role in range(self._num_players):
            fresh[role] = fresh.get(role, []) + state.observations.get(role, [])
            state.observations[role] = []
        self._check()
        tags = tuple(state.role_mapping.values())
        contained = {role: list(_contained(messages, tags)) for role, messages in fresh.items()}
        for role, messages in contained.items():
            self._messages[role].extend(messages)

    def _check(self) -> None:
        state = self._base.state
        if not state.done and state.current_player_id not in range(self._num_players):
            raise Unusable(f"player {state.current_player_id!r} is to move, but there are {self._num_players}")
        for role, reward in (state.rewards or {}).items() if state.done else ():
            if role not in range(self._num_players):
                raise Unusable(f"player {role!r} gets a reward, but there are {self._num_players}")
            if not isinstance(reward, Real) or not math.isfinite(reward):
                raise Unusable(f"player {role} gets the reward {reward!r}, which is not a finite number")
            if not self._facts.low <= float(reward) <= self._facts.high:
                raise Unusable(f"player {role} gets {reward}, outside of {self._facts.low} to {self._facts.high}")

    def _now(self) -> Moment:
        state = self._base.state
        num_known = tuple(len(messages) for messages in self._messages)
        if not state.done:
            return Moment(state.current_player_id, num_known, self._messages, state.role_mapping)
        rewards = tuple(float((state.rewards or {}).get(role, 0.0)) for role in range(self._num_players))
        reason = _reason(info.get("reason") for info in state.game_info.values())
        return Moment(OVER, num_known, self._messages, state.role_mapping, rewards=rewards, reason=reason)

    def _alone(self, act: Callable[[], Result]) -> Result:
        """Acts with the environment's own generators in place of the global ones, unheard."""
        module = vars(random)
        with _ALONE:
            outside, heard, numpy_outside = {name: module[name] for name in _DRAWING}, sys.stdout, None
            try:
                module.update(self._drawing)
                sys.stdout = _NOWHERE
                if self._numpy is not None:
                    numpy_outside = _numpy_swapped(self._numpy)
                return act()
            finally:
                module.update(outside)
                sys.stdout = heard
                if numpy_outside is not None:
                    self._numpy = _numpy_swapped(numpy_outside)


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


_NOWHERE = _Nowhere()


@functools.cache
def library() -> Any:
    """The package `textarena`.

    Raises:
        UserError: it isn't installed.
    """
    try:
        return _imported("textarena")
    except ImportError as problem:
        raise UserError(f"textarena can't be imported ({problem}): pip install 'mirrormatch[games]'") from problem


@functools.lru_cache(_CACHED_SPECS)
def loaded(entry_point: str) -> Any:
    """The class of an environment, as registered: `"textarena.envs.Nim.env:NimEnv"`.

    Raises:
        ImportError | SyntaxError: it can't be loaded.
    """
    module, _, name = entry_point.partition(":")
    return getattr(_imported(module), name)


def wrappers(spec: Any, kind: str) -> list[Any]:
    """The default wrappers of that kind, `"ActionWrapper"` or `"ObservationWrapper"`, innermost first."""
    return [w for w in spec.default_wrappers or () if issubclass(w, getattr(library(), kind))]


def _imported(name: str) -> ModuleType:
    with _ALONE, warnings.catch_warnings(), contextlib.redirect_stdout(_NOWHERE):
        warnings.simplefilter("ignore")  # escapes in its strings, and what it filters for everybody
        return importlib.import_module(name)


def _mend(state: Any) -> None:
    """Lets an environment end as it means to, where it calls what isn't there or would never return."""
    if not hasattr(state, "set_winners"):  # puzzles call it when they are solved
        state.set_winners = lambda player_ids, reason: state.set_outcome(1.0, reason)
    out = getattr(state, "elimination_order", None)
    if out is not None:
        go_on = state.step

        def step(*args: Any, **kwargs: Any) -> Any:
            if not state.done and len(set(state.elimination_order)) >= state.num_players:
                raise Unusable("every player is out, and the game is not over")  # it would look for the next for ever
            return go_on(*args, **kwargs)

        state.step = step
    if hasattr(state, "set_winner"):  # one game names its parameter otherwise
        win = state.set_winner
        state.set_winner = lambda player_id=None, reason="", player_ids=None: win(
            player_ids if player_id is None else player_id, reason
        )


def _contained(messages: Iterable[Message], tags: tuple[str, ...]) -> Iterator[Message]:
    """The messages, printable, with nothing in a player's words that looks like somebody else's line."""
    for sender, text, kind in messages:
        if isinstance(text, int):  # three puzzles give who, what and the kind to the wrong parameters
            sender, text, kind = text, kind, sender
        text = printable(str(text))
        yield sender, text if sender < 0 else without_tags(" ".join(text.split()), tags), kind


def _reason(reasons: Iterable[object]) -> str:
    found = next((r for r in reasons if r), "")
    return " ".join(map(str, found)) if isinstance(found, list) else str(found)


@functools.lru_cache(_CACHED_SPECS)
def _uses_numpy(entry_point: str) -> bool:
    """Whether a module of the environment's folder knows numpy."""
    loaded(entry_point)
    folder = entry_point.partition(":")[0].rpartition(".")[0]
    numpy = sys.modules.get("numpy")
    return numpy is not None and any(
        value is numpy
        for name, module in list(sys.modules.items())
        if name.startswith(f"{folder}.")
        for value in vars(module).values()
    )


def _numpy_started(seed: int) -> Any:
    return sys.modules["numpy"].random.RandomState(seed).get_state(legacy=False)


def _numpy_swapped(state: Any) -> Any:
    """Puts the state into numpy's global generator and returns the one that was there."""
    generator = sys.modules["numpy"].random
    before = generator.get_state(legacy=False)
    generator.set_state(state)
    return before
