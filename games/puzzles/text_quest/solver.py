"""A rule-based player of text quests: it gives a command that helps, or goes to a room where one may help.

It acts on the player's view alone.
"""

from mirrormatch.games.puzzles.text_quest.commands import list_commands
from mirrormatch.games.puzzles.text_quest.state import SeenRoom, View, list_closed
from mirrormatch.games.types import Action


def choose_command(view: View) -> Action:
    """The command that helps here, or the first step to the nearest room where something helps."""
    assert view.goal is not None, "no command can be chosen before the quest has begun"
    rooms = {room.name: room for room in view.rooms}
    here = view.rooms[view.here]
    missing = [thing for thing in view.goal.things if thing not in view.carried]
    at_goal = [place.things for room in view.rooms for place in room.places if place.name == view.goal.place]
    only_bring = bool(at_goal) and all(thing in at_goal[0] for thing in missing)
    first_steps = {here.name: ""}
    for name in (waiting := [here.name]):
        room = rooms[name]
        helps = _find_delivery(room, view) if only_bring else _find_help(room, view)
        if helps:
            return first_steps[name] or helps
        for exit_ in room.exits:
            if exit_.to and not exit_.barred and exit_.to not in first_steps:
                first_steps[exit_.to] = first_steps[name] or f"go {exit_.way}"
                waiting.append(exit_.to)
    return list_commands(here, view.carried)[0]


def _find_delivery(room: SeenRoom, view: View) -> Action:
    """A command that gets treasures to the goal, if the goal is in the room; else empty."""
    assert view.goal is not None
    for place in room.places:
        if place.name == view.goal.place:
            if place.barred:
                return f"open {place.name}"
            return next((f"put {t} {place.kind} {place.name}" for t in view.goal.things if t in view.carried), "")
    return ""


def _find_help(room: SeenRoom, view: View) -> Action:
    """A helpful command in this room: bring, take what is needed, unlock, open, explore; else empty."""
    assert view.goal is not None
    if any(thing in view.carried for thing in view.goal.things) and (delivery := _find_delivery(room, view)):
        return delivery
    for place in room.places:
        things = [t for t in place.things if t.endswith(" key")] if place.name == view.goal.place else place.things
        for thing in things:
            if thing in view.goal.things or thing.endswith(" key"):
                return f"take {thing}"
    for name, barred, metal in sorted(list_closed(room)):
        if barred == "closed":
            return f"open {name}"
        if f"{metal} key" in view.carried:
            return f"unlock {name} with {metal} key"
    return next((f"go {exit_.way}" for exit_ in room.exits if not exit_.to and not exit_.barred), "")
