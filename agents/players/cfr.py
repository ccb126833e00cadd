"""The agent that solves small games of hidden information, OpenSpiel's CFR+."""

import functools
from collections.abc import Hashable, Mapping
from typing import Any, Final

from mirrormatch.agents.players._arguments import parse_number
from mirrormatch.agents.players._openspiel import check_duel, import_module
from mirrormatch.agents.types import Decision, Reply
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.theory.efg import MAX_EFG_NODES, to_efg
from mirrormatch.games.types import Action

ITERATIONS: Final = 300  # Kuhn poker's policy then loses less than 0.001 chips a game to a best response
_NUM_KEPT = 16  # policies, one for each game and number of iterations


class CFRAgent:
    """An approximate equilibrium by counterfactual regret minimisation, for small two-player zero-sum games.

    `cfr` or `cfr:ITERATIONS`. The whole game is solved before the first move (Tammelin 2014, CFR+); each move is then
    drawn from the average policy at the role's information set. Games of up to 50,000 histories: Kuhn poker has 58,
    Leduc poker 9,457.
    """

    max_retries: int | None = 0

    def __init__(self, argument: str = "") -> None:
        self.spec = f"cfr:{argument}" if argument else "cfr"
        self._num_iterations = parse_number("cfr", argument, ITERATIONS, "the number of iterations")

    def check(self, game: Game[Any, Any]) -> None:
        """Solves the game. Raises `UserError` for other kinds of games, too large ones, or without OpenSpiel."""
        check_duel(self.spec, game.info)
        solve(game, self._num_iterations)

    async def act(self, decision: Decision) -> Reply:
        """Replies with a move drawn from the average policy."""
        moves = solve(decision.game, self._num_iterations)[decision.view]
        move = decision.rng().choices(list(moves), list(moves.values()))[0]
        return Reply(answer=move, text=move)


@functools.lru_cache(maxsize=_NUM_KEPT)
def solve(game: Game[Any, Any], num_iterations: int) -> Mapping[Hashable, Mapping[Action, float]]:
    """The average policy of CFR+: the probability of each move by information set, given as the role's view.

    Raises:
        UserError: the game is too large, its moves are free text, or OpenSpiel isn't installed.
    """
    pyspiel = import_module("pyspiel")
    tree = to_efg(game)
    if tree is None:
        raise UserError(
            f"{game.info.name!r} can't be solved whole: moves that are free text, or more than {MAX_EFG_NODES:,} "
            "histories; kuhn_poker is small enough"
        )
    solver = pyspiel.CFRPlusSolver(pyspiel.load_efg_game(tree.text))
    for _ in range(num_iterations):
        solver.evaluate_and_update_policy()
    table = solver.tabular_average_policy().policy_table()
    return {view: {infoset.moves[k]: p for k, p in table[infoset.name]} for view, infoset in tree.infosets.items()}


AGENT = CFRAgent
