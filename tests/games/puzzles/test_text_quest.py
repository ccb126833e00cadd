"""The text adventure: its worlds can be finished, commands have their effects, and closed boxes hide their content."""

import functools
import itertools
import random
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from tests.games.playing import play_texts, problem_kind

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Game, ProblemKind
from mirrormatch.games.puzzles.text_quest import world as worlds
from mirrormatch.games.puzzles.text_quest.rules import NUM_LAYOUTS, NUM_SITES
from mirrormatch.games.puzzles.text_quest.words import METALS, THEMES, RoomWords

GAME = games.get("text_quest")
LEVELS = list(worlds.LEVELS)
VARIANTS = [
    *(f"text_quest:difficulty={d}" for d in (1, 3, 4)), "text_quest", "text_quest:difficulty=5,scope=5,theme=castle",
    "text_quest:scope=1,theme=ship", "text_quest:difficulty=4,scope=3,theme=ship",
]  # fmt: skip
# Site 6, layout 1: the kitchen (table, cupboard), west of it behind the pine door the attic with the copper key on the
# rocking chair, south of that behind the locked narrow door the hall with the stamp album on the side table.
TO_THE_KEY = ("open pine door", "go west", "take copper key")
TO_THE_ALBUM = (*TO_THE_KEY, "unlock narrow door with copper key", "open narrow door", "go south", "take stamp album")
TO_THE_END = (*TO_THE_ALBUM, "go north", "go east", "put stamp album on kitchen table")


def start_quest(game: Game[Any, Any], site: int = 6, layout: int = 1) -> Any:
    return game.apply(game.apply(game.start(), str(site)), str(layout))


def play_moves(*moves: str) -> Any:
    """The state of site 6, layout 1 after the moves, each read as an agent's reply."""
    return play_texts(GAME, start_quest(GAME), moves)


def text_after(*moves: str) -> str:
    return GAME.observe(play_moves(*moves), 0).text


def return_after(*moves: str) -> float:
    return GAME.returns(play_moves(*moves))[0]


def draw_quest(game: Game[Any, Any], rng: random.Random) -> Any:
    return start_quest(game, rng.randint(1, NUM_SITES), rng.randint(1, NUM_LAYOUTS))


def play_to_end(game: Game[Any, Any], state: Any, rng: random.Random, solved: bool) -> Any:
    while game.to_act(state) != OVER:
        options = [a for a, _ in game.solution(game.view(state, 0))] if solved else game.legal(state) or ()
        state = game.apply(state, rng.choice(options))
    return state


# A slow world made of words, which shares nothing with the game but the drawn numbers and the themes.


