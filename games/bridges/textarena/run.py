"""Runs one live environment of TextArena, isolated from the rest of the process.

TextArena draws from the global generators, prints, and may raise on a player's words; none of that leaves this file,
which knows nothing of our states and plays forward only. What it patches is numbered where it is patched:

1. the functions of `random`, 2. `sys.stdout`, 3. numpy's global generator: all three while an environment runs;
4. warnings and `sys.stdout` while TextArena is imported;
5. `state.set_winners`, 6. `state.step`, 7. `state.set_winner` of an environment that can't end otherwise;
8. `state.observations`, which is emptied whenever its messages are collected.
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
from mirrormatch.games.bridges.textarena.words import replace_tags
from mirrormatch.games.types import OVER
from mirrormatch.seeds import derive
from mirrormatch.text import one_line, printable

MAX_INVALID = 10  # invalid replies in a row that are a forfeit; no environment allows more
NUM_TRIED = 20  # seeds to try where an environment fails to start
_FAULT_CHARS = 200
_PATCH_LOCK = threading.RLock()  # held while an environment's generators replace the global ones
_CACHED_SPECS = 1_024
_DRAWING = tuple(  # the functions of the module `random` that draw from its one hidden generator
    name for name, function in vars(random).items() if isinstance(getattr(function, "__self__", None), random.Random)
)

Message: TypeAlias = tuple[int, str, Any]  # sender (-1: the referee), text, and TextArena's kind of message
Result = TypeVar("Result")


class Moment(NamedTuple):
    """A snapshot of an environment after a number of replies.

    Attributes:
        role: the role to move, or `OVER`.
        num_known: the number of `messages` that each role had received by then.
        messages: the messages to each role; the lists only ever grow.
        names: the name of each sender.
        num_invalid: the number of invalid replies in a row.
        fault: the environment's failure on the last reply, which is then undone; empty where it didn't fail.
        rewards: the reward of each role, when the environment has ended the game.
        reason: the reason for the end, in the environment's words.
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
    """The environment's rewards or its player to move can't be used."""


class Run:
    """A fresh environment, reset with a seed; `apply_reply` plays it forward.

    Args:
        spec: the environment's entry in TextArena's registry.
        facts: the facts that TextArena doesn't declare.
        num_players: the number of players.
        seed: the seed for the environment's `reset`.

    Raises:
        UserError: the environment can't start, neither with this seed nor with others.
    """

    def __init__(self, spec: Any, facts: Facts, num_players: int, seed: int) -> None:
        self._spec, self._facts, self._num_players, self._seed = spec, facts, num_players, seed
        self._accepted = list[str]()
        self._messages: tuple[list[Message], ...] = tuple([] for _ in range(num_players))
        self._start()
        self.moment = self._read_moment()

    def apply_reply(self, text: str) -> Moment:
        """Gives the environment the reply of the player to move, and returns the new moment."""
        before, role, turn = self.moment, self.moment.role, self._base.state.turn
        assert role != OVER, "the game is over"
        try:
            self._step(text)
            after = self._read_moment()
        except Exception as problem:  # the code is foreign, and its input is a player's words
            self._restart()
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

    def _start(self) -> None:
        """Makes the environment and resets it. A seed with which that raises is replaced by one derived from it."""
        problem: Exception | None = None
        for k in range(NUM_TRIED):
            seed = derive(self._seed, "textarena", k) % 2**31 if k else self._seed
            generator = random.Random(seed)
            self._drawing = {name: getattr(generator, name) for name in _DRAWING}
            self._numpy = _seed_numpy_state(seed) if _uses_numpy(self._spec.entry_point) else None
            try:
                self._run_isolated(functools.partial(self._reset_environment, seed))
            except Exception as raised:  # the code is foreign
                problem = raised
            else:
                return
        raise UserError(f"textarena's {self._spec.id!r} can't begin: {type(problem).__name__}: {problem}") from problem

    def _reset_environment(self, seed: int) -> None:
        self._base = env = load_environment(self._spec.entry_point)(**self._spec.kwargs)
        env.env_id, env.entry_point = self._spec.id, self._spec.entry_point
        for wrapper in list_wrappers(self._spec, "ActionWrapper"):
            env = wrapper(env)
        env.reset(num_players=self._num_players, seed=seed)
        self._env, state = env, self._base.state
        _patch_state(state)
        self._collect_messages()

    def _restart(self) -> None:
        """Rebuilds the environment as it was before it failed, by replaying every accepted reply."""
        known = self._messages
        self._messages = tuple([] for _ in known)  # receives the same messages again
        self._start()
        for text in self._accepted:
            self._step(text)
        self._messages = known

    def _step(self, text: str) -> None:
        self._run_isolated(functools.partial(self._step_environment, text))

    def _step_environment(self, text: str) -> None:
        self._env.step(text)
        self._collect_messages()

    def _collect_messages(self) -> None:
        """Moves the new messages of all roles from the environment to `_messages`."""
        state = self._base.state
        fresh = dict[int, list[Message]]()
        if not state.done:
            role, fresh_of_role = self._base.get_observation()  # some environments add what they always show
            fresh[role] = list(fresh_of_role)
        for role in range(self._num_players):
            fresh[role] = fresh.get(role, []) + state.observations.get(role, [])
            state.observations[role] = []  # patch 8: a message is collected once
        self._check_outcome()
        tags = tuple(state.role_mapping.values())
        contained = {role: list(_clean_messages(messages, tags)) for role, messages in fresh.items()}
        for role, messages in contained.items():
            self._messages[role].extend(messages)

    def _check_outcome(self) -> None:
        """Raises `Unusable` where the player to move or the rewards are outside the declared bounds."""
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

    def _read_moment(self) -> Moment:
        state = self._base.state
        num_known = tuple(len(messages) for messages in self._messages)
        if not state.done:
            return Moment(state.current_player_id, num_known, self._messages, state.role_mapping)
        rewards = tuple(float((state.rewards or {}).get(role, 0.0)) for role in range(self._num_players))
        reason = _find_reason(info.get("reason") for info in state.game_info.values())
        return Moment(OVER, num_known, self._messages, state.role_mapping, rewards=rewards, reason=reason)

    def _run_isolated(self, act: Callable[[], Result]) -> Result:
        """Runs foreign code with the environment's own generators in place of the global ones, without output."""
        module = vars(random)
        with _PATCH_LOCK:
            outside, stdout, numpy_outside = {name: module[name] for name in _DRAWING}, sys.stdout, None
            try:
                module.update(self._drawing)  # patch 1: TextArena calls random.choice and so on
                sys.stdout = _NOWHERE  # patch 2: some environments print
                if self._numpy is not None:  # patch 3: some draw from numpy, which they never seed
                    numpy_outside = _swap_numpy_state(self._numpy)
                return act()
            finally:
                module.update(outside)
                sys.stdout = stdout
                if numpy_outside is not None:
                    self._numpy = _swap_numpy_state(numpy_outside)


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


