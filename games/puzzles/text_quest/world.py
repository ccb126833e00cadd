"""Small worlds for quests: drawn from numbers, and solved.

A world is a map of rooms with doors, surfaces and boxes, and things that lie about. Locks form a chain: behind each of
them lies the key of the next, behind the last a treasure, so a quest can always be finished and no lock can be passed
by. Here everything is a number; what it is called, and what a player sees of it, isn't known.
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
# How many words there must be for what a world draws.
NUM_ROOM_WORDS, NUM_DOOR_WORDS, NUM_METAL_WORDS, NUM_TREASURE_WORDS, NUM_JUNK_WORDS = 12, 6, 6, 8, 10

OPEN, SHUT = -2, -1  # the lock of what is always open, and of what is only closed; locks are counted from 0

Kind: TypeAlias = Literal["floor", "on", "in"]
Step: TypeAlias = tuple[str, int]  # "go" a way, "open" what can be opened, "unlock" a lock, "take" or "put" a thing

WAYS = ("east", "north", "south", "west")
_SHIFTS = ((1, 0), (0, 1), (0, -1), (-1, 0))  # on the grid; the opposite way is 3 - way
_MAX_SHUT_DOORS = 3  # without a lock
_LOOPS = 0.3  # the probability that two neighbours of one zone without a passage get one
_SURFACES, _BOXES = 0.6, 0.5  # the probability that a room has one
_BOX_IS_CLOSED = 0.75
_GOAL_IS_BOX = 0.3


class Exit(NamedTuple):
    """A way out of a room: its direction, the room it leads to, and its door (-1: none)."""

    way: int
    to: int
    door: int


class Spot(NamedTuple):
    """Where things may lie: a room's floor, a surface in it, or a box; its lock, or `OPEN` or `SHUT`."""

    room: int
    kind: Kind
    lock: int


class Site(NamedTuple):
    """All that doesn't move, and the quest.

    Attributes:
        exits: of each room, by direction. The player starts in room 0.
        doors: each one's lock, `SHUT` where it has none.
        spots: by room, each room's floor first.
        goal: the spot to which the treasures have to be brought.
        hideouts: for every key in the order of the locks, then for every treasure: the spots where it may lie.
        rooms: each room's word. The others are the words of doors, locks, treasures and junk.
    """

    exits: tuple[tuple[Exit, ...], ...]
    doors: tuple[int, ...]
    spots: tuple[Spot, ...]
    goal: int
    hideouts: tuple[tuple[int, ...], ...]
    rooms: tuple[int, ...]
    door_words: tuple[int, ...]
    metals: tuple[int, ...]
    treasures: tuple[int, ...]
    junk: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A site with its things; compared by identity, so that it is a quick key.

    Attributes:
        site: all that doesn't move.
        placed: the spot of each thing: keys in the order of their locks, treasures, junk.
        plan: a shortest way to finish the quest.
    """

    site: Site
    placed: tuple[int, ...]
    plan: tuple[Step, ...]


def longest(difficulty: int, scope: int) -> int:
    """The moves that no quest of these levels needs more of; the few layouts that would need more are drawn anew."""
    return 4 + 3 * difficulty + NUM_ROOMS[scope - 1] * (difficulty + 1) // 2


@functools.lru_cache(4_096)
def world(difficulty: int, scope: int, site_number: int, layout_number: int) -> World:
    """The world of these numbers: the first layout that isn't too long among those that its generator draws."""
    site = drawn_site(difficulty, scope, site_number)
    rng = random.Random(derive(layout_number, "quest", "layout", difficulty, scope, site_number))
    while True:
        placed = _placed(site, difficulty, rng)
        plan = solved(site, placed)
        if len(plan) <= longest(difficulty, scope):
            return World(site, placed, plan)


