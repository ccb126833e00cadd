"""The agent that searches with Monte Carlo playouts, OpenSpiel's MCTS."""

import math
from typing import Any

from mirrormatch.agents.players._arguments import parse_number
from mirrormatch.agents.players._openspiel import check_open, import_module, make_search
from mirrormatch.agents.types import Decision, Reply
from mirrormatch.games.game import Game

SIMULATIONS = 300  # about 50 ms for a move of tic-tac-toe
_ALGORITHM = "open_spiel.python.algorithms.mcts"
_UCT = math.sqrt(2)  # Kocsis and Szepesvari 2006, of returns between -1 and 1


class MCTSAgent:
    """Monte Carlo tree search with random playouts, for games without hidden information.

    `mcts` or `mcts:SIMULATIONS`. Any number of players, each for its own return; chance is sampled. A new tree is
    built for every move, from the rules alone: the more simulations, the better it plays.
    """

    max_retries: int | None = 0

    def __init__(self, argument: str = "") -> None:
        self.spec = f"mcts:{argument}" if argument else "mcts"
        self._num_simulations = parse_number("mcts", argument, SIMULATIONS, "the number of simulations for a move")

    def check(self, game: Game[Any, Any]) -> None:
        """Raises `UserError` for games with hidden information or free text, or without OpenSpiel."""
        check_open(self.spec, game.info)
        import_module(_ALGORITHM)

    async def act(self, decision: Decision) -> Reply:
        """Replies with the most simulated move."""
        mcts, random = import_module(_ALGORITHM), import_module("numpy").random
        search, info = make_search(decision.game, decision.state), decision.game.info
        rng = random.RandomState(decision.rng().getrandbits(32))
        bot = mcts.MCTSBot(
            search.game,
            uct_c=_UCT * (info.max_return - info.min_return) / 2,
            max_simulations=self._num_simulations,
            evaluator=mcts.RandomRolloutEvaluator(n_rollouts=1, random_state=rng),
            random_state=rng,
        )
        move = search.moves[bot.step(search.state)]
        return Reply(answer=move, text=move)


AGENT = MCTSAgent
