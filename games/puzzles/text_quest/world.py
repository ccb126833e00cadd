"""Generates the small worlds of text quests from numbers, and finds a shortest way through each.

A world is a map of rooms with doors, surfaces and boxes, and things that lie about. Locks form a chain: behind each of
them lies the key of the next, behind the last a treasure, so a quest can always be finished and no lock can be
bypassed. Everything here is a number; names and the player's knowledge are kept elsewhere.
"""

import functools
import itertools
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from mirrormatch.seeds import derive

LEVELS = range(1, 6)  # of difficulty and of scope
# By level, from 1 to 5.
NUM_ROOMS = (4, 5, 6, 8, 10)
NUM_JUNK = (1, 2, 3, 4, 6)  # things that the quest doesn't need
NUM_LOCKS = (0, 1, 2, 3, 4)
NUM_TREASURES = (1, 1, 1, 2, 2)
# The number of words of each kind from which a world draws.
NUM_ROOM_WORDS, NUM_DOOR_WORDS, NUM_METAL_WORDS, NUM_TREASURE_WORDS, NUM_JUNK_WORDS = 12, 6, 6, 8, 10

OPEN, SHUT = -2, -1  # in place of a lock: always open, or closed but not locked; locks are counted from 0

PlaceKind: TypeAlias = Literal["floor", "on", "in"]
Command: TypeAlias = tuple[str, int]  # "go" a way, "open" a door or box, "unlock" a lock, "take" or "put" a thing

WAYS = ("east", "north", "south", "west")
_SHIFTS = ((1, 0), (0, 1), (0, -1), (-1, 0))  # on the grid; the opposite of a way is 3 - way
_MAX_SHUT_DOORS = 3  # doors that are closed and have no lock
_LOOPS = 0.3  # the probability of a passage between two neighbours of one zone that have none yet
_SURFACES, _BOXES = 0.6, 0.5  # the probability that a room has a surface, or a box
_BOX_IS_CLOSED = 0.75
_GOAL_IS_BOX = 0.3


class Exit(NamedTuple):
    """A way out of a room: its direction, the room it leads to, and its door (-1: none)."""

    way: int
    to: int
    door: int


class Place(NamedTuple):
    """A place for things: a room's floor, a surface in it, or a box; its lock, or `OPEN` or `SHUT`."""

    room: int
    kind: PlaceKind
    lock: int


class Site(NamedTuple):
    """Everything that doesn't move, and the quest.

    Attributes:
        exits: the exits of each room, by direction. The player starts in room 0.
        doors: the lock of each door; `SHUT` where it has none.
        places: the places in the order of the rooms, each room's floor first.
        goal: the place to which the treasures have to be brought.
        hideouts: for every key in the order of the locks, then for every treasure: the places where it may lie.
        rooms: the number of each room's word.
        door_words: the number of each door's word.
        metals: the number of each lock's metal.
        treasures: the number of each treasure's word.
        junk: the number of the word of each thing that the quest doesn't need.
    """

    exits: tuple[tuple[Exit, ...], ...]
    doors: tuple[int, ...]
    places: tuple[Place, ...]
    goal: int
    hideouts: tuple[tuple[int, ...], ...]
    rooms: tuple[int, ...]
    door_words: tuple[int, ...]
    metals: tuple[int, ...]
    treasures: tuple[int, ...]
    junk: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A site with its things. Compared by identity, which makes it a fast cache key.

    Attributes:
        site: everything that doesn't move.
        placed: the place of each thing: keys in the order of their locks, treasures, junk.
        plan: a shortest list of commands that finishes the quest.
    """

    site: Site
    placed: tuple[int, ...]
    plan: tuple[Command, ...]


def max_plan_length(difficulty: int, scope: int) -> int:
    """Upper bound on the length of a plan at these levels; the few longer layouts are redrawn."""
    return 4 + 3 * difficulty + NUM_ROOMS[scope - 1] * (difficulty + 1) // 2


@functools.lru_cache(4_096)
def make_world(difficulty: int, scope: int, site_number: int, layout_number: int) -> World:
    """Makes the world with these numbers: draws layouts until one has a plan that isn't too long."""
    site = draw_site(difficulty, scope, site_number)
    rng = random.Random(derive(layout_number, "quest", "layout", difficulty, scope, site_number))
    while True:
        placed = _draw_layout(site, difficulty, rng)
        plan = find_plan(site, placed)
        if len(plan) <= max_plan_length(difficulty, scope):
            return World(site, placed, plan)


