"""A small text adventure."""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import normalise
from mirrormatch.games.puzzles.text_quest import world as quests
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Observation, Problem, ProblemKind
from mirrormatch.text import one_line

NUM_SITES = 128  # maps with their furniture, locks and quest
NUM_LAYOUTS = 16  # of each site: where the keys, the treasures and everything else lie
TURNS_PER_MOVE = 2  # turns in a game, for each move of the longest quest

_SITES = tuple((str(k), 1 / NUM_SITES) for k in range(1, NUM_SITES + 1))
_LAYOUTS = tuple((str(k), 1 / NUM_LAYOUTS) for k in range(1, NUM_LAYOUTS + 1))
_NUM_CACHED = 16_384  # results of each function that showing a state calls again and again
_SHOWN_CHARS = 60  # of a reply, in a problem's detail
_PREPOSITION = re.compile(" (?:on|in|with) ")  # between the two names of a command; no name contains one


class RoomWords(NamedTuple):
    """A room's name, a look at it, what things may lie on and in, and whether one is in or on it."""

    name: str
    about: str
    surface: str
    box: str
    preposition: str = "in"


class Theme(NamedTuple):
    """The words of all worlds of one kind. Keys and locks are told by their metal in each."""

    rooms: tuple[RoomWords, ...]
    doors: tuple[str, ...]
    treasures: tuple[str, ...]
    junk: tuple[str, ...]


