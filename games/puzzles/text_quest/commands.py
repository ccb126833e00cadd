"""The commands of a text quest: those possible in a room, and the one that a reply means.

A reply is read with the words of its theme; nothing here changes a state.
"""

import functools
import itertools
import re
from collections.abc import Iterator

from mirrormatch.games.player_text import normalise
from mirrormatch.games.puzzles.text_quest.state import SeenRoom, list_closed
from mirrormatch.games.puzzles.text_quest.words import METALS, THEMES
from mirrormatch.games.puzzles.text_quest.world import WAYS
from mirrormatch.games.types import Action, Problem, ProblemKind
from mirrormatch.text import one_line

PREPOSITION = re.compile(" (?:on|in|with) ")  # between the two names of a command; no name contains one

_NUM_CACHED = 16_384  # rooms whose commands are kept
_NUM_SPELLED = 1_024  # rooms whose spellings are kept
_SHOWN_CHARS = 60  # characters of a reply that a problem's detail shows
_SEPARATORS = re.compile(r"""[,;|/\n\[\](){}<>"'.!?]+|\b(?:or|and|then)\b""")
_ARTICLES = frozenset(("the", "a", "an"))
_WAY_WORDS = {**{way: way for way in WAYS}, **{way[0]: way for way in WAYS}}
# The beginning of a command -> its verb; the longest that fits counts.
_VERBS = {
    "pick up": "take", "take": "take", "get": "take", "grab": "take", "go to": "go", "go through": "go", "go": "go",
    "walk to": "go", "walk": "go", "move": "go", "head": "go", "put": "put", "place": "put", "lay": "put",
    "insert": "put", "open": "open", "unlock": "unlock",
}  # fmt: skip
_PREPOSITIONS = {"onto": "on", "upon": "on", "into": "in", "inside": "in", "using": "with"}
_USE = re.compile("use (.+) (?:on|with) (.+)")


@functools.lru_cache(_NUM_CACHED)
def list_commands(room: SeenRoom, carried: tuple[str, ...]) -> tuple[Action, ...]:
    """Every command that is possible in a room, sorted."""
    found = [f"go {exit_.way}" for exit_ in room.exits if not exit_.barred]
    for name, barred, metal in list_closed(room):
        if barred == "closed":
            found.append(f"open {name}")
        elif f"{metal} key" in carried:
            found.append(f"unlock {name} with {metal} key")
    for place in room.places:
        found += [f"take {thing}" for thing in place.things]
        if place.name and not place.barred:
            found += [f"put {thing} {place.kind} {place.name}" for thing in carried]
    return tuple(sorted(found))


def read_command(text: str, room: SeenRoom, carried: tuple[str, ...], theme: str) -> Action | Problem:
    """The command that a reply means.

    Args:
        text: the reply.
        room: the player's room.
        carried: the things in the player's hands.
        theme: the theme whose words make a command of the game, possible now or not.
    """
    spellings = _list_spellings(room, carried)
    spelling = _canonical(text)
    meant = spellings.get(spelling, frozenset())
    if len(meant) == 1:
        return next(iter(meant))
    if not meant and _is_command(theme, spelling):
        return Problem(ProblemKind.ILLEGAL, f"{spelling!r} is not possible here and now")
    if not meant:
        parts = {_canonical(part) for part in _SEPARATORS.split(text)}
        meant = frozenset(part for part in parts if part in spellings or _is_command(theme, part))
    if len(meant) > 1:
        return Problem(ProblemKind.AMBIGUOUS, f"may mean {len(meant)} commands: {', '.join(sorted(meant))}")
    return Problem(ProblemKind.NONE, f"no command in {one_line(text, _SHOWN_CHARS)!r}: go, open, take, unlock or put")


def _canonical(text: str) -> str:
    """A command without articles, its verb and prepositions those of the game: `"Get the cup"` is `"take cup"`."""
    typed = normalise(text).removeprefix("> ")  # the sign before a command in text adventures
    words = [_PREPOSITIONS.get(word, word) for word in typed.split() if word not in _ARTICLES]
    if len(words) == 1 and words[0] in _WAY_WORDS:
        return f"go {_WAY_WORDS[words[0]]}"
    plain = _USE.sub(r"unlock \2 with \1", " ".join(words))
    for length in (2, 1):
        verb = _VERBS.get(" ".join(plain.split(" ")[:length]))
        if verb:
            rest = plain.split(" ")[length:]
            return " ".join([verb, *([_WAY_WORDS.get(word, word) for word in rest] if verb == "go" else rest)])
    return plain


@functools.lru_cache(_NUM_SPELLED)
def _list_spellings(room: SeenRoom, carried: tuple[str, ...]) -> dict[str, frozenset[Action]]:
    """Canonical text -> the possible commands that it may mean. Names may be cut to their last word."""
    found = dict[str, set[Action]]()
    for command in list_commands(room, carried):
        for spelling in _spell_command(command):
            found.setdefault(spelling, set()).add(command)
    for place in room.places:
        for thing in place.things if not place.barred else ():
            for name, origin in itertools.product(_shorten(thing), _shorten(place.name or "floor")):
                found.setdefault(f"take {name} from {origin}", set()).add(f"take {thing}")
    for exit_ in room.exits:
        if not exit_.barred:
            for name in {*_shorten(exit_.to), *_shorten(exit_.door)} - {""}:
                found.setdefault(f"go {name}", set()).add(f"go {exit_.way}")
    return {spelling: frozenset(commands) for spelling, commands in found.items()}


def _spell_command(command: Action) -> Iterator[str]:
    """The command with full and with short names; a lock's key may be left out."""
    verb, _, rest = command.partition(" ")
    first, *second = PREPOSITION.split(rest)
    if not second:
        yield from (f"{verb} {name}" for name in _shorten(first))
        return
    preposition = rest[len(first) : -len(second[0])]
    for name, other in itertools.product(_shorten(first), _shorten(second[0])):
        yield f"{verb} {name}{preposition}{other}"
        if verb == "unlock":
            yield f"{verb} {name}"


def _shorten(name: str) -> set[str]:
    """The name, and its last word alone."""
    return {name, name.rpartition(" ")[2]}


@functools.cache
def _list_nouns(theme: str) -> dict[str, frozenset[str]]:
    """Verb -> the names of its objects in any world of the theme."""
    words = THEMES[theme]
    boxes, surfaces = [room.box for room in words.rooms], [room.surface for room in words.rooms]
    keys = [f"{metal} key" for metal in METALS]
    nouns = {
        "go": [*WAYS, *(room.name for room in words.rooms), *words.doors],
        "open": [*words.doors, *boxes],
        "take": [*keys, *words.treasures, *words.junk],
        "to": [*boxes, *surfaces],
        "key": keys,
    }
    return {verb: frozenset(short for name in names for short in _shorten(name)) for verb, names in nouns.items()}


def _is_command(theme: str, spelling: str) -> bool:
    """Whether a canonical text is a command of the game, possible now or not."""
    nouns, (verb, _, rest) = _list_nouns(theme), spelling.partition(" ")
    if verb in ("go", "open", "take") and rest in nouns[verb]:
        return True
    first, *second = PREPOSITION.split(rest)
    if verb == "unlock":
        return first in nouns["open"] and (not second or second[0] in nouns["key"])
    return verb == "put" and first in nouns["take"] and len(second) == 1 and second[0] in nouns["to"]