class Slow:
    """Everything is a name. A door or box is `"open"`, `"closed"` or locked: then it has its metal's name."""

    def __init__(self, theme: str, world: worlds.World) -> None:
        words, site = THEMES[theme], world.site
        of_room: list[RoomWords] = [words.rooms[k] for k in site.rooms]
        metal = [METALS[k] for k in site.metals]
        self.barrier = {
            words.doors[w]: self.name_barrier(lock, metal) for w, lock in zip(site.door_words, site.doors, strict=True)
        }
        self.barrier_lies_in = dict[str, str]()
        self.way: dict[str, dict[str, tuple[str, str]]] = {}  # room -> direction -> room, door
        for room, exits in zip(of_room, site.exits, strict=True):
            self.way[room.name] = {}
            for way, to, door in exits:
                by = words.doors[site.door_words[door]] if door >= 0 else ""
                self.way[room.name][("east", "north", "south", "west")[way]] = (of_room[to].name, by)
        self.place = list[tuple[str, str, str]]()  # room, "on" or "in" or "floor", name
        for room_number, kind, lock in site.places:
            room = of_room[room_number]
            name = {"on": room.surface, "in": room.box, "floor": ""}[kind]
            self.place.append((room.name, kind, name))
            if kind == "in":
                self.barrier[name] = self.name_barrier(lock, metal)
                self.barrier_lies_in[name] = room.name
        keys, treasures = [f"{m} key" for m in metal], [words.treasures[k] for k in site.treasures]
        things = [*keys, *treasures, *(words.junk[k] for k in site.junk)]
        self.where = {thing: self.place[k] for thing, k in zip(things, world.placed, strict=True)}
        self.order, self.keys, self.treasures = things, keys, treasures
        self.goal = self.place[site.goal]
        self.room = of_room[0].name
        self.hands, self.visited, self.done = set[str](), [self.room], set[str]()

    @staticmethod
    def name_barrier(lock: int, metal: list[str]) -> str:
        return "open" if lock == worlds.OPEN else "closed" if lock == worlds.SHUT else metal[lock]

    def list_barriers(self) -> list[str]:
        """The doors and boxes within reach."""
        doors = [door for _, door in self.way[self.room].values() if door]
        return doors + [box for box, room in self.barrier_lies_in.items() if room == self.room]

    def list_commands(self) -> list[str]:
        found = []
        for way, (_, door) in self.way[self.room].items():
            if not door or self.barrier[door] == "open":
                found.append("go " + way)
        for name in self.list_barriers():
            if self.barrier[name] == "closed":
                found.append("open " + name)
            elif self.barrier[name] != "open" and self.barrier[name] + " key" in self.hands:
                found.append(f"unlock {name} with {self.barrier[name]} key")
        for thing in self.order:
            if thing in self.where and self.is_visible(self.where[thing]) and self.where[thing][0] == self.room:
                found.append("take " + thing)
        for room, kind, name in self.place:
            if room == self.room and kind != "floor" and self.is_visible((room, kind, name)):
                found += [f"put {thing} {kind} {name}" for thing in self.hands]
        return sorted(found)

    def is_visible(self, place: tuple[str, str, str]) -> bool:
        return place[1] != "in" or self.barrier[place[2]] == "open"

    def do(self, command: str) -> None:
        if command.startswith("go "):
            self.room = self.way[self.room][command[3:]][0]
            if self.room not in self.visited:
                self.visited.append(self.room)
        elif command.startswith("open "):
            self.barrier[command[5:]] = "open"
        elif match := re.fullmatch("unlock (.+) with (.+)", command):
            self.barrier[match[1]] = "closed"
            self.hands.remove(match[2])
            self.done.add("unlocked " + match[1])
        elif command.startswith("take "):
            del self.where[command[5:]]
            self.hands.add(command[5:])
            if command[5:] in self.keys + self.treasures:
                self.done.add("found " + command[5:])
        elif match := re.fullmatch("put (.+) (on|in) (.+)", command):
            self.hands.remove(match[1])
            self.where[match[1]] = next(place for place in self.place if place[1:] == (match[2], match[3]))
            for k in range(sum(self.where.get(thing) == self.goal for thing in self.treasures)):
                self.done.add(f"brought {k}")

    def list_rooms(self) -> list[Any]:
        """The visited rooms: name, exits, places with the things that can be seen there."""
        rooms = []
        for name in self.visited:
            exits = []
            for way, (to, door) in sorted(self.way[name].items()):
                state = self.barrier[door] if door else "open"
                exits.append((way, door, *self.describe_barrier(state), to if to in self.visited else ""))
            places = []
            for place in self.place:
                if place[0] == name:
                    lies = [t for t in self.order if self.where.get(t) == place] if self.is_visible(place) else []
                    state = self.barrier[place[2]] if place[1] == "in" else "open"
                    places.append((place[2], place[1], *self.describe_barrier(state), tuple(lies)))
            rooms.append((name, tuple(exits), tuple(places)))
        return rooms

    @staticmethod
    def describe_barrier(state: str) -> tuple[str, str]:
        return {"open": ("", ""), "closed": ("closed", "")}.get(state, ("locked", state))


@pytest.mark.parametrize("name", VARIANTS)
def test_random_games_are_those_of_a_slow_world(name: str) -> None:
    game, rng = games.get(name), random.Random(3)
    settings: Any = game.settings
    for k in range(60):
        site, layout = rng.randint(1, NUM_SITES), rng.randint(1, NUM_LAYOUTS)
        state = start_quest(game, site, layout)
        slow = Slow(settings.theme, worlds.make_world(settings.difficulty, settings.scope, site, layout))
        while game.to_act(state) != OVER:
            view = game.view(state, 0)
            assert list(game.legal(state) or ()) == slow.list_commands()
            assert [(room.name, room.exits, room.places) for room in view.rooms] == slow.list_rooms()
            assert (view.rooms[view.here].name, set(view.carried)) == (slow.room, slow.hands)
            assert view.num_reached == len(slow.done)
            helps = game.solution(view)[0][0]
            command = helps if rng.random() < k % 4 / 4 else rng.choice(game.legal(state) or ())
            state = game.apply(state, command)
            slow.do(command)
        total = 2 * (len(slow.keys) + len(slow.treasures))
        assert game.returns(state) == (len(slow.done) / total,)
        assert (game.returns(state) == (1.0,)) == all(slow.where.get(thing) == slow.goal for thing in slow.treasures)