_NOWHERE = _Nowhere()


@functools.cache
def import_library() -> Any:
    """Imports the package `textarena`.

    Raises:
        UserError: it isn't installed.
    """
    try:
        return _import_quietly("textarena")
    except ImportError as problem:
        raise UserError(f"textarena can't be imported ({problem}): pip install 'mirrormatch[games]'") from problem


@functools.lru_cache(_CACHED_SPECS)
def load_environment(entry_point: str) -> Any:
    """Imports the class of an environment, named as registered: `"textarena.envs.Nim.env:NimEnv"`.

    Raises:
        ImportError | SyntaxError: the class can't be imported.
    """
    module, _, name = entry_point.partition(":")
    return getattr(_import_quietly(module), name)


def list_wrappers(spec: Any, kind: str) -> list[Any]:
    """The default wrappers of that kind, `"ActionWrapper"` or `"ObservationWrapper"`, innermost first."""
    return [w for w in spec.default_wrappers or () if issubclass(w, getattr(import_library(), kind))]


def _import_quietly(name: str) -> ModuleType:
    with _PATCH_LOCK, warnings.catch_warnings(), contextlib.redirect_stdout(_NOWHERE):
        # Patch 4: its strings have invalid escapes, and it changes the warning filters of the whole process.
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def _patch_state(state: Any) -> None:
    """Mends environments that would raise or loop for ever at the end of a game."""
    # Patch 5: solved puzzles call `set_winners`, which states for one player lack.
    if not hasattr(state, "set_winners"):
        state.set_winners = lambda player_ids, reason: state.set_outcome(1.0, reason)
    # Patch 6: with every player out, `step` would look for the next one for ever.
    if getattr(state, "elimination_order", None) is not None:
        original_step = state.step

        def step(*args: Any, **kwargs: Any) -> Any:
            if not state.done and len(set(state.elimination_order)) >= state.num_players:
                raise Unusable("every player is out, and the game is not over")
            return original_step(*args, **kwargs)

        state.step = step
    # Patch 7: one game calls the parameter `player_ids`.
    if hasattr(state, "set_winner"):
        original_set_winner = state.set_winner
        state.set_winner = lambda player_id=None, reason="", player_ids=None: original_set_winner(
            player_ids if player_id is None else player_id, reason
        )


def _clean_messages(messages: Iterable[Message], tags: tuple[str, ...]) -> Iterator[Message]:
    """Makes the messages printable, and removes forged lines of other senders from a player's words."""
    for sender, text, kind in messages:
        if isinstance(text, int):  # three puzzles pass sender, text and kind in the wrong order
            sender, text, kind = text, kind, sender
        text = printable(str(text))
        yield sender, text if sender < 0 else replace_tags(" ".join(text.split()), tags), kind


def _find_reason(reasons: Iterable[object]) -> str:
    found = next((r for r in reasons if r), "")
    return " ".join(map(str, found)) if isinstance(found, list) else str(found)


@functools.lru_cache(_CACHED_SPECS)
def _uses_numpy(entry_point: str) -> bool:
    """Whether a module of the environment's folder imports numpy."""
    load_environment(entry_point)
    folder = entry_point.partition(":")[0].rpartition(".")[0]
    numpy = sys.modules.get("numpy")
    return numpy is not None and any(
        value is numpy
        for name, module in list(sys.modules.items())
        if name.startswith(f"{folder}.")
        for value in vars(module).values()
    )


def _seed_numpy_state(seed: int) -> Any:
    return sys.modules["numpy"].random.RandomState(seed).get_state(legacy=False)


def _swap_numpy_state(state: Any) -> Any:
    """Sets the state of numpy's global generator and returns the previous one."""
    generator = sys.modules["numpy"].random
    before = generator.get_state(legacy=False)
    generator.set_state(state)
    return before