@functools.lru_cache(1_024)
def draw_site(difficulty: int, scope: int, number: int) -> Site:
    """Draws the site with this number."""
    rng = random.Random(derive(number, "quest", "site", difficulty, scope))
    num_locks, num_rooms = NUM_LOCKS[difficulty - 1], NUM_ROOMS[scope - 1]
    num_locked_doors = rng.randint(num_locks // 2, (num_locks + 1) // 2)
    kinds = ["door"] * num_locked_doors + ["box"] * (num_locks - num_locked_doors)
    rng.shuffle(kinds)
    zone_of = _draw_zones(num_rooms, num_locked_doors, rng)
    exits, doors = _draw_map(zone_of, [lock for lock, kind in enumerate(kinds) if kind == "door"], rng)
    locked_in = _draw_locked_boxes(kinds, zone_of, rng)
    avoid = _find_last_rooms(kinds, zone_of, locked_in)
    goal_room = rng.choice([room for room in range(num_rooms) if room not in avoid])
    goal_kind: PlaceKind = "in" if rng.random() < _GOAL_IS_BOX and goal_room not in locked_in else "on"
    places = tuple(_draw_places(num_rooms, locked_in, (goal_room, goal_kind), rng))
    goal = next(k for k, place in enumerate(places) if (place.room, place.kind) == (goal_room, goal_kind))
    num_treasures = NUM_TREASURES[difficulty - 1]
    return Site(
        exits=exits,
        doors=doors,
        places=places,
        goal=goal,
        hideouts=_list_hideouts(kinds, zone_of, places, goal_room, num_treasures),
        rooms=_draw_words(NUM_ROOM_WORDS, num_rooms, rng),
        door_words=_draw_words(NUM_DOOR_WORDS, len(doors), rng),
        metals=_draw_words(NUM_METAL_WORDS, num_locks, rng),
        treasures=_draw_words(NUM_TREASURE_WORDS, num_treasures, rng),
        junk=_draw_words(NUM_JUNK_WORDS, NUM_JUNK[scope - 1], rng),
    )


def _draw_words(num_known: int, num: int, rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.sample(range(num_known), num))


def _draw_zones(num_rooms: int, num_locked_doors: int, rng: random.Random) -> list[int]:
    """The zone of each room, ascending. Zone 0 has two rooms or more; each zone is one locked door further away."""
    zones = [0, 0, *range(1, num_locked_doors + 1)]
    zones += [rng.randint(0, num_locked_doors) for _ in range(num_rooms - len(zones))]
    return sorted(zones)


def _draw_map(
    zone_of: Sequence[int], door_locks: Sequence[int], rng: random.Random
) -> tuple[tuple[tuple[Exit, ...], ...], tuple[int, ...]]:
    """Exits and doors: rooms on a grid, each zone connected and joined to the earlier zones by one locked door."""
    passages = None
    while passages is None:
        passages = _grow_passages(zone_of, rng)
    exits = [list[Exit]() for _ in zone_of]
    doors = list[int]()
    num_shut = 0
    for room, way, to in passages:
        door = -1
        if zone_of[room] != zone_of[to]:
            door, lock = len(doors), door_locks[max(zone_of[room], zone_of[to]) - 1]
            doors.append(lock)
        elif num_shut < _MAX_SHUT_DOORS and rng.random() < 1 / 4:
            door, num_shut = len(doors), num_shut + 1
            doors.append(SHUT)
        exits[room].append(Exit(way, to, door))
        exits[to].append(Exit(3 - way, room, door))
    return tuple(tuple(sorted(of_room)) for of_room in exits), tuple(doors)


def _grow_passages(zone_of: Sequence[int], rng: random.Random) -> list[tuple[int, int, int]] | None:
    """Passages as (room, way, room); None where a zone has run out of free cells."""
    cells, passages = [(0, 0)], list[tuple[int, int, int]]()
    for room in range(1, len(zone_of)):
        inside = [host for host in range(room) if zone_of[host] == zone_of[room]]
        free = [
            (host, way)
            for host in inside or range(room)
            for way in range(4)
            if _neighbour(cells[host], way) not in cells
        ]
        if not free:
            return None
        host, way = rng.choice(free)
        cells.append(_neighbour(cells[host], way))
        passages.append((host, way, room))
    joined = {frozenset((room, to)) for room, _, to in passages}
    for room, way in itertools.product(range(len(cells)), range(2)):  # each pair from its western or southern room
        if (there := _neighbour(cells[room], way)) not in cells:
            continue
        to = cells.index(there)
        if zone_of[room] == zone_of[to] and frozenset((room, to)) not in joined and rng.random() < _LOOPS:
            passages.append((room, way, to))
    return passages


def _neighbour(cell: tuple[int, int], way: int) -> tuple[int, int]:
    return (cell[0] + _SHIFTS[way][0], cell[1] + _SHIFTS[way][1])


def _draw_locked_boxes(kinds: Sequence[str], zone_of: Sequence[int], rng: random.Random) -> dict[int, int]:
    """Room -> the lock of its box. By the time a box is next in the chain of locks, its room can be reached."""
    locked_in = dict[int, int]()
    zone = 0
    for lock, kind in enumerate(kinds):
        if kind == "door":
            zone += 1
            continue
        room = rng.choice([r for r, z in enumerate(zone_of) if z <= zone and r not in locked_in])
        locked_in[room] = lock
    return locked_in


def _find_last_rooms(kinds: Sequence[str], zone_of: Sequence[int], locked_in: dict[int, int]) -> set[int]:
    """The rooms in which the treasure at the chain's end may lie, where the goal can't be; none without locks."""
    if not kinds:
        return set()
    if kinds[-1] == "door":
        return {room for room, zone in enumerate(zone_of) if zone == max(zone_of)}
    return {room for room, lock in locked_in.items() if lock == len(kinds) - 1}


def _draw_places(
    num_rooms: int, locked_in: dict[int, int], goal: tuple[int, PlaceKind], rng: random.Random
) -> Iterator[Place]:
    """The floor, surface and box of every room; the goal's place is always there."""
    for room in range(num_rooms):
        surface, box, closed = rng.random() < _SURFACES, rng.random() < _BOXES, rng.random() < _BOX_IS_CLOSED
        yield Place(room, "floor", OPEN)
        if surface or goal == (room, "on"):
            yield Place(room, "on", OPEN)
        if room in locked_in:
            yield Place(room, "in", locked_in[room])
        elif box or goal == (room, "in"):
            yield Place(room, "in", SHUT if closed else OPEN)


def _list_hideouts(
    kinds: Sequence[str], zone_of: Sequence[int], places: Sequence[Place], goal_room: int, num_treasures: int
) -> tuple[tuple[int, ...], ...]:
    """The places where each key and each treasure may lie: none in the first room, no treasure in the goal's room."""
    zones = list(itertools.accumulate((kind == "door" for kind in kinds), initial=0))
    num_locks = len(kinds)
    hideouts = []
    for thing in range(num_locks + num_treasures):
        if 0 < thing <= num_locks and kinds[thing - 1] == "box":
            hideouts.append(tuple(k for k, place in enumerate(places) if place.lock == thing - 1))
            continue
        within = set(zone_of) if thing > num_locks else {zones[thing]}
        hideouts.append(tuple(
            k for k, place in enumerate(places)
            if place.room and place.lock < 0 and zone_of[place.room] in within
            and not (thing >= num_locks and place.room == goal_room)
        ))  # fmt: skip
    return tuple(hideouts)


def _draw_layout(site: Site, difficulty: int, rng: random.Random) -> tuple[int, ...]:
    """A place for every thing; the higher the difficulty, the more of the needed things lie in boxes."""
    placed = [
        rng.choices(places, [difficulty if site.places[place].kind == "in" else 1 for place in places])[0]
        for places in site.hideouts
    ]
    anywhere = [k for k, place in enumerate(site.places) if place.room]
    return (*placed, *(rng.choice(anywhere) for _ in site.junk))


def box_opening(site: Site, place: int) -> int:
    """The index of a box among everything that can be opened; the doors come first."""
    return len(site.doors) + place


class _Progress(NamedTuple):
    """A node of the search. The last three fields are sets of bits.

    Attributes:
        room: the room that the player is in.
        opened: the doors and boxes that have been opened.
        taken: the needed things that have been taken.
        used: the keys that are in their locks and the treasures that are at the goal.
    """

    room: int
    opened: int
    taken: int
    used: int


def find_plan(site: Site, placed: Sequence[int]) -> tuple[Command, ...]:
    """A shortest list of commands that finishes the quest, by breadth-first search.

    A command that every plan contains is carried out as soon as it is possible: putting it off saves nothing. Opening
    a door without a lock isn't one, as there may be a way around it.
    """
    needed = placed[: len(site.hideouts)]
    start, finished = _Progress(0, 0, 0, 0), (1 << len(needed)) - 1
    came_by: dict[_Progress, tuple[_Progress, Command]] = {start: (start, ("", 0))}
    waiting = deque([start])
    while waiting:
        now = waiting.popleft()
        if now.used == finished:
            return _trace_back(came_by, now)
        for command, then in _list_next(site, needed, now):
            if then not in came_by:
                came_by[then] = (now, command)
                waiting.append(then)
    raise AssertionError(f"{placed!r} can't be solved in {site!r}")


def _trace_back(came_by: dict[_Progress, tuple[_Progress, Command]], last: _Progress) -> tuple[Command, ...]:
    """The commands from the start to a node."""
    commands = list[Command]()
    before, command = came_by[last]
    while before != last:
        commands.append(command)
        last = before
        before, command = came_by[last]
    return tuple(commands[::-1])


def _list_next(site: Site, needed: Sequence[int], now: _Progress) -> Iterator[tuple[Command, _Progress]]:
    """The commands worth trying at a node, each with the node that it leads to."""
    must = next(_list_necessary(site, needed, now), None)
    if must is not None:
        yield must
        return
    for way, to, door in site.exits[now.room]:
        if door < 0 or now.opened >> door & 1:
            yield ("go", way), now._replace(room=to)
        elif site.doors[door] == SHUT:
            yield ("open", door), now._replace(opened=now.opened | 1 << door)


def _list_necessary(site: Site, needed: Sequence[int], now: _Progress) -> Iterator[tuple[Command, _Progress]]:
    """The commands that are possible here and part of every plan."""
    room, opened, taken, used = now
    held, num_locks = taken & ~used, len(site.metals)
    closed = [(door, site.doors[door]) for _, _, door in site.exits[room] if door >= 0 and site.doors[door] >= 0]
    for place in {*needed, site.goal}:
        if site.places[place].room == room and site.places[place].lock != OPEN:
            closed.append((box_opening(site, place), site.places[place].lock))
    for number, lock in closed:
        if lock >= 0 and held >> lock & 1:
            yield ("unlock", lock), now._replace(used=used | 1 << lock)
        elif not opened >> number & 1 and (lock == SHUT or used >> lock & 1):
            yield ("open", number), now._replace(opened=opened | 1 << number)
    for thing, place in enumerate(needed):
        if not taken >> thing & 1 and _is_at_hand(site, place, now):
            yield ("take", thing), now._replace(taken=taken | 1 << thing)
        if thing >= num_locks and held >> thing & 1 and _is_at_hand(site, site.goal, now):
            yield ("put", thing), now._replace(used=used | 1 << thing)


def _is_at_hand(site: Site, place: int, now: _Progress) -> bool:
    """Whether the place is in the player's room and open."""
    room, _, lock = site.places[place]
    return room == now.room and (lock == OPEN or now.opened >> box_opening(site, place) & 1 > 0)