# worlds


def draw_worlds(difficulty: int, scope: int, num_sites: int) -> Iterator[worlds.World]:
    for site in range(1, num_sites + 1):
        yield worlds.make_world(difficulty, scope, site, 1 + site % NUM_LAYOUTS)


def to_action(slow: Slow, theme: str, world: worlds.World, step: worlds.Command) -> Action:
    """A command of the plan as an action of the game."""
    verb, number = step
    site, words = world.site, THEMES[theme]
    boxes = {len(site.doors) + k: slow.place[k][2] for k in range(len(site.places))}
    openings = {**boxes, **{k: words.doors[w] for k, w in enumerate(site.door_words)}}
    if verb == "go":
        return f"go {('east', 'north', 'south', 'west')[number]}"
    if verb == "open":
        return f"open {openings[number]}"
    if verb == "unlock":
        key = slow.order[number]
        return f"unlock {next(b for b, state in slow.barrier.items() if key == state + ' key')} with {key}"
    thing = slow.order[number]
    return f"take {thing}" if verb == "take" else f"put {thing} {slow.goal[1]} {slow.goal[2]}"


@pytest.mark.slow
@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_plan_of_every_world_finishes_the_quest(difficulty: int) -> None:
    for scope, site in itertools.product(LEVELS, range(1, 41)):
        game = games.get(f"text_quest:difficulty={difficulty},scope={scope},theme=castle")
        world, state = worlds.make_world(difficulty, scope, site, 2), start_quest(game, site, 2)
        slow = Slow("castle", world)
        for step in world.plan:
            assert game.to_act(state) == 0
            command = to_action(slow, "castle", world, step)
            slow.do(command)
            state = game.apply(state, command)
        assert game.to_act(state) == OVER and game.returns(state) == (1.0,)


def is_solvable(world: worlds.World, without: set[str]) -> bool:
    """Whether trying everything, without picking up some keys, reaches all treasures and the goal."""
    slow = Slow("house", world)
    rooms, opened = {slow.room}, {name for name, state in slow.barrier.items() if state == "open"}
    had, changed = set[str](), True
    while changed:
        before = (len(rooms), len(opened), len(had))
        for room in list(rooms):
            rooms |= {to for to, door in slow.way[room].values() if not door or door in opened}
            near = {d for _, d in slow.way[room].values()} | {b for b, r in slow.barrier_lies_in.items() if r == room}
            opened |= {
                name for name in near - {""}
                if slow.barrier[name] in ("open", "closed") or slow.barrier[name] + " key" in had
            }  # fmt: skip
        for thing, (room, kind, name) in slow.where.items():
            if room in rooms and (kind != "in" or name in opened) and thing not in without:
                had.add(thing)
        changed = before != (len(rooms), len(opened), len(had))
    return set(slow.treasures) <= had and slow.goal[0] in rooms and (slow.goal[1] == "on" or slow.goal[2] in opened)


@pytest.mark.parametrize(("difficulty", "scope"), [*itertools.product(LEVELS, (1, 3, 5))])
def test_every_world_can_be_finished_but_not_without_one_of_its_keys(difficulty: int, scope: int) -> None:
    for world in draw_worlds(difficulty, scope, 100):
        assert is_solvable(world, set())
        assert not any(is_solvable(world, {f"{METALS[k]} key"}) for k in world.site.metals)


class Spare(NamedTuple):
    """A node of the slow search: the state without the time, the way there and what doesn't matter."""

    room: int
    carried: int
    lying: tuple[int, ...]
    opened: int
    unlocked: int


def find_shortest(game: Game[Any, Any], state: Any) -> int:
    """Number of moves to the end, by plain search over the game; junk isn't taken, things are put only at the goal."""
    goal = game.view(state, 0).goal
    needless = [
        f"take {t}" for theme in THEMES.values() for t in (*theme.junk, *theme.treasures) if t not in goal.things
    ]
    waiting, met = deque([(state, 0)]), set[Spare]()
    while waiting:
        state, num_moves = waiting.popleft()
        for move in game.legal(state) or ():
            if move in needless or (move.startswith("put ") and not move.endswith(f" {goal.kind} {goal.place}")):
                continue
            then = game.apply(state._replace(turns=0), move)
            if game.to_act(then) == OVER:
                return num_moves + 1
            spare = Spare(then.room, then.carried, then.lying, then.opened, then.unlocked)
            if spare not in met:
                met.add(spare)
                waiting.append((then, num_moves + 1))
    raise AssertionError("no way to the end")


