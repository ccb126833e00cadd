"""The words of a text quest: the names that a theme gives to everything in a world.

The worlds themselves are numbers, in `world.py`; here each number gets its name. What the player has seen of them is
kept in `state.py`, the sentences about it are in `wording.py`.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mirrormatch.games.puzzles.text_quest.world import PlaceKind, Site, World, box_opening, make_world

_NUM_CACHED = 16_384  # worlds whose names are kept


class RoomWords(NamedTuple):
    """A room's name, a sentence about it, the names of its surface and its box, and whether one is "in" or "on" it."""

    name: str
    about: str
    surface: str
    box: str
    preposition: str = "in"


class Theme(NamedTuple):
    """The words of all worlds of one kind. Keys and locks are named by their metal in every theme."""

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


class Goal(NamedTuple):
    """The quest: treasures, and the place to put them in or on."""

    things: tuple[str, ...]
    kind: PlaceKind
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class NamedWorld:
    """A world and its words. Compared by identity, which makes it a fast cache key.

    Attributes:
        world: the world in numbers.
        goal: the quest in words.
        rooms: the words of each room.
        things: the name of each thing.
        doors: the name of each door.
        places: the name of each place; a floor's is empty.
        metals: the metal of each lock.
        openings: the name of each door and box -> its index among all that can be opened.
        locks: the name of each door and box -> its lock.
        near: for each room, the sets of openings in it, of locks in it, and of the rooms beside it, as bits.
        first: the first place of each room; one entry more for the end.
    """

    world: World
    goal: Goal
    rooms: tuple[RoomWords, ...]
    things: tuple[str, ...]
    doors: tuple[str, ...]
    places: tuple[str, ...]
    metals: tuple[str, ...]
    openings: dict[str, int]
    locks: dict[str, int]
    near: tuple[tuple[int, int, int], ...]
    first: tuple[int, ...]


@functools.lru_cache(_NUM_CACHED)
def name_world(theme: str, difficulty: int, scope: int, site_number: int, layout_number: int) -> NamedWorld:
    """Makes the world with these numbers and names everything in it with the theme's words."""
    words = THEMES[theme]
    world = make_world(difficulty, scope, site_number, layout_number)
    site = world.site
    rooms = tuple(words.rooms[k] for k in site.rooms)
    metals = tuple(METALS[k] for k in site.metals)
    treasures = tuple(words.treasures[k] for k in site.treasures)
    doors = tuple(words.doors[k] for k in site.door_words)
    places = tuple({"floor": "", "on": rooms[p.room].surface, "in": rooms[p.room].box}[p.kind] for p in site.places)
    boxes = {places[k]: k for k, place in enumerate(site.places) if place.kind == "in"}
    return NamedWorld(
        world=world,
        goal=Goal(treasures, site.places[site.goal].kind, places[site.goal]),
        rooms=rooms,
        things=(*(f"{metal} key" for metal in metals), *treasures, *(words.junk[k] for k in site.junk)),
        doors=doors,
        places=places,
        metals=metals,
        openings={
            **{door: k for k, door in enumerate(doors)},
            **{b: box_opening(site, k) for b, k in boxes.items()},
        },
        locks={**dict(zip(doors, site.doors, strict=True)), **{b: site.places[k].lock for b, k in boxes.items()}},
        near=tuple(_list_near(site, room) for room in range(len(rooms))),
        first=(*(k for k, place in enumerate(site.places) if place.kind == "floor"), len(places)),
    )


def _list_near(site: Site, room: int) -> tuple[int, int, int]:
    """The sets of openings and locks in a room and of the rooms beside it, as bits."""
    lock_of = {exit_.door: site.doors[exit_.door] for exit_ in site.exits[room] if exit_.door >= 0}
    lock_of |= {box_opening(site, k): p.lock for k, p in enumerate(site.places) if p.room == room and p.kind == "in"}
    locks = (lock for lock in lock_of.values() if lock >= 0)
    return to_bits(lock_of), to_bits(locks), to_bits(exit_.to for exit_ in site.exits[room])


def to_bits(numbers: Iterable[int]) -> int:
    """The set of numbers as the bits of an integer."""
    return sum(1 << number for number in set(numbers))
