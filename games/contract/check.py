"""Checks a game against the contract by playing it: `mirrormatch check game NAME`.

`check` plays random games and evaluates every clause at the visited states. It depends on no particular game and trusts
none: an exception in a game is a finding too. Only a game that never returns from a call can't be checked.
"""

from typing import NamedTuple

from mirrormatch.games.contract.clauses import AT_A_STATE, OVER_ALL
from mirrormatch.games.contract.visits import AnyGame, Errors, Visit, describe_state, play_random_game, select_distinct
from mirrormatch.seeds import derive
from mirrormatch.text import one_line

_SHOWN_CHARS = 300  # length limit of a state in a finding


class Finding(NamedTuple):
    """One violation of the contract.

    Attributes:
        rule: name of the violated rule.
        message: description of the error and of the correct behaviour.
        shown_by: where it was found (the actions that lead there, the seed, the state); empty if it holds everywhere.
    """

    rule: str
    message: str
    shown_by: str


def check(game: AnyGame, num_games: int = 200, seed: int = 0) -> list[Finding]:
    """Plays random games and lists the violated rules, each once; an empty list is a pass.

    Args:
        game: the game to check, which may be broken in any way.
        num_games: number of games to play.
        seed: seed of the random play.
    """
    found: dict[str, Finding] = {}
    seeds = [derive(seed, "contract", k) for k in range(num_games)]
    visits: list[Visit] = []
    for k, game_seed in enumerate(seeds):
        of_game: list[Visit] = []
        _record_first(found, "play", play_random_game(game, game_seed, k, of_game), of_game)
        visits += of_game
    for visit in select_distinct(visits):
        for rule, at_a_state in AT_A_STATE.items():
            if rule not in found:
                _record_first(found, rule, at_a_state(game, visit), [visit])
    for rule, over_all in OVER_ALL.items():
        if rule not in found:
            _record_first(found, rule, over_all(game, visits), [])
    return list(found.values())


def _record_first(found: dict[str, Finding], rule: str, errors: Errors, seen: list[Visit]) -> None:
    """Records a clause's first error, with the state visited last."""
    try:
        message = next(errors, None)
    except Exception as problem:  # a game under test may raise anything; its author needs to see it
        message = f"raised {type(problem).__name__}: {problem}"
    if message is not None:
        found.setdefault(rule, Finding(rule, message, _describe_visit(seen[-1]) if seen else ""))


def _describe_visit(visit: Visit) -> str:
    return one_line(f"after {list(visit.path)}, game seed {visit.seed}: {describe_state(visit.state)}", _SHOWN_CHARS)