@pytest.mark.parametrize(("difficulty", "scope", "num_worlds"), [(1, 3, 12), (2, 2, 12), (3, 1, 10), (4, 1, 2)])
def test_the_plan_is_as_short_as_a_plain_search_finds(difficulty: int, scope: int, num_worlds: int) -> None:
    game = games.get(f"text_quest:difficulty={difficulty},scope={scope}")
    for site in range(1, num_worlds + 1):
        assert len(worlds.make_world(difficulty, scope, site, 1).plan) == find_shortest(
            game, start_quest(game, site, 1)
        )


@functools.cache
def mean_length(difficulty: int, scope: int) -> float:
    return sum(len(world.plan) for world in draw_worlds(difficulty, scope, 100)) / 100


@pytest.mark.slow
@pytest.mark.parametrize("scope", LEVELS)
def test_each_level_of_difficulty_adds_three_moves_or_more(scope: int) -> None:
    lengths = [mean_length(difficulty, scope) for difficulty in LEVELS]
    assert all(harder > easier + 3 for easier, harder in itertools.pairwise(lengths)), lengths


@pytest.mark.parametrize("difficulty", LEVELS)
def test_a_larger_scope_makes_the_way_longer(difficulty: int) -> None:
    assert mean_length(difficulty, 1) + 1 < mean_length(difficulty, 3) + 0.5 < mean_length(difficulty, 5)


def test_each_level_of_scope_adds_rooms_and_junk() -> None:
    sites = [worlds.draw_site(2, scope, 1) for scope in LEVELS]
    assert [len(site.exits) for site in sites] == [4, 5, 6, 8, 10]
    assert [len(site.junk) for site in sites] == [1, 2, 3, 4, 6]


@pytest.mark.parametrize("difficulty", LEVELS)
def test_a_quest_has_a_lock_for_each_level_but_the_first(difficulty: int) -> None:
    assert {len(world.site.metals) for world in draw_worlds(difficulty, 2, 50)} == {difficulty - 1}


@pytest.mark.parametrize(("difficulty", "scope"), [*itertools.product(LEVELS, LEVELS)])
def test_a_game_lasts_twice_the_longest_quest(difficulty: int, scope: int) -> None:
    longest = games.get(f"text_quest:difficulty={difficulty},scope={scope}").info.max_turns / 2
    lengths = [len(world.plan) for world in draw_worlds(difficulty, scope, NUM_SITES)]
    assert 0.8 * longest <= max(lengths) <= longest


def test_the_documentation_gives_the_turns_and_lengths() -> None:
    bounds = [worlds.max_plan_length(difficulty, scope) for difficulty in LEVELS for scope in LEVELS]
    assert f"after {GAME.info.max_turns} turns" in (GAME.__doc__ or "")
    assert f"({min(bounds)} to {max(bounds)} moves" in (GAME.__doc__ or "")


@pytest.mark.parametrize("scope", LEVELS)
def test_going_there_and_back_leads_to_the_same_room(scope: int) -> None:
    back = {"east": "west", "north": "south", "south": "north", "west": "east"}
    for world in draw_worlds(3, scope, 60):
        way = Slow("house", world).way
        for room, exits in way.items():
            assert all(way[to][back[direction]] == (room, door) for direction, (to, door) in exits.items())


def test_no_two_rooms_lie_at_the_same_place() -> None:
    shift = {"east": (1, 0), "north": (0, 1), "south": (0, -1), "west": (-1, 0)}
    for world in draw_worlds(4, 5, NUM_SITES):
        way = Slow("house", world).way
        cells = {next(iter(way)): (0, 0)}
        for room in (waiting := list(cells)):
            for direction, (to, _) in way[room].items():
                cell = (cells[room][0] + shift[direction][0], cells[room][1] + shift[direction][1])
                if to not in cells:
                    waiting.append(to)
                assert cells.setdefault(to, cell) == cell
        assert len(set(cells.values())) == len(way) == 10


