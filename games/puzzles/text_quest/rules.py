"""The rules of the text quest: its settings, the effect of each command, and the returns."""

from dataclasses import dataclass

from mirrormatch.games.game import Game
from mirrormatch.games.puzzles.text_quest.commands import PREPOSITION, list_commands, read_command
from mirrormatch.games.puzzles.text_quest.solver import choose_command
from mirrormatch.games.puzzles.text_quest.state import Quest, View, name_things, see_rooms
from mirrormatch.games.puzzles.text_quest.wording import (
    describe_command,
    describe_goal,
    describe_room,
    list_things,
    note_room,
)
from mirrormatch.games.puzzles.text_quest.words import THEMES, NamedWorld, name_world
from mirrormatch.games.puzzles.text_quest.world import LEVELS, NUM_LOCKS, NUM_TREASURES, WAYS, max_plan_length
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation, Problem, ProblemKind

NUM_SITES = 128  # maps with their furniture, locks and quest
NUM_LAYOUTS = 16  # of each site: where the keys, the treasures and everything else lie
TURNS_PER_MOVE = 2  # turns in a game, for each move of the longest quest

_SITES = tuple((str(k), 1 / NUM_SITES) for k in range(1, NUM_SITES + 1))
_LAYOUTS = tuple((str(k), 1 / NUM_LAYOUTS) for k in range(1, NUM_LAYOUTS + 1))


@dataclass(frozen=True)
class TextQuestSettings(GameSettings):
    """The length of the quest, the size of its world, and the words for it."""

    difficulty: int = setting(2, "how long the quest is: locks, treasures, things hidden in boxes", LEVELS)
    scope: int = setting(2, "how many rooms there are, and things that nobody needs", LEVELS)
    theme: str = setting("house", "the words: rooms, doors and things", tuple(THEMES))


_DEFAULT = TextQuestSettings()