METALS = ("brass", "iron", "silver", "copper", "bronze", "steel")
THEMES = {
    "house": Theme(
        rooms=(
            RoomWords("hall", "Coats hang from a row of hooks.", "side table", "oak chest"),
            RoomWords("kitchen", "Copper pans hang over a cold stove.", "kitchen table", "cupboard"),
            RoomWords("pantry", "It smells of onions and soap.", "pantry shelf", "flour bin"),
            RoomWords("library", "Books climb up to the ceiling.", "reading desk", "glass case"),
            RoomWords("study", "A globe stands by the window.", "writing desk", "safe"),
            RoomWords("parlour", "Dust sheets cover the armchairs.", "mantelpiece", "cabinet"),
            RoomWords("bedroom", "The curtains are drawn.", "night table", "wardrobe"),
            RoomWords("bathroom", "A tap drips.", "washstand", "linen basket"),
            RoomWords("cellar", "The air is cool and damp.", "workbench", "barrel"),
            RoomWords("attic", "The rafters creak in the wind.", "rocking chair", "trunk"),
            RoomWords("nursery", "A wooden horse stares at you.", "toy shelf", "toy box"),
            RoomWords("greenhouse", "Warm light falls on dusty leaves.", "potting table", "seed box"),
        ),
        doors=("oak door", "white door", "green door", "glass door", "pine door", "narrow door"),
        treasures=(
            "silver cup", "pocket watch", "old letter", "music box", "pearl necklace", "stamp album", "family portrait",
            "golden ring",
        ),
        junk=(
            "candle", "umbrella", "apple", "rope", "teapot", "old boot", "broom", "newspaper", "wool scarf", "jam jar",
        ),
    ),
    "castle": Theme(
        rooms=(
            RoomWords("courtyard", "Pigeons flutter up from wet cobbles.", "stone bench", "feed bin"),
            RoomWords("great hall", "Long banners hang from the beams.", "feast table", "carved chest"),
            RoomWords("chapel", "Coloured light falls through the window.", "altar", "reliquary"),
            RoomWords("armoury", "Dented shields line the walls.", "weapon rack", "arms chest"),
            RoomWords("throne room", "Your steps echo.", "throne", "royal coffer"),
            RoomWords("tower room", "Wind whistles through the arrow slits.", "window ledge", "map case"),
            RoomWords("dungeon", "Chains hang from the wall.", "plank bed", "rusty cage"),
            RoomWords("kitchen", "A great fire has burnt down to embers.", "kitchen table", "bread oven"),
            RoomWords("stable", "It smells of hay and horses.", "hay bale", "saddle box"),
            RoomWords("wine cellar", "Cobwebs cover the bottles.", "tasting table", "cask"),
            RoomWords("bedchamber", "Heavy curtains keep out the cold.", "canopy bed", "jewel box"),
            RoomWords("scriptorium", "Half-written pages rustle.", "lectern", "book chest"),
        ),
        doors=("oak door", "iron gate", "low door", "carved door", "studded door", "barred gate"),
        treasures=(
            "golden crown", "silver chalice", "royal seal", "war banner", "jewelled dagger", "holy scroll", "ruby ring",
            "ivory horn",
        ),
        junk=(
            "torch", "horseshoe", "loaf", "bucket", "wooden spoon", "clay mug", "dented helmet", "arrow", "feather",
            "lute",
        ),
    ),
    "ship": Theme(
        rooms=(
            RoomWords("main deck", "The sails flap above you.", "hatch cover", "rope locker", "on"),
            RoomWords("cabin", "A lamp swings from the beam.", "dining table", "sea chest"),
            RoomWords("galley", "Pots clank with every wave.", "galley table", "bread box"),
            RoomWords("chart room", "Faded charts cover the walls.", "chart table", "map drawer"),
            RoomWords("hold", "Water sloshes under the planks.", "cargo pallet", "crate"),
            RoomWords("crew quarters", "Somebody has left in a hurry.", "hammock", "duffel bag"),
            RoomWords("gun deck", "It still smells of powder.", "gun carriage", "shot locker", "on"),
            RoomWords("sick bay", "It smells of vinegar.", "cot", "medicine chest"),
            RoomWords("forecastle", "The anchor chain rattles.", "windlass", "tool box"),
            RoomWords("brig", "Thick bars divide the room.", "wooden bench", "iron box"),
            RoomWords("sail loft", "Canvas lies in heaps.", "sewing bench", "sail bag"),
            RoomWords("wheelhouse", "The great wheel turns a little to and fro.", "compass stand", "flag locker"),
        ),
        doors=("teak door", "iron door", "low door", "red door", "riveted door", "slatted door"),
        treasures=(
            "treasure map", "spyglass", "logbook", "black pearl", "signal flag", "golden sextant", "jade idol",
            "silver whistle",
        ),
        junk=(
            "biscuit", "wooden leg", "mop", "bottle", "fish hook", "tin plate", "dice cup", "old sock", "lantern",
            "tarred rope",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class TextQuestSettings(GameSettings):
    """How long the quest is, how large its world, and what it looks like."""

    difficulty: int = setting(2, "how long the quest is: locks, treasures, things hidden in boxes", quests.LEVELS)
    scope: int = setting(2, "how many rooms there are, and things that nobody needs", quests.LEVELS)
    theme: str = setting("house", "the words: rooms, doors and things", tuple(THEMES))


_DEFAULT = TextQuestSettings()


class Quest(NamedTuple):
    """The state. Numbers are those of `quests.World`; sets are bits.

    Attributes:
        site: its number; 0 before chance has drawn it.
        layout: its number; 0 before chance has drawn it.
        visited: the rooms in the order of the first visit.
        room: where the player is.
        carried: the set of things in the player's hands.
        lying: the set of things at each spot. A key that is in none and not carried has stayed in its lock.
        opened: the set of doors and boxes that were opened.
        unlocked: the set of locks that were unlocked.
        found: the set of keys and treasures that were ever taken.
        brought: how many treasures were at the goal at once, at most.
        turns: the moves made.
        last: the last of them.
    """

    site: int
    layout: int
    visited: tuple[int, ...] = ()
    room: int = 0
    carried: int = 0
    lying: tuple[int, ...] = ()
    opened: int = 0
    unlocked: int = 0
    found: int = 0
    brought: int = 0
    turns: int = 0
    last: Action = ""


class SeenExit(NamedTuple):
    """A way out of a room that was visited.

    Attributes:
        way: its direction.
        door: the name of its door; empty where there is none.
        barred: `"closed"`, `"locked"` or empty: whether the door is in the way.
        metal: of a locked door's lock, else empty.
        to: the room that it leads to, if that was visited too, else empty.
    """

    way: str
    door: str
    barred: str
    metal: str
    to: str


class SeenSpot(NamedTuple):
    """Where things lie, in a room that was visited.

    Attributes:
        name: of the surface or box; empty for the floor.
        kind: `"floor"`, `"on"` or `"in"`.
        barred: `"closed"`, `"locked"` or empty: whether a box hides what is in it.
        metal: of a locked box's lock, else empty.
        things: what can be seen there.
    """

    name: str
    kind: quests.Kind
    barred: str
    metal: str
    things: tuple[str, ...]


class SeenRoom(NamedTuple):
    """What is known of a room that was visited: among others, what is said of it to who is in it."""

    name: str
    about: str
    exits: tuple[SeenExit, ...]
    spots: tuple[SeenSpot, ...]


class Goal(NamedTuple):
    """The quest: things to put in or on something."""

    things: tuple[str, ...]
    kind: quests.Kind
    spot: str


class View(NamedTuple):
    """What the player knows.

    Attributes:
        goal: the quest; None before chance has drawn it.
        rooms: those visited, in the order of the first visit.
        here: which of them the player is in.
        carried: the things in the player's hands.
        num_reached: how many milestones.
        turns: the moves made.
        last: the last of them.
    """

    goal: Goal | None
    rooms: tuple[SeenRoom, ...] = ()
    here: int = 0
    carried: tuple[str, ...] = ()
    num_reached: int = 0
    turns: int = 0
    last: Action = ""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A world and its words; compared by identity, so that it is a quick key.

    Attributes:
        things: the names by number; so are doors and spots. A floor's name is empty.
        openings: the name of whatever can be opened -> its number (`quests.opening`).
        locks: the name of whatever has a lock -> the lock.
        near: room -> the sets of what can be opened there, of the locks there, and of the rooms beside it.
        first: room -> its first spot; one entry more for the end.
    """

    world: quests.World
    goal: Goal
    rooms: tuple[RoomWords, ...]
    things: tuple[str, ...]
    doors: tuple[str, ...]
    spots: tuple[str, ...]
    metals: tuple[str, ...]
    openings: dict[str, int]
    locks: dict[str, int]
    near: tuple[tuple[int, int, int], ...]
    first: tuple[int, ...]


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
        self._num_locks = quests.NUM_LOCKS[settings.difficulty - 1]
        self._num_treasures = quests.NUM_TREASURES[settings.difficulty - 1]
        self._needed = (1 << self._num_locks + self._num_treasures) - 1
        self.num_milestones = 2 * (self._num_locks + self._num_treasures)
        self.num_turns = TURNS_PER_MOVE * quests.longest(settings.difficulty, settings.scope)
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
        named = _named(*self._key, state.site, state.layout)
        return _commands(_rooms(named, state, (state.room,))[0], _names(named.things, state.carried))

    def apply(self, state: Quest, action: Action) -> Quest:
        if not state.layout:
            return self._drawn(state, action)
        if action not in self.legal(state):
            raise ValueError(f"{action!r} is not allowed in {state!r}")
        site, layout, visited, room, carried, lying, opened, unlocked, found, brought, turns, _ = state
        named = _named(*self._key, site, layout)
        verb, _, rest = action.partition(" ")
        first, *second = _PREPOSITION.split(rest)
        if verb == "go":
            way = quests.WAYS.index(rest)
            room = next(to for to_way, to, _ in named.world.site.exits[room] if to_way == way)
            visited = visited if room in visited else (*visited, room)
        elif verb == "open":
            opened |= 1 << named.openings[rest]
        elif verb == "unlock":
            bit = 1 << named.locks[first]
            carried, unlocked = carried & ~bit, unlocked | bit  # the key has the number of its lock, and stays in it
        elif verb == "take":
            bit = 1 << named.things.index(first)
            lying = tuple([things & ~bit for things in lying])
            carried, found = carried | bit, found | bit & self._needed
        else:
            bit, to = 1 << named.things.index(first), named.spots.index(second[0])
            lying = (*lying[:to], lying[to] | bit, *lying[to + 1 :])
            carried, brought = carried & ~bit, max(brought, self._num_there(named, lying))
        return Quest(site, layout, visited, room, carried, lying, opened, unlocked, found, brought, turns + 1, action)

    def _drawn(self, state: Quest, action: Action) -> Quest:
        if action not in dict(self.chance(state)):
            raise ValueError(f"{action!r} is not the number of a world in {state!r}")
        if not state.site:
            return Quest(int(action), 0)
        world = _named(*self._key, state.site, int(action)).world
        lying = [0] * len(world.site.spots)
        for thing, spot in enumerate(world.placed):
            lying[spot] |= 1 << thing
        return Quest(state.site, int(action), visited=(0,), lying=tuple(lying))

    def _num_there(self, named: Named, lying: tuple[int, ...]) -> int:
        """How many of the quest's treasures are where they belong."""
        return ((lying[named.world.site.goal] & self._needed) >> self._num_locks).bit_count()

    def returns(self, state: Quest) -> tuple[float, ...]:
        return (self._num_reached(state) / self.num_milestones,)

    def _num_reached(self, state: Quest) -> int:
        return state.found.bit_count() + state.unlocked.bit_count() + state.brought

    def view(self, state: Quest, role: int) -> View:
        if not state.layout:
            return View(None)
        named = _named(*self._key, state.site, state.layout)
        return View(
            named.goal,
            _rooms(named, state, state.visited),
            state.visited.index(state.room),
            _names(named.things, state.carried),
            self._num_reached(state),
            state.turns,
            state.last,
        )

    def observe(self, state: Quest, role: int) -> Observation:
        view = self.view(state, role)
        legal = _commands(view.rooms[view.here], view.carried) if self.to_act(state) == role else ()
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
        goal, rooms, here, carried, num_reached, turns, last = view
        if goal is None:
            return "The quest has not begun yet."
        done = num_reached == self.num_milestones
        time = f"Turn {turns + 1} of {self.num_turns}"
        if done or turns == self.num_turns:
            time = "The quest is done: you have won" if done else "Time is up: you have lost"
        text = (
            f"{_quest(goal)} {time}. Milestones: {num_reached} of {self.num_milestones}.\n"
            f"{_result(last)}{_described(rooms[here])}\nYou carry: {_listed(carried)}."
        )
        if len(rooms) == 1:
            return text
        notes = [_noted(room, goal.spot) for k, room in enumerate(rooms) if k != here]
        return "\n".join([text, "Other rooms you have seen:", *notes])

    def parse(self, state: Quest, text: str) -> Action | Problem:
        legal = self.legal(state)
        if text in legal:
            return text
        if not legal:
            return Problem(ProblemKind.ILLEGAL, "nobody can do anything now")
        named = _named(*self._key, state.site, state.layout)
        (room,), carried = _rooms(named, state, (state.room,)), _names(named.things, state.carried)
        return _read(text, _spellings(room, carried), self.settings.theme)

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Does here what helps, or goes to the nearest room where something does or that is unknown."""
        return ((_planned(view), 1.0),)


@functools.lru_cache(_NUM_CACHED)
def _named(theme: str, difficulty: int, scope: int, site_number: int, layout_number: int) -> Named:
    """The world of that number, in the words of a theme."""
    words = THEMES[theme]
    world = quests.world(difficulty, scope, site_number, layout_number)
    site = world.site
    rooms = tuple(words.rooms[k] for k in site.rooms)
    metals = tuple(METALS[k] for k in site.metals)
    treasures = tuple(words.treasures[k] for k in site.treasures)
    doors = tuple(words.doors[k] for k in site.door_words)
    spots = tuple({"floor": "", "on": rooms[s.room].surface, "in": rooms[s.room].box}[s.kind] for s in site.spots)
    boxes = {spots[k]: k for k, spot in enumerate(site.spots) if spot.kind == "in"}
    return Named(
        world=world,
        goal=Goal(treasures, site.spots[site.goal].kind, spots[site.goal]),
        rooms=rooms,
        things=(*(f"{metal} key" for metal in metals), *treasures, *(words.junk[k] for k in site.junk)),
        doors=doors,
        spots=spots,
        metals=metals,
        openings={
            **{door: k for k, door in enumerate(doors)},
            **{b: quests.opening(site, k) for b, k in boxes.items()},
        },
        locks={**dict(zip(doors, site.doors, strict=True)), **{b: site.spots[k].lock for b, k in boxes.items()}},
        near=tuple(_near(site, room) for room in range(len(rooms))),
        first=(*(k for k, spot in enumerate(site.spots) if spot.kind == "floor"), len(spots)),
    )


def _near(site: quests.Site, room: int) -> tuple[int, int, int]:
    opened = {exit_.door: site.doors[exit_.door] for exit_ in site.exits[room] if exit_.door >= 0}
    opened |= {quests.opening(site, k): s.lock for k, s in enumerate(site.spots) if s.room == room and s.kind == "in"}
    return _set(opened), _set(lock for lock in opened.values() if lock >= 0), _set(e.to for e in site.exits[room])


def _set(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in set(numbers))


@functools.lru_cache(_NUM_CACHED)
def _names(things: tuple[str, ...], numbers: int) -> tuple[str, ...]:
    return tuple(name for k, name in enumerate(things) if numbers >> k & 1)


def _rooms(named: Named, state: Quest, rooms: tuple[int, ...]) -> tuple[SeenRoom, ...]:
    """What is known of visited rooms."""
    lying, opened, unlocked, visited = state.lying, state.opened, state.unlocked, _visited(state.visited)
    first, near = named.first, named.near
    seen = []
    for room in rooms:
        openings, locks, beside = near[room]
        here = lying[first[room] : first[room + 1]]
        seen.append(_seen(named, room, here, opened & openings, unlocked & locks, visited & beside))
    return tuple(seen)


@functools.lru_cache(_NUM_CACHED)
def _visited(rooms: tuple[int, ...]) -> int:
    return _set(rooms)


@functools.lru_cache(_NUM_CACHED)
def _seen(named: Named, room: int, lying: tuple[int, ...], opened: int, unlocked: int, visited: int) -> SeenRoom:
    """What is known of a visited room: the sets are of what is in it or beside it."""
    site, words = named.world.site, named.rooms[room]
    exits = []
    for way, to, door in site.exits[room]:
        barred, metal = ("", "") if door < 0 else _barred(named, site.doors[door], opened >> door & 1, unlocked)
        name = named.doors[door] if door >= 0 else ""
        exits.append(SeenExit(quests.WAYS[way], name, barred, metal, named.rooms[to].name if visited >> to & 1 else ""))
    spots = []
    for k, things in enumerate(lying, named.first[room]):
        barred, metal = _barred(named, site.spots[k].lock, opened >> quests.opening(site, k) & 1, unlocked)
        names = () if barred else _names(named.things, things)
        spots.append(SeenSpot(named.spots[k], site.spots[k].kind, barred, metal, names))
    about = f"You are {words.preposition} the {words.name}. {words.about}"
    return SeenRoom(words.name, about, tuple(exits), tuple(spots))


def _barred(named: Named, lock: int, opened: int, unlocked: int) -> tuple[str, str]:
    """Whether a door or box is closed or locked, and the metal of the lock."""
    if opened or lock == quests.OPEN:
        return "", ""
    if lock == quests.SHUT or unlocked >> lock & 1:
        return "closed", ""
    return "locked", named.metals[lock]


@functools.lru_cache(_NUM_CACHED)
def _commands(room: SeenRoom, carried: tuple[str, ...]) -> tuple[Action, ...]:
    """Everything that can be done in a room, sorted."""
    found = [f"go {exit_.way}" for exit_ in room.exits if not exit_.barred]
    for name, barred, metal in _closed(room):
        if barred == "closed":
            found.append(f"open {name}")
        elif f"{metal} key" in carried:
            found.append(f"unlock {name} with {metal} key")
    for spot in room.spots:
        found += [f"take {thing}" for thing in spot.things]
        if spot.name and not spot.barred:
            found += [f"put {thing} {spot.kind} {spot.name}" for thing in carried]
    return tuple(sorted(found))


def _closed(room: SeenRoom) -> list[tuple[str, str, str]]:
    """The doors and boxes that are closed or locked: name, which of both, the lock's metal."""
    doors = [(exit_.door, exit_.barred, exit_.metal) for exit_ in room.exits if exit_.barred]
    return doors + [(spot.name, spot.barred, spot.metal) for spot in room.spots if spot.barred]


# What is shown.


@functools.cache
def _quest(goal: Goal) -> str:
    return f"Quest: put {' and '.join(f'the {thing}' for thing in goal.things)} {goal.kind} the {goal.spot}."


@functools.lru_cache(_NUM_CACHED)
def _result(last: Action) -> str:
    """The last move as a sentence; where things are named, each gets its article."""
    if not last:
        return ""
    verb, _, rest = last.partition(" ")
    if verb == "go":
        return f"You go {rest}.\n"
    first, _, second = _PREPOSITION.sub(r"\g<0>|", rest).partition("|")
    told = f"You {verb} the {first}" + (f"the {second}" if second else "")
    return f"{told}, which stays in the lock.\n" if verb == "unlock" else f"{told}.\n"


@functools.lru_cache(_NUM_CACHED)
def _described(room: SeenRoom) -> str:
    """The room that one is in."""
    sentences = [room.about]
    for name, kind, barred, metal, things in room.spots:
        opened = "open " * (kind == "in")
        if barred:
            sentences.append(f"The {name} is {_state(barred, metal)}.")
        elif things:
            place = f"{kind} the {opened}{name}" if name else "on the floor"
            sentences.append(f"{place.capitalize()} you see {_listed(things)}.")
        elif name:
            sentences.append(f"The {opened}{name} is empty.")
    exits = "; ".join([_way_out(exit_) for exit_ in room.exits])
    return f"{' '.join(sentences)}\nExits: {exits}."


def _way_out(exit_: SeenExit) -> str:
    """`"east to the hall"`, `"east through the oak door (unexplored)"`, `"east: the oak door is closed"`."""
    way, door, barred, metal, to = exit_
    if barred:
        return (
            f"{way} to the {to}: the {door} is {_state(barred, metal)}"
            if to
            else f"{way}: the {door} is {_state(barred, metal)}"
        )
    through = f" through the {door}" if door else ""
    return f"{way}{through} to the {to}" if to else f"{way}{through} (unexplored)"


def _state(barred: str, metal: str) -> str:
    return f"locked ({metal} lock)" if metal else barred


@functools.lru_cache(_NUM_CACHED)
def _listed(things: tuple[str, ...]) -> str:
    """The things with their articles: `"an apple, a rope and a mop"`."""
    told = [f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}" for thing in things]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told) or "nothing"


@functools.lru_cache(_NUM_CACHED)
def _noted(room: SeenRoom, goal: str) -> str:
    """A line on a room that one isn't in: the ways out, and what in it may matter."""
    parts = [", ".join([_way_noted(exit_) for exit_ in room.exits])]
    for name, kind, barred, metal, things in room.spots:
        if barred:
            parts.append(f"{name} {_state(barred, metal)}")
        elif things or name == goal:
            parts.append(f"{_listed(things)} {kind} {name}" if name else f"{_listed(things)} on floor")
    return f"- {room.name}: {'; '.join(parts)}"


def _way_noted(exit_: SeenExit) -> str:
    way, door, barred, metal, to = exit_
    if barred:
        return f"{way} {door} {_state(barred, metal)}"
    return f"{way} to {to}" if to else f"{way} unexplored"


# What is typed.

_SEPARATORS = re.compile(r"""[,;|/\n\[\](){}<>"'.!?]+|\b(?:or|and|then)\b""")
_ARTICLES = frozenset(("the", "a", "an"))
_WAY_WORDS = {**{way: way for way in quests.WAYS}, **{way[0]: way for way in quests.WAYS}}
# The beginning of a command -> its verb; the longest that fits counts.
_VERBS = {
    "pick up": "take", "take": "take", "get": "take", "grab": "take", "go to": "go", "go through": "go", "go": "go",
    "walk to": "go", "walk": "go", "move": "go", "head": "go", "put": "put", "place": "put", "lay": "put",
    "insert": "put", "open": "open", "unlock": "unlock",
}  # fmt: skip
_PREPOSITIONS = {"onto": "on", "upon": "on", "into": "in", "inside": "in", "using": "with"}
_USE = re.compile("use (.+) (?:on|with) (.+)")


def _canonical(said: str) -> str:
    """A command without articles, its verb and prepositions those of the game: `"Get the cup"` is `"take cup"`."""
    words = [_PREPOSITIONS.get(word, word) for word in normalise(said).split() if word not in _ARTICLES]
    if len(words) == 1 and words[0] in _WAY_WORDS:
        return f"go {_WAY_WORDS[words[0]]}"
    text = _USE.sub(r"unlock \2 with \1", " ".join(words))
    for length in (2, 1):
        verb = _VERBS.get(" ".join(text.split(" ")[:length]))
        if verb:
            rest = text.split(" ")[length:]
            return " ".join([verb, *([_WAY_WORDS.get(word, word) for word in rest] if verb == "go" else rest)])
    return text


def _read(text: str, spellings: dict[str, frozenset[Action]], theme: str) -> Action | Problem:
    """The command that a text names.

    Args:
        text: what was typed.
        spellings: canonical text -> the commands possible now that it may stand for.
        theme: whose words make a command of the game, possible now or not.
    """
    said = _canonical(text)
    named = spellings.get(said, frozenset())
    if len(named) == 1:
        return next(iter(named))
    if not named and _is_command(theme, said):
        return Problem(ProblemKind.ILLEGAL, f"{said!r} is not possible here and now")
    if not named:
        parts = {_canonical(part) for part in _SEPARATORS.split(text)}
        named = frozenset(part for part in parts if part in spellings or _is_command(theme, part))
    if len(named) > 1:
        return Problem(ProblemKind.AMBIGUOUS, f"may mean {len(named)} commands: {', '.join(sorted(named))}")
    return Problem(ProblemKind.NONE, f"no command in {one_line(text, _SHOWN_CHARS)!r}: go, open, take, unlock or put")


@functools.lru_cache(1_024)
def _spellings(room: SeenRoom, carried: tuple[str, ...]) -> dict[str, frozenset[Action]]:
    """Canonical text -> the possible commands that it names: names may be cut to their last word."""
    found = dict[str, set[Action]]()
    for command in _commands(room, carried):
        for spelling in _spelled(command):
            found.setdefault(spelling, set()).add(command)
    for spot in room.spots:
        for thing in spot.things if not spot.barred else ():
            for name, place in itertools.product(_short(thing), _short(spot.name or "floor")):
                found.setdefault(f"take {name} from {place}", set()).add(f"take {thing}")
    for exit_ in room.exits:
        if not exit_.barred:
            for name in {*_short(exit_.to), *_short(exit_.door)} - {""}:
                found.setdefault(f"go {name}", set()).add(f"go {exit_.way}")
    return {spelling: frozenset(commands) for spelling, commands in found.items()}


def _spelled(command: Action) -> Iterator[str]:
    verb, _, rest = command.partition(" ")
    first, *second = _PREPOSITION.split(rest)
    if not second:
        yield from (f"{verb} {name}" for name in _short(first))
        return
    preposition = rest[len(first) : -len(second[0])]
    for name, other in itertools.product(_short(first), _short(second[0])):
        yield f"{verb} {name}{preposition}{other}"
        if verb == "unlock":
            yield f"{verb} {name}"


def _short(name: str) -> set[str]:
    return {name, name.rpartition(" ")[2]}


@functools.cache
def _nouns(theme: str) -> dict[str, frozenset[str]]:
    """Verb -> what it may be done to, in any world of the theme."""
    words = THEMES[theme]
    boxes, surfaces = [room.box for room in words.rooms], [room.surface for room in words.rooms]
    keys = [f"{metal} key" for metal in METALS]
    nouns = {
        "go": [*quests.WAYS, *(room.name for room in words.rooms), *words.doors],
        "open": [*words.doors, *boxes],
        "take": [*keys, *words.treasures, *words.junk],
        "to": [*boxes, *surfaces],
        "key": keys,
    }
    return {verb: frozenset(short for name in names for short in _short(name)) for verb, names in nouns.items()}


def _is_command(theme: str, said: str) -> bool:
    """Whether a canonical text is a command of the game, possible now or not."""
    nouns, (verb, _, rest) = _nouns(theme), said.partition(" ")
    if verb in ("go", "open", "take") and rest in nouns[verb]:
        return True
    first, *second = _PREPOSITION.split(rest)
    if verb == "unlock":
        return first in nouns["open"] and (not second or second[0] in nouns["key"])
    return verb == "put" and first in nouns["take"] and len(second) == 1 and second[0] in nouns["to"]


# What a sensible player does.


def _planned(view: View) -> Action:
    """The command that helps here, or the first step to the nearest room where something helps."""
    assert view.goal is not None, "asked before the quest has begun"
    rooms = {room.name: room for room in view.rooms}
    here = view.rooms[view.here]
    missing = [thing for thing in view.goal.things if thing not in view.carried]
    at_goal = [spot.things for room in view.rooms for spot in room.spots if spot.name == view.goal.spot]
    only_bring = bool(at_goal) and all(thing in at_goal[0] for thing in missing)
    first_steps = {here.name: ""}
    for name in (waiting := [here.name]):
        room = rooms[name]
        helps = _brings(room, view) if only_bring else _helps(room, view)
        if helps:
            return first_steps[name] or helps
        for exit_ in room.exits:
            if exit_.to and not exit_.barred and exit_.to not in first_steps:
                first_steps[exit_.to] = first_steps[name] or f"go {exit_.way}"
                waiting.append(exit_.to)
    return _commands(here, view.carried)[0]


def _brings(room: SeenRoom, view: View) -> Action:
    """A command that gets treasures to the goal, in a room that has it; else empty."""
    assert view.goal is not None
    for spot in room.spots:
        if spot.name == view.goal.spot:
            if spot.barred:
                return f"open {spot.name}"
            return next((f"put {t} {spot.kind} {spot.name}" for t in view.goal.things if t in view.carried), "")
    return ""


def _helps(room: SeenRoom, view: View) -> Action:
    """A command in this room that gets on: bring, take what is needed, unlock, open, explore; else empty."""
    assert view.goal is not None
    if any(thing in view.carried for thing in view.goal.things) and (brings := _brings(room, view)):
        return brings
    for spot in room.spots:
        for thing in spot.things if spot.name != view.goal.spot else [t for t in spot.things if t.endswith(" key")]:
            if thing in view.goal.things or thing.endswith(" key"):
                return f"take {thing}"
    for name, barred, metal in sorted(_closed(room)):
        if barred == "closed":
            return f"open {name}"
        if f"{metal} key" in view.carried:
            return f"unlock {name} with {metal} key"
    return next((f"go {exit_.way}" for exit_ in room.exits if not exit_.to and not exit_.barred), "")


GAME = TextQuest()