@pytest.mark.slow
def test_there_are_many_worlds() -> None:
    numbers = itertools.product(range(1, 33), range(1, NUM_LAYOUTS + 1))
    texts = {
        play_to_end(GAME, start_quest(GAME, *number), random.Random(0), solved=True)._replace(site=0)
        for number in numbers
    }
    assert len(texts) > 480


# words


def list_names(theme: str) -> list[str]:
    words = THEMES[theme]
    things = [f"{metal} key" for metal in METALS] + [*words.treasures, *words.junk]
    return [*things, *words.doors, *(name for room in words.rooms for name in (room.name, room.surface, room.box))]


@pytest.mark.parametrize("theme", THEMES)
def test_no_two_things_of_a_theme_have_the_same_name(theme: str) -> None:
    assert len(set(list_names(theme))) == len(list_names(theme))


@pytest.mark.parametrize("theme", THEMES)
def test_no_name_can_be_mistaken_for_the_words_around_it(theme: str) -> None:
    assert not {"on", "in", "with", "the", "a", "an", "and", "or", "then", "to", "from"} & set(
        " ".join(list_names(theme)).split()
    )


@pytest.mark.parametrize("theme", THEMES)
def test_a_theme_has_a_word_for_everything_that_is_drawn(theme: str) -> None:
    words = THEMES[theme]
    nums = (len(words.rooms), len(words.doors), len(METALS), len(words.treasures), len(words.junk))
    assert nums == (12, 6, 6, 8, 10) == (
        worlds.NUM_ROOM_WORDS, worlds.NUM_DOOR_WORDS, worlds.NUM_METAL_WORDS, worlds.NUM_TREASURE_WORDS,
        worlds.NUM_JUNK_WORDS,
    )  # fmt: skip


def test_the_theme_changes_nothing_but_words() -> None:
    for site in range(1, 21):
        played = [start_quest(games.get(f"text_quest:theme={theme}"), site, 3) for theme in THEMES]
        assert len({state._replace(last="") for state in played}) == 1
        assert len({len(games.get(f"text_quest:theme={theme}").legal(played[0]) or ()) for theme in THEMES}) == 1


# commands and what they earn


def test_the_shortest_way_wins() -> None:
    assert GAME.to_act(play_moves(*TO_THE_END)) == OVER and return_after(*TO_THE_END) == 1.0


@pytest.mark.parametrize(
    ("num_moves", "share"), [(2, 0.0), (3, 0.25), (4, 0.5), (6, 0.5), (7, 0.75), (9, 0.75), (10, 1.0)]
)
def test_each_milestone_earns_its_share(num_moves: int, share: float) -> None:
    assert (
        return_after(*TO_THE_END[:num_moves]) == share
    )  # the key at move 3, the lock at 4, the album at 7, the end at 10


def test_a_milestone_counts_once() -> None:
    assert return_after(*TO_THE_KEY, "put copper key on rocking chair", "take copper key") == 0.25


def test_giving_up_the_key_keeps_the_milestone() -> None:
    assert return_after(*TO_THE_KEY, "put copper key on rocking chair") == 0.25


def test_a_treasure_put_elsewhere_does_not_win() -> None:
    assert return_after(*TO_THE_ALBUM, "put stamp album on side table") == 0.75


def test_two_treasures_win_only_together() -> None:
    game = games.get("text_quest:difficulty=4")
    for site in range(1, 31):
        state, rng = start_quest(game, site, 1), random.Random(site)
        goal = game.view(state, 0).goal
        while not any(f" {goal.kind} {goal.place}" in state.last and thing in state.last for thing in goal.things):
            state = game.apply(state, game.solution(game.view(state, 0))[0][0])
        before, first = game.returns(state), next(thing for thing in goal.things if thing in state.last)
        state = game.apply(state, f"take {first}")
        state = game.apply(state, f"put {first} {goal.kind} {goal.place}")
        assert game.to_act(state) == 0 and game.returns(state) == before  # one that is brought twice is brought once
        assert game.returns(play_to_end(game, state, rng, solved=True)) == (1.0,)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_earned_never_falls(name: str) -> None:
    game, rng = games.get(name), random.Random(8)
    for _ in range(30):
        state, share = draw_quest(game, rng), 0.0
        while game.to_act(state) != OVER:
            state = game.apply(state, rng.choice(game.legal(state) or ()))
            assert game.returns(state)[0] >= share
            share = game.returns(state)[0]