class TextQuest(Game[Quest, View]):
    """A small text adventure: find the keys, open what is locked, and bring a treasure where it belongs.

    The world has 5 rooms (`scope`: 4, 5, 6, 8 or 10), joined by exits to the north, south, east and west, some of them
    through doors. In the rooms stand surfaces and boxes, and things lie about: keys, treasures, and 2 things that
    nobody needs (1, 2, 3, 4 or 6). The quest names one treasure (two from difficulty 4 on) and the spot where it has to
    be put. On the way are as many locks as the difficulty less one, on doors and boxes; each has a metal and takes the
    key of that metal, which stays in it. Behind each lock lies the key of the next, behind the last a treasure.

    The player goes through exits, opens doors and boxes, takes, unlocks and puts; it is shown what it has seen. The
    game ends when all treasures are at their spot, or after 34 turns, twice the longest quest that is drawn for these
    settings (11 to 49 moves; every world is solved when it is drawn). The return is the share of milestones reached:
    every needed key found, every lock undone, every treasure found, every treasure brought (as many as were at the spot
    at once). It is 1 for a finished quest and only for that. There are 128 maps with 16 layouts each, all equally
    likely; the theme changes the words and nothing else. The solver explores; it has yet to miss a quest.
    """

    settings: TextQuestSettings
    examples = ("difficulty=1,scope=1", "difficulty=5,scope=5,theme=castle", "difficulty=3,scope=4,theme=ship")

    def __init__(self, settings: TextQuestSettings = _DEFAULT) -> None:
        self.settings = settings
        self._key = (settings.theme, settings.difficulty, settings.scope)
        self._num_locks = NUM_LOCKS[settings.difficulty - 1]
        self._num_treasures = NUM_TREASURES[settings.difficulty - 1]
        self._needed = (1 << self._num_locks + self._num_treasures) - 1
        self.num_milestones = 2 * (self._num_locks + self._num_treasures)
        self.num_turns = TURNS_PER_MOVE * max_plan_length(settings.difficulty, settings.scope)
        self.info = Info(
            name=settings.full_name("text_quest"), version=1, roles=("player",), min_return=0.0, max_return=1.0,
            zero_sum=False, max_turns=self.num_turns, hidden=True, random=True, open_text=False, solver="rules",
            forfeit=0.0, source="in the manner of TextWorld (Cote et al. 2018), with worlds of its own", win_at=1.0,
        )  # fmt: skip

    def start(self) -> Quest:
        return Quest(0, 0)

    def to_act(self, state: Quest) -> int:
        if not state.layout:
            return CHANCE
        return OVER if state.brought == self._num_treasures or state.turns == self.num_turns else 0

    def chance(self, state: Quest) -> tuple[tuple[Action, float], ...]:
        return _LAYOUTS if state.site else _SITES

    def legal(self, state: Quest) -> tuple[Action, ...]:
        if self.to_act(state) != 0:
            return ()
        named = self._get_world(state.site, state.layout)
        return list_commands(see_rooms(named, state, (state.room,))[0], name_things(named.things, state.carried))

    def apply(self, state: Quest, action: Action) -> Quest:
        if not state.layout:
            return self._draw(state, action)
        if action not in self.legal(state):
            raise ValueError(f"{action!r} is not allowed in {state!r}")
        state = state._replace(turns=state.turns + 1, last=action)
        named = self._get_world(state.site, state.layout)
        verb, _, rest = action.partition(" ")
        first, *second = PREPOSITION.split(rest)
        if verb == "go":
            way = WAYS.index(rest)
            room = next(exit_.to for exit_ in named.world.site.exits[state.room] if exit_.way == way)
            visited = state.visited if room in state.visited else (*state.visited, room)
            return state._replace(room=room, visited=visited)
        if verb == "open":
            return state._replace(opened=state.opened | 1 << named.openings[rest])
        if verb == "unlock":
            bit = 1 << named.locks[first]  # the key has the number of its lock, and stays in it
            return state._replace(carried=state.carried & ~bit, unlocked=state.unlocked | bit)
        bit = 1 << named.things.index(first)
        if verb == "take":
            lying = tuple([things & ~bit for things in state.lying])
            return state._replace(lying=lying, carried=state.carried | bit, found=state.found | bit & self._needed)
        to = named.places.index(second[0])
        lying = (*state.lying[:to], state.lying[to] | bit, *state.lying[to + 1 :])
        brought = max(state.brought, self._count_brought(named, lying))
        return state._replace(lying=lying, carried=state.carried & ~bit, brought=brought)

    def _draw(self, state: Quest, action: Action) -> Quest:
        """The state after chance has drawn the site, or its layout."""
        if action not in dict(self.chance(state)):
            raise ValueError(f"{action!r} is not the number of a world in {state!r}")
        if not state.site:
            return Quest(int(action), 0)
        world = self._get_world(state.site, int(action)).world
        lying = [0] * len(world.site.places)
        for thing, place in enumerate(world.placed):
            lying[place] |= 1 << thing
        return Quest(state.site, int(action), visited=(0,), lying=tuple(lying))

    def _get_world(self, site: int, layout: int) -> NamedWorld:
        return name_world(*self._key, site, layout)

    def _count_brought(self, named: NamedWorld, lying: tuple[int, ...]) -> int:
        """The number of the quest's treasures that are at the goal."""
        return ((lying[named.world.site.goal] & self._needed) >> self._num_locks).bit_count()

    def returns(self, state: Quest) -> tuple[float, ...]:
        return (self._count_milestones(state) / self.num_milestones,)

    def _count_milestones(self, state: Quest) -> int:
        return state.found.bit_count() + state.unlocked.bit_count() + state.brought

    def view(self, state: Quest, role: int) -> View:
        if not state.layout:
            return View(None)
        named = self._get_world(state.site, state.layout)
        return View(
            goal=named.goal,
            rooms=see_rooms(named, state, state.visited),
            here=state.visited.index(state.room),
            carried=name_things(named.things, state.carried),
            num_reached=self._count_milestones(state),
            turns=state.turns,
            last=state.last,
        )

    def observe(self, state: Quest, role: int) -> Observation:
        view = self.view(state, role)
        legal = list_commands(view.rooms[view.here], view.carried) if self.to_act(state) == role else ()
        return Observation(role, self.render(view), legal)

    def rules(self) -> str:
        return (
            f"A text adventure in a {self.settings.theme}. Explore it and finish the quest. Each turn you give one "
            "command: 'go north' (or south, east, west), 'open oak door', 'take brass key', 'unlock oak door with "
            "brass key', 'put candle on table' or 'put candle in chest'. You can only use what is in the room with "
            "you. What lies in a closed box can't be seen. A locked door or box is unlocked with the key of its metal, "
            "which stays in the lock; then it still has to be opened. You win when the quest is done within "
            f"{self.num_turns} turns; each of {self.num_milestones} milestones on the way (a needed key found, a lock "
            "undone, a treasure found, a treasure brought) earns a share."
        )

    def render(self, view: View) -> str:
        goal = view.goal
        if goal is None:
            return "The quest has not begun yet."
        done = view.num_reached == self.num_milestones
        time = f"Turn {view.turns + 1} of {self.num_turns}"
        if done or view.turns == self.num_turns:
            time = "The quest is done: you have won" if done else "Time is up: you have lost"
        text = (
            f"{describe_goal(goal)} {time}. Milestones: {view.num_reached} of {self.num_milestones}.\n"
            f"{describe_command(view.last)}{describe_room(view.rooms[view.here])}\n"
            f"You carry: {list_things(view.carried)}."
        )
        if len(view.rooms) == 1:
            return text
        notes = [note_room(room, goal.place) for k, room in enumerate(view.rooms) if k != view.here]
        return "\n".join([text, "Other rooms you have seen:", *notes])

    def parse(self, state: Quest, text: str) -> Action | Problem:
        legal = self.legal(state)
        if text in legal:
            return text
        if not legal:
            return Problem(ProblemKind.ILLEGAL, "nobody can do anything now")
        named = self._get_world(state.site, state.layout)
        (room,), carried = see_rooms(named, state, (state.room,)), name_things(named.things, state.carried)
        return read_command(text, room, carried, self.settings.theme)

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The command that helps here, or a step to the nearest room where one helps or that is unknown."""
        return ((choose_command(view), 1.0),)
