"""The state of a text quest, and the part of it that the player has seen.

The state is in numbers, the player's view in words. How a view is written out is in `wording.py`.
"""

import functools
from typing import NamedTuple, TypeAlias

from mirrormatch.games.puzzles.text_quest.words import Goal, NamedWorld, to_bits
from mirrormatch.games.puzzles.text_quest.world import OPEN, SHUT, WAYS, PlaceKind, box_opening
from mirrormatch.games.types import Action

_NUM_CACHED = 16_384  # results of each function that showing a state calls again and again

Barrier: TypeAlias = tuple[str, str]  # `"closed"`, `"locked"` or empty, and the metal of a locked one's lock


class Quest(NamedTuple):
    """The state. Numbers are those of `world.World`; sets are bits.

    Attributes:
        site: the site's number; 0 before chance has drawn it.
        layout: the layout's number; 0 before chance has drawn it.
        visited: the rooms in the order of the first visit.
        room: the room that the player is in.
        carried: the set of things in the player's hands.
        lying: the set of things at each place. A key at no place and not carried has stayed in its lock.
        opened: the set of doors and boxes that were opened.
        unlocked: the set of locks that were unlocked.
        found: the set of keys and treasures that were ever taken.
        brought: the largest number of treasures that were at the goal at once.
        turns: the number of commands carried out.
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
        metal: the metal of a locked door's lock, else empty.
        to: the room that it leads to, if that was visited too, else empty.
    """

    way: str
    door: str
    barred: str
    metal: str
    to: str


class SeenPlace(NamedTuple):
    """A place for things in a room that was visited.

    Attributes:
        name: the name of the surface or box; empty for the floor.
        kind: `"floor"`, `"on"` or `"in"`.
        barred: `"closed"`, `"locked"` or empty: whether a box hides its content.
        metal: the metal of a locked box's lock, else empty.
        things: the things that can be seen there.
    """

    name: str
    kind: PlaceKind
    barred: str
    metal: str
    things: tuple[str, ...]


class SeenRoom(NamedTuple):
    """A room that was visited: its name, the sentences that describe it from inside, its exits and its places."""

    name: str
    about: str
    exits: tuple[SeenExit, ...]
    places: tuple[SeenPlace, ...]


class View(NamedTuple):
    """The part of the state that the player has seen.

    Attributes:
        goal: the quest; None before chance has drawn it.
        rooms: the visited rooms, in the order of the first visit.
        here: the index of the player's room among them.
        carried: the things in the player's hands.
        num_reached: the number of milestones reached.
        turns: the number of commands carried out.
        last: the last of them.
    """

    goal: Goal | None
    rooms: tuple[SeenRoom, ...] = ()
    here: int = 0
    carried: tuple[str, ...] = ()
    num_reached: int = 0
    turns: int = 0
    last: Action = ""


def list_closed(room: SeenRoom) -> list[tuple[str, str, str]]:
    """The doors and boxes that are closed or locked: name, which of both, the lock's metal."""
    doors = [(exit_.door, exit_.barred, exit_.metal) for exit_ in room.exits if exit_.barred]
    return doors + [(place.name, place.barred, place.metal) for place in room.places if place.barred]


@functools.lru_cache(_NUM_CACHED)
def name_things(things: tuple[str, ...], bits: int) -> tuple[str, ...]:
    """The names of a set of things."""
    return tuple(name for k, name in enumerate(things) if bits >> k & 1)


def see_rooms(named: NamedWorld, state: Quest, rooms: tuple[int, ...]) -> tuple[SeenRoom, ...]:
    """The given visited rooms as the player has seen them."""
    lying, opened, unlocked, visited = state.lying, state.opened, state.unlocked, _to_bits(state.visited)
    first, near = named.first, named.near
    seen = []
    for room in rooms:
        openings, locks, beside = near[room]
        here = lying[first[room] : first[room + 1]]
        seen.append(_see_room(named, room, here, opened & openings, unlocked & locks, visited & beside))
    return tuple(seen)


@functools.lru_cache(_NUM_CACHED)
def _to_bits(rooms: tuple[int, ...]) -> int:
    return to_bits(rooms)


@functools.lru_cache(_NUM_CACHED)
def _see_room(
    named: NamedWorld, room: int, lying: tuple[int, ...], opened: int, unlocked: int, visited: int
) -> SeenRoom:
    """A visited room as the player has seen it. The three sets hold only what is in it or beside it."""
    site, words = named.world.site, named.rooms[room]
    exits = []
    for way, to, door in site.exits[room]:
        barred, metal = ("", "") if door < 0 else _find_barrier(named, site.doors[door], opened >> door & 1, unlocked)
        exits.append(
            SeenExit(
                way=WAYS[way],
                door=named.doors[door] if door >= 0 else "",
                barred=barred,
                metal=metal,
                to=named.rooms[to].name if visited >> to & 1 else "",
            )
        )
    places = []
    for k, things in enumerate(lying, named.first[room]):
        barred, metal = _find_barrier(named, site.places[k].lock, opened >> box_opening(site, k) & 1, unlocked)
        names = () if barred else name_things(named.things, things)
        places.append(SeenPlace(named.places[k], site.places[k].kind, barred, metal, names))
    about = f"You are {words.preposition} the {words.name}. {words.about}"
    return SeenRoom(words.name, about, tuple(exits), tuple(places))


def _find_barrier(named: NamedWorld, lock: int, opened: int, unlocked: int) -> Barrier:
    """Whether a door or box is closed or locked, and the metal of the lock."""
    if opened or lock == OPEN:
        return "", ""
    if lock == SHUT or unlocked >> lock & 1:
        return "closed", ""
    return "locked", named.metals[lock]