def test_time_runs_out_after_34_turns() -> None:
    state = play_moves(*TO_THE_KEY, *["put copper key on rocking chair", "take copper key"] * 15, "go east")
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (0.25,)
    assert "Time is up: you have lost. Milestones: 1 of 4." in GAME.observe(state, 0).text


def test_the_last_turn_can_still_win() -> None:
    state = play_moves(*TO_THE_KEY, *["put copper key on rocking chair", "take copper key"] * 12, *TO_THE_END[3:])
    assert state.turns == 34 and GAME.returns(state) == (1.0,)
    assert "The quest is done: you have won. Milestones: 4 of 4." in GAME.observe(state, 0).text


def test_the_key_stays_in_the_lock() -> None:
    assert play_moves(*TO_THE_KEY, "unlock narrow door with copper key").carried == 0


def test_an_unlocked_door_has_yet_to_be_opened() -> None:
    assert "go south" not in (GAME.legal(play_moves(*TO_THE_KEY, "unlock narrow door with copper key")) or ())


def test_a_forfeit_is_worth_nothing() -> None:
    assert GAME.forfeit_returns(play_moves(*TO_THE_ALBUM), 0) == (0.0,)


# reading


@pytest.mark.parametrize("text", [
    "go west", "West", "w", "W.", "walk west", "go to the west", "move west", "[go west]", "> go west", "head west!",
    "go through the pine door", "go through the door",
])  # fmt: skip
def test_a_direction_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(play_moves("open pine door"), text) == "go west"


@pytest.mark.parametrize("text", ["go to the kitchen", "walk to kitchen", "go kitchen", "e"])
def test_a_known_room_next_door_may_be_named(text: str) -> None:
    assert GAME.parse(play_moves("open pine door", "go west"), text) == "go east"


@pytest.mark.parametrize("text", [
    "take the copper key", "Get copper key", "pick up the copper key.", "grab a copper key", "take key", "get the key",
    "take copper key from rocking chair", "take the key from the chair", "TAKE  COPPER  KEY",
])  # fmt: skip
def test_taking_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(play_moves("open pine door", "go west"), text) == "take copper key"


@pytest.mark.parametrize("text", [
    "unlock the narrow door with the copper key", "unlock narrow door", "unlock door with key", "unlock the door",
    "use the copper key on the narrow door", "use key on door", "unlock narrow door using copper key",
])  # fmt: skip
def test_unlocking_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(play_moves(*TO_THE_KEY), text) == "unlock narrow door with copper key"


@pytest.mark.parametrize("text", [
    "put the stamp album on the kitchen table", "place stamp album onto the kitchen table", "put album on table",
    "lay the stamp album upon the table",
])  # fmt: skip
def test_putting_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(play_moves(*TO_THE_END[:-1]), text) == "put stamp album on kitchen table"


@pytest.mark.parametrize("text", [
    "go north", "n", "open narrow door", "take lamp key", "take silver cup", "unlock narrow door with copper key",
    "unlock narrow door", "put copper key on rocking chair", "open the safe", "go to the cellar", "take apple",
])  # fmt: skip
def test_a_command_that_does_not_fit_is_illegal_or_none(text: str) -> None:
    expected = ProblemKind.NONE if "lamp" in text else ProblemKind.ILLEGAL
    assert problem_kind(GAME, play_moves("open pine door", "go west"), text) is expected


@pytest.mark.parametrize(
    "text", ["open door", "open the door", "go east or go west", "go east, then go west", "[n] [s]"]
)
def test_what_may_mean_two_commands_is_ambiguous(text: str) -> None:
    state = start_quest(GAME, 19, 1)  # between a glass door and an oak door
    assert problem_kind(GAME, state, text) is ProblemKind.AMBIGUOUS


@pytest.mark.parametrize("text", [
    "", "look", "inventory", "examine chest", "I go west", "I will not go west", "don't take copper key", "go", "take",
    "take copper key from floor", "go west go west", "go west, go west", "not go west", "put", "put key", "unlock",
    "use", "use key", "take on", "put on in", "with", "go to", "take the", "the", "from", "take from", " on ",
])  # fmt: skip
def test_anything_else_is_no_command(text: str) -> None:
    assert problem_kind(GAME, play_moves("open pine door", "go west"), text) is ProblemKind.NONE


