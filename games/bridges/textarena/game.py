"""Adapts a game of TextArena to `Game`: a state is the seed and the replies; the rest follows by replaying them.

The newest state holds the live environment and passes it to the next one; from an older state, or a copy, the game is
rebuilt from its history. The functions are pure for their callers, and a game that only goes forward is played once.
"""

import functools
import random
from dataclasses import dataclass, field, make_dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

from mirrormatch.games.bridges.textarena.facts import Facts
from mirrormatch.games.bridges.textarena.run import MAX_INVALID, Moment, Run, import_library, list_wrappers
from mirrormatch.games.bridges.textarena.words import clean_reply, cut_text, draw_reply
from mirrormatch.games.game import Game
from mirrormatch.games.player_text import LINE_FORM
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem

NUM_SEEDS = 1_000
TURNS = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
DEFAULT_TURNS = 1_000

_SEEDS: dict[Action, int] = {f"seed {seed}": seed for seed in range(NUM_SEEDS)}
_FORM = rf"({LINE_FORM} )?\[[A-Za-z0-9][A-Za-z0-9 ,.:'-]{{0,60}}\]|{LINE_FORM}"  # commands are in brackets
_DEALT = tuple((action, 1 / NUM_SEEDS) for action in _SEEDS)


class Memory:
    """Cache of facts derived from a state. It never counts for equality, and a copy of it is empty.

    Attributes:
        run: the live environment, as long as it is at this state.
        moment: the environment's snapshot at this state.
        shown: the text shown to each role.
    """

    __slots__ = ("moment", "run", "shown")

    def __init__(self, run: Run | None = None) -> None:
        self.run = run
        self.moment: Moment | None = run.moment if run else None
        self.shown = dict[int, str]()

    def __deepcopy__(self, memo: object) -> "Memory":
        return Memory()

    def __reduce__(self) -> tuple[type["Memory"], tuple[()]]:
        return Memory, ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The state: the seed, once chance has drawn it, and every reply since."""

    seed: int | None = None
    texts: tuple[str, ...] = ()
    memory: Memory = field(default_factory=Memory, compare=False, repr=False)


class View(NamedTuple):
    """The text that the environment has shown the role, and whether it is to act."""

    role: int
    text: str
    to_act: bool


class TextArenaGame(Game[Dialogue, View]):
    """A game of TextArena, with its faults contained.

    Rules, rendering and rewards are the environment's own. Chance draws the seed that the environment is reset with. A
    reply is free text, mostly a move in square brackets; it reaches the environment without its reasoning, on one line.
    An invalid reply is the environment's business; after 10 in a row the player forfeits. A reply on which the
    environment fails (it raises, or ends with rewards that aren't finite numbers within the bounds) counts as invalid
    and as not said, and the player is told so: the loop that plays an episode catches nothing, and a run must go on.
    After `turns` replies the game ends with 0 for everybody.

    Args:
        spec: the environment, as TextArena registers it.
        facts: what is known of it.
        settings: `players` and `turns`.
    """

    def __init__(self, spec: Any, facts: Facts, settings: GameSettings | None = None) -> None:
        self._spec, self._facts = spec, facts
        self.settings = settings if settings is not None else _make_settings_class(facts)()
        chosen: Any = self.settings
        self._num_players, self._turns = int(chosen.players), int(chosen.turns)
        self.info = Info(
            name=self.settings.full_name(f"textarena/{spec.id}"), version=1,
            roles=tuple(f"player {k}" for k in range(self._num_players)), min_return=facts.low, max_return=facts.high,
            zero_sum=facts.zero_sum, max_turns=self._turns, hidden=True, random=True, open_text=True, solver=None,
            forfeit=facts.low, source=f"TextArena {import_library().__version__} {spec.id}", win_at=facts.win_at,
        )  # fmt: skip

    def with_settings(self, given: str) -> "TextArenaGame":
        return TextArenaGame(self._spec, self._facts, self.settings.read(given, self.info.name))

    def start(self) -> Dialogue:
        return Dialogue()

    def to_act(self, state: Dialogue) -> int:
        if state.seed is None:
            return CHANCE
        moment = self._get_moment(state)
        return OVER if self._is_forfeited(moment) or len(state.texts) >= self._turns else moment.role

    def chance(self, state: Dialogue) -> tuple[tuple[Action, float], ...]:
        return _DEALT

    def legal(self, state: Dialogue) -> tuple[Action, ...] | None:
        return None if self.to_act(state) >= 0 else ()

    def apply(self, state: Dialogue, action: Action) -> Dialogue:
        role = self.to_act(state)
        if role == CHANCE:
            if action not in _SEEDS:
                raise ValueError(f"{action!r} is not one of the seeds 'seed 0' to 'seed {NUM_SEEDS - 1}'")
            return Dialogue(_SEEDS[action])
        if role == OVER or clean_reply(action) != action:
            raise ValueError(
                "the game is over" if role == OVER else f"{action!r} is not in the form that parse returns"
            )
        run = self._get_run(state)
        state.memory.run = None
        run.apply_reply(action)
        return Dialogue(state.seed, (*state.texts, action), Memory(run))

    def returns(self, state: Dialogue) -> tuple[float, ...]:
        moment = self._get_moment(state)
        if self._is_forfeited(moment):
            return self.forfeit_returns(state, moment.role)
        return moment.rewards or (0.0,) * self._num_players

    def view(self, state: Dialogue, role: int) -> View:
        if state.seed is None:
            return View(role, "The game has not begun.", False)
        shown = state.memory.shown
        if role not in shown:
            shown[role] = self._show(state, role)
        return View(role, shown[role], self.to_act(state) == role)

    def rules(self) -> str:
        return (
            f"This is TextArena's {self._spec.id} for {self._num_players} "
            f"player{'s' if self._num_players > 1 else ''}. The referee's lines begin with [GAME]; the first of them "
            "gives the rules. Reply in exactly the form that the referee asks for, square brackets included, and with "
            f"nothing else. Invalid replies lose the game, {MAX_INVALID} in a row always."
        )

    def render(self, view: View) -> str:
        return view.text

    def parse(self, state: Dialogue, text: str) -> Action | Problem:
        return clean_reply(text)

    def form(self, view: View) -> str:
        return _FORM

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        words = clean_reply(draw_reply(view.text, rng))
        assert isinstance(words, str), f"{words}"
        return words

    def _get_run(self, state: Dialogue) -> Run:
        """The live environment at the state: the state's own, or one rebuilt from the history."""
        if state.memory.run is not None:
            return state.memory.run
        assert state.seed is not None, "chance has not drawn the seed"
        run = Run(self._spec, self._facts, self._num_players, state.seed)
        for text in state.texts:
            run.apply_reply(text)
        return run

    def _get_moment(self, state: Dialogue) -> Moment:
        memory = state.memory
        if memory.moment is None:
            memory.run = self._get_run(state)
            memory.moment = memory.run.moment
        return memory.moment

    def _is_forfeited(self, moment: Moment) -> bool:
        return moment.num_invalid >= MAX_INVALID and moment.rewards is None

    def _show(self, state: Dialogue, role: int) -> str:
        moment = self._get_moment(state)
        known = moment.messages[role][: moment.num_known[role]]
        head = known[0][1] if known and known[0][0] < 0 else ""
        lines = [cut_text(_render_messages(self._spec, moment.names, role, known), head)]
        if moment.fault:
            lines.append(f"(The environment failed on the last reply, which counts as not said: {moment.fault})")
        if self.to_act(state) == OVER:
            lines.append(self._describe_ending(state, moment))
        return cut_text("\n".join(line for line in lines if line), head) or "Nothing is shown yet."

    def _describe_ending(self, state: Dialogue, moment: Moment) -> str:
        rewards = ", ".join(f"{name} {r:g}" for name, r in zip(self.info.roles, self.returns(state), strict=True))
        if self._is_forfeited(moment):
            why = f"{self.info.roles[moment.role]} made {MAX_INVALID} invalid replies in a row."
        else:
            why = moment.reason if moment.rewards else f"after {self._turns} replies."
        return f"(The game is over: {why} Rewards: {rewards}.)"


@functools.cache
def _make_settings_class(facts: Facts) -> type[GameSettings]:
    """The class of the settings: the number of players and the most replies."""
    step = facts.players[1] - facts.players[0] if len(facts.players) > 1 else 1
    players = range(facts.players[0], facts.players[-1] + 1, step)
    made: type[GameSettings] = make_dataclass(
        "TextArenaSettings",
        [
            ("players", int, setting(facts.default, "how many play", players)),
            ("turns", int, setting(DEFAULT_TURNS, "the most replies, then all get 0", TURNS)),
        ],
        bases=(GameSettings,),
        frozen=True,
    )
    return made


def _render_messages(spec: Any, names: dict[int, str], role: int, known: list[Any]) -> str:
    """Renders the messages with the variant's own wrapper, or with TextArena's usual one where that fails."""
    usual = import_library().wrappers.LLMObservationWrapper
    env = SimpleNamespace(state=SimpleNamespace(role_mapping=names))
    for wrapper in (*list_wrappers(spec, "ObservationWrapper"), usual):
        try:
            return str(wrapper(env).observation(role, list(known)))
        except (ValueError, IndexError, KeyError, AssertionError):
            continue  # usually no board among the messages
    return ""
