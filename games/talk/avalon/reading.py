"""The spellings of moves in Avalon: how teams, statements, votes, cards and names are read and written."""

import functools
import itertools
import re

from mirrormatch.games.player_text import clean_message, normalise
from mirrormatch.games.talk._binding import unwrap_statement
from mirrormatch.games.talk.avalon.state import PASS, Team
from mirrormatch.games.types import Action, Problem, ProblemKind
from mirrormatch.text import has_visible

VOTE_SPELLINGS = {
    **dict.fromkeys(("yes", "y", "approve", "vote yes", "for"), "yes"),
    **dict.fromkeys(("no", "n", "reject", "vote no", "against"), "no"),
}
CARD_SPELLINGS = {
    **dict.fromkeys(("success", "succeed", "play success"), "success"),
    **dict.fromkeys(("fail", "failure", "play fail"), "fail"),
}

_NUM_CACHED = 4_096  # results of each function that is called again and again
_NAME_FORMS = ("{}", "player {}", "name {}", "name player {}", "kill {}", "kill player {}", "merlin is player {}")
_TEAM = re.compile(  # a number ends where its digits do: otherwise a row of digits could be split in many ways
    r"(?:i )?(?:propose )?(?:the |a )?(?:team )?(?:of )?((?:(?:players?|,|&|\+|and|\d{1,3}(?!\d))\s*)+)"
)
_NUMBER = re.compile(r"\d+")


@functools.cache
def list_teams(num_players: int, size: int) -> dict[Action, Action]:
    """Every team of that size, sorted; each one's spelling maps to itself."""
    spelled = sorted(spell_team(team) for team in itertools.combinations(range(num_players), size))
    return {team: team for team in spelled}


@functools.lru_cache(_NUM_CACHED)
def spell_team(team: Team) -> Action:
    """The action that proposes a team: `(0, 2)` becomes `"1 3"`."""
    return " ".join(str(p + 1) for p in team)


@functools.lru_cache(_NUM_CACHED)
def parse_seats(action: Action) -> Team:
    """The team that an action proposes: `"1 3"` becomes `(0, 2)`."""
    return tuple(int(number) - 1 for number in action.split())


@functools.lru_cache(_NUM_CACHED)
def read_team(text: str, num_players: int, size: int) -> Action | Problem:
    """Reads a team from a list of numbers, in any order."""
    found = _TEAM.fullmatch(normalise(text))
    numbers = [int(n) for n in _NUMBER.findall(found[1])] if found else []
    if not numbers:
        return Problem(ProblemKind.NONE, f"a team reads: {spell_team(tuple(range(size)))}")
    if len(numbers) != size or len(set(numbers)) < size:
        return Problem(ProblemKind.ILLEGAL, f"the team has {size} different players")
    if not all(1 <= n <= num_players for n in numbers):
        return Problem(ProblemKind.ILLEGAL, f"players are numbered 1 to {num_players}")
    return " ".join(map(str, sorted(numbers)))


@functools.lru_cache(_NUM_CACHED)
def read_statement(text: str) -> Action | Problem:
    """Reads a statement as the others will see it: without quotation marks around it, on one line, cut."""
    statement = clean_message(unwrap_statement(text))
    if not has_visible(statement):
        return Problem(ProblemKind.NONE, f"nothing was said; to say nothing, {PASS!r}")
    return PASS if normalise(statement) == PASS else statement


@functools.cache
def list_name_spellings(num_players: int) -> dict[str, Action]:
    """Every spelling of the Assassin's choice -> the player's number."""
    return {form.format(k): str(k) for form in _NAME_FORMS for k in range(1, num_players + 1)}