def test_nothing_is_read_when_the_game_is_over() -> None:
    assert problem_kind(GAME, play_moves(*TO_THE_END), "go west") is ProblemKind.ILLEGAL


# what is shown


def test_a_room_is_described_in_words() -> None:
    assert text_after("open pine door", "go west") == (
        "Quest: put the stamp album on the kitchen table. Turn 3 of 34. Milestones: 0 of 4.\n"
        "You go west.\n"
        "You are in the attic. The rafters creak in the wind. On the rocking chair you see a copper key.\n"
        "Exits: east through the pine door to the kitchen; south: the narrow door is locked (copper lock).\n"
        "You carry: nothing.\n"
        "Other rooms you have seen:\n"
        "- kitchen: west to attic; nothing on kitchen table; cupboard closed"
    )


def test_a_door_to_an_unknown_room_is_shown() -> None:
    assert "Exits: west through the pine door (unexplored)." in text_after("open pine door")


def test_a_left_room_is_remembered() -> None:
    lines = text_after(*TO_THE_KEY, "go east").splitlines()
    assert lines[-1] == "- attic: east to kitchen, south narrow door locked (copper lock)"


def test_the_last_result_is_shown() -> None:
    text = text_after(*TO_THE_KEY, "unlock door")
    assert text.splitlines()[1] == "You unlock the narrow door with the copper key, which stays in the lock."


@pytest.mark.parametrize("scope", LEVELS)
def test_what_is_shown_is_short(scope: int) -> None:
    game, rng, sizes = games.get(f"text_quest:difficulty=5,scope={scope}"), random.Random(scope), list[int]()
    for k in range(20):
        state = draw_quest(game, rng)
        while game.to_act(state) != OVER:
            sizes.append(len(game.observe(state, 0).text))
            legal = game.legal(state) or ()
            state = game.apply(state, game.solution(game.view(state, 0))[0][0] if k % 2 else rng.choice(legal))
    assert sum(sizes) / len(sizes) < 700 and max(sizes) < 1_000


def test_the_beginning_does_not_show_where_things_lie() -> None:
    for site in range(1, 41):
        seen = {GAME.observe(start_quest(GAME, site, layout), 0) for layout in range(1, NUM_LAYOUTS + 1)}
        assert len(seen) == 1


def test_what_one_sees_does_not_depend_on_what_one_has_not_seen() -> None:
    rng = random.Random(12)
    for _ in range(100):
        state = draw_quest(GAME, rng)
        for _ in range(rng.randint(0, 20)):
            state = GAME.apply(state, rng.choice(GAME.legal(state) or ())) if GAME.to_act(state) == 0 else state
        world = worlds.make_world(2, 2, state.site, state.layout)
        hidden = [
            k for k, place in enumerate(world.site.places)
            if place.room not in state.visited
            or (place.lock != worlds.OPEN and not state.opened >> worlds.box_opening(world.site, k) & 1)
        ]  # fmt: skip
        if len(hidden) < 2:
            continue
        lying = list(state.lying)
        lying[hidden[0]], lying[hidden[1]] = lying[hidden[1]], lying[hidden[0]]
        assert GAME.observe(state._replace(lying=tuple(lying)), 0) == GAME.observe(state, 0)


# players


@pytest.mark.slow
@pytest.mark.parametrize(("difficulty", "scope"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (5, 1), (1, 5)])
def test_the_solver_finishes_nearly_every_quest_and_random_play_few(difficulty: int, scope: int) -> None:
    game, rng = games.get(f"text_quest:difficulty={difficulty},scope={scope},theme=ship"), random.Random(9)
    solved = [game.returns(play_to_end(game, draw_quest(game, rng), rng, solved=True))[0] for _ in range(200)]
    chance = [game.returns(play_to_end(game, draw_quest(game, rng), rng, solved=False))[0] for _ in range(40)]
    assert solved.count(1.0) >= 196 and chance.count(1.0) < 20 and sum(chance) / 40 < 0.7


def test_chance_draws_the_site_and_then_the_layout() -> None:
    start = GAME.start()
    then = GAME.apply(start, "7")
    assert [GAME.to_act(start), GAME.to_act(then), GAME.to_act(GAME.apply(then, "3"))] == [CHANCE, CHANCE, 0]
    assert (len(GAME.chance(start)), len(GAME.chance(then))) == (NUM_SITES, NUM_LAYOUTS) == (128, 16)
