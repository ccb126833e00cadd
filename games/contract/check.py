"""What every game must keep, checked by playing it: `mirrormatch check game NAME`.

`check` plays random games and asks every clause at the states they come by. It knows no game in particular and trusts
none: whatever a game raises is a finding too. Only a game that never answers is beyond it.
"""

from typing import NamedTuple

from mirrormatch.games.contract.clauses import AT_A_STATE, OVER_ALL
from mirrormatch.games.contract.visits import AnyGame, Spot, Wrongs, different, play, said
from mirrormatch.seeds import derive
from mirrormatch.text import one_line

_SHOWN_CHARS = 300  # of a state, in a finding


class Finding(NamedTuple):
    """One thing to fix.

    Attributes:
        rule: the name of the rule that isn't kept.
        message: what is wrong, and what it should be.
        shown_by: where it was seen (the actions that lead there, the seed, the state); empty if seen everywhere.
    """

    rule: str
    message: str
    shown_by: str


def check(game: AnyGame, num_games: int = 200, seed: int = 0) -> list[Finding]:
    """Plays random games and lists the rules that aren't kept, each once; an empty list is a pass.

    Args:
        game: the game to check, however broken.
        num_games: how many games are played.
        seed: of the play.
    """
    found: dict[str, Finding] = {}
    seeds = [derive(seed, "contract", k) for k in range(num_games)]
    spots: list[Spot] = []
    for k, game_seed in enumerate(seeds):
        played: list[Spot] = []
        _ask(found, "play", play(game, game_seed, k, played), played)
        spots += played
    for spot in different(spots):
        for rule, at_a_state in AT_A_STATE.items():
            if rule not in found:
                _ask(found, rule, at_a_state(game, spot), [spot])
    for rule, over_all in OVER_ALL.items():
        if rule not in found:
            _ask(found, rule, over_all(game, spots), [])
    return list(found.values())


def _ask(found: dict[str, Finding], rule: str, wrongs: Wrongs, seen: list[Spot]) -> None:
    """Notes the first thing that is wrong, with the last state seen by then."""
    try:
        message = next(wrongs, None)
    except Exception as problem:  # a game under test may raise anything, and its author wants to know
        message = f"raised {type(problem).__name__}: {problem}"
    if message is not None:
        found.setdefault(rule, Finding(rule, message, _shown(seen[-1]) if seen else ""))


def _shown(spot: Spot) -> str:
    return one_line(f"after {list(spot.path)}, game seed {spot.seed}: {said(spot.state)}", _SHOWN_CHARS)
