"""The sentences that a text quest shows. They are made from the player's view alone."""

import functools

from mirrormatch.games.puzzles.text_quest.commands import PREPOSITION
from mirrormatch.games.puzzles.text_quest.state import SeenExit, SeenRoom
from mirrormatch.games.puzzles.text_quest.words import Goal
from mirrormatch.games.types import Action

_NUM_CACHED = 16_384  # results of each function that showing a state calls again and again


@functools.cache
def describe_goal(goal: Goal) -> str:
    """The quest as a sentence: `"Quest: put the silver cup on the altar."`."""
    return f"Quest: put {' and '.join(f'the {thing}' for thing in goal.things)} {goal.kind} the {goal.place}."


@functools.lru_cache(_NUM_CACHED)
def describe_command(last: Action) -> str:
    """The last command as a sentence in which every thing has its article."""
    if not last:
        return ""
    verb, _, rest = last.partition(" ")
    if verb == "go":
        return f"You go {rest}.\n"
    first, _, second = PREPOSITION.sub(r"\g<0>|", rest).partition("|")
    sentence = f"You {verb} the {first}" + (f"the {second}" if second else "")
    return f"{sentence}, which stays in the lock.\n" if verb == "unlock" else f"{sentence}.\n"


@functools.lru_cache(_NUM_CACHED)
def describe_room(room: SeenRoom) -> str:
    """The player's room: its places with their things, and its exits."""
    sentences = [room.about]
    for name, kind, barred, metal, things in room.places:
        opened = "open " * (kind == "in")
        if barred:
            sentences.append(f"The {name} is {_describe_barrier(barred, metal)}.")
        elif things:
            place = f"{kind} the {opened}{name}" if name else "on the floor"
            sentences.append(f"{place.capitalize()} you see {list_things(things)}.")
        elif name:
            sentences.append(f"The {opened}{name} is empty.")
    exits = "; ".join([_describe_exit(exit_) for exit_ in room.exits])
    return f"{' '.join(sentences)}\nExits: {exits}."


def _describe_exit(exit_: SeenExit) -> str:
    """`"east to the hall"`, `"east through the oak door (unexplored)"`, `"east: the oak door is closed"`."""
    way, door, barred, metal, to = exit_
    if barred:
        beginning = f"{way} to the {to}" if to else way
        return f"{beginning}: the {door} is {_describe_barrier(barred, metal)}"
    through = f" through the {door}" if door else ""
    return f"{way}{through} to the {to}" if to else f"{way}{through} (unexplored)"


def _describe_barrier(barred: str, metal: str) -> str:
    return f"locked ({metal} lock)" if metal else barred


@functools.lru_cache(_NUM_CACHED)
def list_things(things: tuple[str, ...]) -> str:
    """The things with their articles: `"an apple, a rope and a mop"`."""
    listed = [f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}" for thing in things]
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed) or "nothing"


@functools.lru_cache(_NUM_CACHED)
def note_room(room: SeenRoom, goal: str) -> str:
    """A line on a room that the player has left: its exits, and its places that may matter."""
    parts = [", ".join([_note_exit(exit_) for exit_ in room.exits])]
    for name, kind, barred, metal, things in room.places:
        if barred:
            parts.append(f"{name} {_describe_barrier(barred, metal)}")
        elif things or name == goal:
            parts.append(f"{list_things(things)} {kind} {name}" if name else f"{list_things(things)} on floor")
    return f"- {room.name}: {'; '.join(parts)}"


def _note_exit(exit_: SeenExit) -> str:
    way, door, barred, metal, to = exit_
    if barred:
        return f"{way} {door} {_describe_barrier(barred, metal)}"
    return f"{way} to {to}" if to else f"{way} unexplored"