@functools.lru_cache(1_024)
def drawn_site(difficulty: int, scope: int, number: int) -> Site:
    """The site of that number."""
    rng = random.Random(derive(number, "quest", "site", difficulty, scope))
    num_locks, num_rooms = NUM_LOCKS[difficulty - 1], NUM_ROOMS[scope - 1]
    num_locked_doors = rng.randint(num_locks // 2, (num_locks + 1) // 2)
    kinds = ["door"] * num_locked_doors + ["box"] * (num_locks - num_locked_doors)
    rng.shuffle(kinds)
    zone_of = _zones(num_rooms, num_locked_doors, rng)
    exits, doors = _mapped(zone_of, [lock for lock, kind in enumerate(kinds) if kind == "door"], rng)
    locked_in = _locked_boxes(kinds, zone_of, rng)
    avoid = _last_rooms(kinds, zone_of, locked_in)
    goal_room = rng.choice([room for room in range(num_rooms) if room not in avoid])
    goal_kind: Kind = "in" if rng.random() < _GOAL_IS_BOX and goal_room not in locked_in else "on"
    spots = tuple(_spots(num_rooms, locked_in, (goal_room, goal_kind), rng))
    goal = next(k for k, spot in enumerate(spots) if (spot.room, spot.kind) == (goal_room, goal_kind))
    num_treasures = NUM_TREASURES[difficulty - 1]
    return Site(
        exits=exits,
        doors=doors,
        spots=spots,
        goal=goal,
        hideouts=_hideouts(kinds, zone_of, spots, goal_room, num_treasures),
        rooms=_words(NUM_ROOM_WORDS, num_rooms, rng),
        door_words=_words(NUM_DOOR_WORDS, len(doors), rng),
        metals=_words(NUM_METAL_WORDS, num_locks, rng),
        treasures=_words(NUM_TREASURE_WORDS, num_treasures, rng),
        junk=_words(NUM_JUNK_WORDS, NUM_JUNK[scope - 1], rng),
    )


def _words(num_known: int, num: int, rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.sample(range(num_known), num))


def _zones(num_rooms: int, num_locked_doors: int, rng: random.Random) -> list[int]:
    """The zone of each room, ascending: zone 0 has two rooms or more, each other lies behind one more locked door."""
    zones = [0, 0, *range(1, num_locked_doors + 1)]
    zones += [rng.randint(0, num_locked_doors) for _ in range(num_rooms - len(zones))]
    return sorted(zones)


def _mapped(
    zone_of: Sequence[int], door_locks: Sequence[int], rng: random.Random
) -> tuple[tuple[tuple[Exit, ...], ...], tuple[int, ...]]:
    """Exits and doors: rooms on a grid, each zone a connected part that one locked door joins to the zones before."""
    passages = None
    while passages is None:
        passages = _grown(zone_of, rng)
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


def _grown(zone_of: Sequence[int], rng: random.Random) -> list[tuple[int, int, int]] | None:
    """Passages as (room, way, room); None where a zone has walled itself in."""
    cells, passages = [(0, 0)], list[tuple[int, int, int]]()
    for room in range(1, len(zone_of)):
        inside = [host for host in range(room) if zone_of[host] == zone_of[room]]
        free = [
            (host, way) for host in inside or range(room) for way in range(4) if _beside(cells[host], way) not in cells
        ]
        if not free:
            return None
        host, way = rng.choice(free)
        cells.append(_beside(cells[host], way))
        passages.append((host, way, room))
    joined = {frozenset((room, to)) for room, _, to in passages}
    for room, way in itertools.product(range(len(cells)), range(2)):  # each pair from its western or southern room
        if (there := _beside(cells[room], way)) not in cells:
            continue
        to = cells.index(there)
        if zone_of[room] == zone_of[to] and frozenset((room, to)) not in joined and rng.random() < _LOOPS:
            passages.append((room, way, to))
    return passages


def _beside(cell: tuple[int, int], way: int) -> tuple[int, int]:
    return (cell[0] + _SHIFTS[way][0], cell[1] + _SHIFTS[way][1])


def _locked_boxes(kinds: Sequence[str], zone_of: Sequence[int], rng: random.Random) -> dict[int, int]:
    """Room -> the lock of its box. When a box's turn in the chain comes, its room can be reached."""
    locked_in = dict[int, int]()
    zone = 0
    for lock, kind in enumerate(kinds):
        if kind == "door":
            zone += 1
            continue
        room = rng.choice([r for r, z in enumerate(zone_of) if z <= zone and r not in locked_in])
        locked_in[room] = lock
    return locked_in


def _last_rooms(kinds: Sequence[str], zone_of: Sequence[int], locked_in: dict[int, int]) -> set[int]:
    """The rooms in which the treasure at the chain's end may lie: the goal is elsewhere. Without locks none is."""
    if not kinds:
        return set()
    if kinds[-1] == "door":
        return {room for room, zone in enumerate(zone_of) if zone == max(zone_of)}
    return {room for room, lock in locked_in.items() if lock == len(kinds) - 1}


def _spots(num_rooms: int, locked_in: dict[int, int], goal: tuple[int, Kind], rng: random.Random) -> Iterator[Spot]:
    for room in range(num_rooms):
        surface, box, closed = rng.random() < _SURFACES, rng.random() < _BOXES, rng.random() < _BOX_IS_CLOSED
        yield Spot(room, "floor", OPEN)
        if surface or goal == (room, "on"):
            yield Spot(room, "on", OPEN)
        if room in locked_in:
            yield Spot(room, "in", locked_in[room])
        elif box or goal == (room, "in"):
            yield Spot(room, "in", SHUT if closed else OPEN)


def _hideouts(
    kinds: Sequence[str], zone_of: Sequence[int], spots: Sequence[Spot], goal_room: int, num_treasures: int
) -> tuple[tuple[int, ...], ...]:
    """Where each key and each treasure may lie. Nothing lies in the first room, no treasure in the goal's."""
    zones = list(itertools.accumulate((kind == "door" for kind in kinds), initial=0))
    num_locks = len(kinds)
    hideouts = []
    for thing in range(num_locks + num_treasures):
        if 0 < thing <= num_locks and kinds[thing - 1] == "box":
            hideouts.append(tuple(k for k, spot in enumerate(spots) if spot.lock == thing - 1))
            continue
        within = set(zone_of) if thing > num_locks else {zones[thing]}
        hideouts.append(tuple(
            k for k, spot in enumerate(spots)
            if spot.room and spot.lock < 0 and zone_of[spot.room] in within
            and not (thing >= num_locks and spot.room == goal_room)
        ))  # fmt: skip
    return tuple(hideouts)


def _placed(site: Site, difficulty: int, rng: random.Random) -> tuple[int, ...]:
    """A spot for every thing; the harder, the more of what is needed lies in boxes."""
    placed = [
        rng.choices(spots, [difficulty if site.spots[spot].kind == "in" else 1 for spot in spots])[0]
        for spots in site.hideouts
    ]
    anywhere = [k for k, spot in enumerate(site.spots) if spot.room]
    return (*placed, *(rng.choice(anywhere) for _ in site.junk))


def opening(site: Site, spot: int) -> int:
    """The number under which a box can be opened; doors have the numbers before."""
    return len(site.doors) + spot


class _Progress(NamedTuple):
    """A position of the search. The last three are sets of bits.

    Attributes:
        room: where the player is.
        opened: the doors and boxes that have been opened.
        taken: the needed things that have been found.
        used: the keys that are in their locks and the treasures that are at the goal.
    """

    room: int
    opened: int
    taken: int
    used: int


def solved(site: Site, placed: Sequence[int]) -> tuple[Step, ...]:
    """A shortest way to finish the quest, by breadth-first search.

    What every way has to do, and can be done here and now, is done at once: putting it off saves nothing. Opening a
    door without a lock is no such thing, as there may be a way around it.
    """
    needed = placed[: len(site.hideouts)]
    start, finished = _Progress(0, 0, 0, 0), (1 << len(needed)) - 1
    came_by: dict[_Progress, tuple[_Progress, Step]] = {start: (start, ("", 0))}
    waiting = deque([start])
    while waiting:
        now = waiting.popleft()
        if now.used == finished:
            return _traced(came_by, now)
        for step, then in _next(site, needed, now):
            if then not in came_by:
                came_by[then] = (now, step)
                waiting.append(then)
    raise AssertionError(f"{placed!r} can't be solved in {site!r}")


def _traced(came_by: dict[_Progress, tuple[_Progress, Step]], last: _Progress) -> tuple[Step, ...]:
    steps = list[Step]()
    before, step = came_by[last]
    while before != last:
        steps.append(step)
        last = before
        before, step = came_by[last]
    return tuple(steps[::-1])


def _next(site: Site, needed: Sequence[int], now: _Progress) -> Iterator[tuple[Step, _Progress]]:
    must = next(_necessary(site, needed, now), None)
    if must is not None:
        yield must
        return
    for way, to, door in site.exits[now.room]:
        if door < 0 or now.opened >> door & 1:
            yield ("go", way), now._replace(room=to)
        elif site.doors[door] == SHUT:
            yield ("open", door), now._replace(opened=now.opened | 1 << door)


def _necessary(site: Site, needed: Sequence[int], now: _Progress) -> Iterator[tuple[Step, _Progress]]:
    """What can be done here and has to be done some time."""
    room, opened, taken, used = now
    held, num_locks = taken & ~used, len(site.metals)
    closed = [(door, site.doors[door]) for _, _, door in site.exits[room] if door >= 0 and site.doors[door] >= 0]
    for spot in {*needed, site.goal}:
        if site.spots[spot].room == room and site.spots[spot].lock != OPEN:
            closed.append((opening(site, spot), site.spots[spot].lock))
    for number, lock in closed:
        if lock >= 0 and held >> lock & 1:
            yield ("unlock", lock), now._replace(used=used | 1 << lock)
        elif not opened >> number & 1 and (lock == SHUT or used >> lock & 1):
            yield ("open", number), now._replace(opened=opened | 1 << number)
    for thing, spot in enumerate(needed):
        if not taken >> thing & 1 and _at_hand(site, spot, now):
            yield ("take", thing), now._replace(taken=taken | 1 << thing)
        if thing >= num_locks and held >> thing & 1 and _at_hand(site, site.goal, now):
            yield ("put", thing), now._replace(used=used | 1 << thing)


def _at_hand(site: Site, spot: int, now: _Progress) -> bool:
    room, _, lock = site.spots[spot]
    return room == now.room and (lock == OPEN or now.opened >> opening(site, spot) & 1 > 0)
